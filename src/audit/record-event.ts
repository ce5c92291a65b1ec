import type { EntityManager } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { AuditEventRow } from '../database/entities/audit-event.js';
import { insertRow } from '../database/insert-row.js';
import type { AuditAction } from './actions.js';

/** Who did it. A viewer is one; a principal of null is nobody in particular. */
export interface Actor {
  organizationId: string;
  principal: { id: string } | null;
}

export interface AuditEvent {
  action: AuditAction;
  /** The attachment's id, or the API key's. */
  subjectId: string;
  at: Date;
  details?: object | null;
  /** Of events with the same key only the first is recorded. */
  onceKey?: string;
}

/** Records what is done in the same transaction, so that neither is there without the other. */
export async function recordEvent(
  manager: EntityManager,
  { organizationId, principal }: Actor,
  { action, subjectId, at, details = null, onceKey }: AuditEvent,
): Promise<void> {
  const row: AuditEventRow = {
    id: uuidv7({ msecs: at.getTime() }),
    organizationId,
    principalId: principal?.id ?? null,
    action,
    subjectId,
    details,
    onceKey: onceKey ?? null,
    createdAt: at,
  };
  await insertRow(manager, AuditEventRow, row, { orIgnore: onceKey !== undefined });
}
