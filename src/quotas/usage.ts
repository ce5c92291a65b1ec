import type { EntityManager } from 'typeorm';
import type { Database } from '../database/database.js';
import { changeRows, Parameters } from '../database/read-rows.js';
import { hasRowLocks } from '../database/row-locks.js';

/*
 * Triggers of the database write a row of `usage_changes` for each blob, attachment and preview that comes or goes, the trash included, in the same transaction.
 * No row is shared by uploads, and no way to a row can forget it. In the background the changes are folded into `usages`, a row for
 * each organization. Both together are exact after every commit. These tables have no entities: nothing else reads or moves them.
 */

/** All that an organization has stored. Bytes are those of distinct contents. */
export interface Usage {
  bytes: number;
  attachments: number;
}

interface UsageRow {
  bytes: number | string | null;
  attachments: number | string | null;
}

const toUsage = (row: UsageRow | undefined): Usage => ({
  bytes: Number(row?.bytes ?? 0),
  attachments: Number(row?.attachments ?? 0),
});

/** SQL of all counters there are. */
const allCounters = `(SELECT organization_id, bytes, attachments, previews FROM usages
  UNION ALL SELECT organization_id, bytes, attachments, previews FROM usage_changes)`;

/** SQL of the sums of one organization's counters; `organization` is the place of its id. */
export const countersOf = (organization: string) => `SELECT COALESCE(SUM(bytes), 0) AS bytes,
    COALESCE(SUM(attachments), 0) AS attachments, COALESCE(SUM(previews), 0) AS previews FROM ${allCounters} counted WHERE organization_id = ${organization}`;

export async function readUsage(manager: EntityManager, organizationId: string): Promise<Usage> {
  const sql = new Parameters(manager);
  const text = countersOf(sql.add(organizationId));
  const [row] = await manager.query<UsageRow[]>(text, sql.values);
  return toUsage(row);
}

/** The usage of all organizations together. */
export async function sumUsage(manager: EntityManager): Promise<Usage> {
  const text = `SELECT SUM(bytes) AS bytes, SUM(attachments) AS attachments FROM ${allCounters} counted`;
  const [row] = await manager.query<UsageRow[]>(text);
  return toUsage(row);
}

/** Changes that are folded at once, on PostgreSQL. */
const batchSize = 10_000;

/** Folds the changes so far into the counters of their organizations. Any number of processes may do so at once. */
export async function foldUsage({
  read,
  writeInBackground,
}: Pick<Database, 'read' | 'writeInBackground'>): Promise<void> {
  for (let left = true; left; ) {
    const [change] = await read.query<unknown[]>('SELECT 1 FROM usage_changes LIMIT 1');
    if (!change) return;
    left = await writeInBackground(async (manager) => {
      if (hasRowLocks(manager)) return foldSome(manager);
      await manager.query(addTo('usage_changes WHERE true'));
      await changeRows(manager, () => 'DELETE FROM usage_changes');
      return false;
    });
  }
}

const addTo = (changes: string) => `INSERT INTO usages (organization_id, bytes, attachments, previews)
  SELECT organization_id, SUM(bytes), SUM(attachments), SUM(previews) FROM ${changes}
  GROUP BY organization_id ORDER BY organization_id
  ON CONFLICT (organization_id) DO UPDATE
    SET bytes = usages.bytes + excluded.bytes, attachments = usages.attachments + excluded.attachments,
      previews = usages.previews + excluded.previews`;

/** Changes that another process is folding are left to it. Returns whether there were some. */
async function foldSome(manager: EntityManager): Promise<boolean> {
  const folded = await changeRows(
    manager,
    () => `WITH gone AS (DELETE FROM usage_changes WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM usage_changes LIMIT ${batchSize} FOR UPDATE SKIP LOCKED))
      RETURNING organization_id, bytes, attachments, previews) ${addTo('gone')}`,
  );
  return folded > 0;
}

/** The counters of an organization: its usage, and the bytes of its previews. */
export type Counters = Usage & { previews: number };

/** An organization's counters beside its rows. */
export interface Recount {
  organizationId: string;
  counted: Counters;
  actual: Counters;
}

const counters = ['bytes', 'attachments', 'previews'] as const;

/** Counts the rows of every organization, and compares them with the counters, in one statement. */
export async function recountUsage(manager: Pick<EntityManager, 'query'>): Promise<Recount[]> {
  const rows = await manager.query<Record<string, number | string>[]>(comparison);
  return rows.map((row) => {
    const countersOfRow = (prefix: string): Counters => ({
      bytes: Number(row[`${prefix}bytes`]),
      attachments: Number(row[`${prefix}attachments`]),
      previews: Number(row[`${prefix}previews`]),
    });
    return {
      organizationId: String(row['id']),
      counted: countersOfRow('counted_'),
      actual: countersOfRow(''),
    };
  });
}

const comparison = `SELECT id, ${counters.map((name) => `SUM(${name}) AS ${name}, SUM(counted_${name}) AS counted_${name}`).join()}
  FROM (
    SELECT id, 0 AS bytes, 0 AS attachments, 0 AS previews,
      0 AS counted_bytes, 0 AS counted_attachments, 0 AS counted_previews FROM organizations
    UNION ALL SELECT organization_id, size, 0, 0, 0, 0, 0 FROM blobs
    UNION ALL SELECT organization_id, 0, 1, 0, 0, 0, 0 FROM attachments
    UNION ALL SELECT organization_id, 0, 1, 0, 0, 0, 0 FROM trashed_attachments
    UNION ALL SELECT organization_id, 0, 0, size, 0, 0, 0 FROM previews
    UNION ALL SELECT organization_id, 0, 0, 0, bytes, attachments, previews FROM ${allCounters} counters) compared
  GROUP BY id ORDER BY id`;

/**
 * Corrects counters that differ from the rows, whatever is written meanwhile: it adds the differences of one moment. Returns all
 * counters as they were. Of several corrections at once each waits for the one before, or both would add the same.
 */
export async function correctUsage(manager: EntityManager): Promise<Recount[]> {
  if (hasRowLocks(manager))
    await manager.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', ['correct usage']);
  const found = await recountUsage(manager);
  await changeRows(
    manager,
    () => `INSERT INTO usage_changes (organization_id, ${counters.join()})
      SELECT id, ${counters.map((name) => `${name} - counted_${name}`).join()} FROM (${comparison}) differing
      WHERE ${counters.map((name) => `${name} <> counted_${name}`).join(' OR ')}`,
  );
  return found;
}
