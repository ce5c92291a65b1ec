import type { EntityManager } from 'typeorm';
import { changeRows, Parameters } from './read-rows.js';
import { hasRowLocks } from './row-locks.js';

/*
 * A trigger writes a row of `webhook_events` beside each event of the audit log that is about an attachment, in the same
 * transaction, if the organization has an endpoint for webhooks. No way to an event can forget it, and without an endpoint it
 * costs a look at an index. In the background deliveries are made of the rows. The table has no entity: what comes in has no
 * other way, and a move takes it along by itself.
 */

/** An event that is to be told. */
export interface WaitingEvent {
  organizationId: string;
  attachmentId: string;
  /** The action of the audit event. */
  action: string;
  /** JSON, as the trigger composes it. */
  event: string;
  createdAt: number;
}

const columns = 'organization_id, attachment_id, action, event, created_at';

/** Events that are told, or moved, by one transaction. */
const eventBatch = 100;

export async function hasEvents(read: EntityManager): Promise<boolean> {
  const found = await read.query<unknown[]>('SELECT 1 FROM webhook_events LIMIT 1');
  return found.length > 0;
}

/**
 * Takes the oldest events out, in order, inside the caller's transaction. Another process that does so at the same time waits
 * for this one: events of an attachment stay in their order.
 */
export async function takeEvents(manager: EntityManager): Promise<WaitingEvent[]> {
  const lock = hasRowLocks(manager) ? ' FOR UPDATE' : '';
  const rows = await manager.query<StoredEvent[]>(
    `SELECT seq, ${columns} FROM webhook_events ORDER BY seq LIMIT ${eventBatch}${lock}`,
  );
  const taken = rows.map(({ seq }) => String(seq));
  await changeRows(manager, (sql) => `DELETE FROM webhook_events WHERE ${sql.isOneOf('seq', taken)}`);
  return rows.map(toEvent);
}

interface StoredEvent {
  seq: number | string;
  organization_id: string;
  attachment_id: string;
  action: string;
  event: string;
  created_at: number | string;
}

const toEvent = (row: StoredEvent): WaitingEvent => ({
  organizationId: row.organization_id,
  attachmentId: row.attachment_id,
  action: row.action,
  event: row.event,
  createdAt: Number(row.created_at),
});

/** All events of another database, in order, in batches. */
export async function* readEvents(read: EntityManager): AsyncGenerator<WaitingEvent[]> {
  for (let last: number | string = 0; ; ) {
    const sql = new Parameters(read);
    const rows: StoredEvent[] = await read.query(
      `SELECT seq, ${columns} FROM webhook_events WHERE seq > ${sql.add(last)} ORDER BY seq LIMIT ${eventBatch}`,
      sql.values,
    );
    if (rows.length > 0) yield rows.map(toEvent);
    if (rows.length < eventBatch) return;
    last = rows.at(-1)?.seq ?? last;
  }
}

/** Adds events behind those that are there. */
export async function addEvents(manager: EntityManager, events: readonly WaitingEvent[]): Promise<void> {
  for (const { organizationId, attachmentId, action, event, createdAt } of events) {
    const sql = new Parameters(manager);
    const values = [organizationId, attachmentId, action, event, createdAt].map((value) => sql.add(value));
    await manager.query(`INSERT INTO webhook_events (${columns}) VALUES (${values.join(', ')})`, sql.values);
  }
}

export async function dropEvents(manager: EntityManager): Promise<void> {
  await changeRows(manager, () => 'DELETE FROM webhook_events');
}
