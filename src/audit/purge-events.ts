import type { Database } from '../database/database.js';
import { AuditEventRow } from '../database/entities/audit-event.js';
import { purgeRows } from '../database/purge-rows.js';
import { LessThan } from '../database/typeorm.js';
import { firstIdOf } from './record-event.js';

/** For `where`: the events that are older than the retention, in milliseconds; null where that is 0, which is for good. */
export function outlivedAt(now: Date, retentionMs: number) {
  return retentionMs === 0 ? null : { id: LessThan(firstIdOf(now.getTime() - retentionMs)) };
}

/** Removes events that are older than the retention, in milliseconds; 0 keeps them for good. */
export async function purgeEvents(database: Database, now: Date, retentionMs: number): Promise<void> {
  if (retentionMs === 0) return;
  await purgeRows(database, AuditEventRow, 'id', firstIdOf(now.getTime() - retentionMs));
}
