import type { EntityManager } from 'typeorm';
import type { Database } from '../database/database.js';
import { changeRows, Parameters } from '../database/read-rows.js';
import { hasRowLocks } from '../database/row-locks.js';

/*
 * Triggers of the database write a row of `usage_changes` for each blob and attachment that comes or goes, the trash included, in the same transaction.
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
const allCounters = `(SELECT organization_id, bytes, attachments FROM usages
  UNION ALL SELECT organization_id, bytes, attachments FROM usage_changes)`;

/** SQL of the two sums of one organization's counters; `organization` is the place of its id. */
export const countersOf = (organization: string) => `SELECT COALESCE(SUM(bytes), 0) AS bytes,
    COALESCE(SUM(attachments), 0) AS attachments FROM ${allCounters} counted WHERE organization_id = ${organization}`;

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

const addTo = (changes: string) => `INSERT INTO usages (organization_id, bytes, attachments)
  SELECT organization_id, SUM(bytes), SUM(attachments) FROM ${changes} GROUP BY organization_id ORDER BY organization_id
  ON CONFLICT (organization_id) DO UPDATE
    SET bytes = usages.bytes + excluded.bytes, attachments = usages.attachments + excluded.attachments`;

/** Changes that another process is folding are left to it. Returns whether there were some. */
async function foldSome(manager: EntityManager): Promise<boolean> {
  const folded = await changeRows(
    manager,
    () => `WITH gone AS (DELETE FROM usage_changes WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM usage_changes LIMIT ${batchSize} FOR UPDATE SKIP LOCKED))
      RETURNING organization_id, bytes, attachments) ${addTo('gone')}`,
  );
  return folded > 0;
}

/** An organization's counters beside its rows. */
export interface Recount {
  organizationId: string;
  counted: Usage;
  actual: Usage;
}

/** Counts the rows of every organization, and compares them with the counters, in one statement. */
export async function recountUsage(manager: Pick<EntityManager, 'query'>): Promise<Recount[]> {
  const rows =
    await manager.query<
      (UsageRow & { id: string; counted_bytes: number | string; counted_attachments: number | string })[]
    >(comparison);
  return rows.map(({ id, counted_bytes, counted_attachments, ...actual }) => ({
    organizationId: id,
    counted: toUsage({ bytes: counted_bytes, attachments: counted_attachments }),
    actual: toUsage(actual),
  }));
}

const comparison = `SELECT id, SUM(bytes) AS bytes, SUM(attachments) AS attachments,
    SUM(counted_bytes) AS counted_bytes, SUM(counted_attachments) AS counted_attachments
  FROM (
    SELECT id, 0 AS bytes, 0 AS attachments, 0 AS counted_bytes, 0 AS counted_attachments FROM organizations
    UNION ALL SELECT organization_id, size, 0, 0, 0 FROM blobs
    UNION ALL SELECT organization_id, 0, 1, 0, 0 FROM attachments
    UNION ALL SELECT organization_id, 0, 1, 0, 0 FROM trashed_attachments
    UNION ALL SELECT organization_id, 0, 0, bytes, attachments FROM ${allCounters} counters) compared
  GROUP BY id ORDER BY id`;

/** Corrects counters that differ from the rows, whatever is written meanwhile: it adds the differences of one moment. */
export async function correctUsage(manager: EntityManager): Promise<void> {
  await changeRows(
    manager,
    () => `INSERT INTO usage_changes (organization_id, bytes, attachments)
      SELECT id, bytes - counted_bytes, attachments - counted_attachments FROM (${comparison}) differing
      WHERE bytes <> counted_bytes OR attachments <> counted_attachments`,
  );
}
