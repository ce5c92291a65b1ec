import type { Database } from '../database/database.js';
import { AuditEventRow } from '../database/entities/audit-event.js';
import { LessThan, LessThanOrEqual } from '../database/typeorm.js';
import { firstIdOf } from './record-event.js';

const batchSize = 1_000;

/** For `where`: the events that are older than the retention, in milliseconds; null where that is 0, which is for good. */
export function outlivedAt(now: Date, retentionMs: number) {
  return retentionMs === 0 ? null : { id: LessThan(firstIdOf(now.getTime() - retentionMs)) };
}

/** Removes events that are older than the retention, in milliseconds; 0 keeps them for good. */
export async function purgeEvents(database: Database, now: Date, retentionMs: number): Promise<void> {
  const outlived = outlivedAt(now, retentionMs);
  if (!outlived) return;
  for (;;) {
    const [last] = await database.read.find(AuditEventRow, {
      where: outlived,
      order: { id: 'ASC' },
      select: { id: true },
      skip: batchSize - 1,
      take: 1,
    });
    const batch = last ? { id: LessThanOrEqual(last.id) } : outlived;
    if (last || (await database.read.existsBy(AuditEventRow, outlived))) {
      await database.write((manager) => manager.delete(AuditEventRow, batch));
    }
    if (!last) return;
  }
}
