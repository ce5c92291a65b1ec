import type { EntityManager } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import type { Verdict } from '../database/entities/blob.js';
import { compareTexts, type Position, type Stretch, type Total, toTotal } from '../database/page.js';
import { Parameters } from '../database/read-rows.js';
import { inSnapshot } from '../database/snapshot.js';
import type { RecordRef } from '../model/record.js';
import { readStored, type StoredAttachment } from '../model/stored-attachment.js';
import { countAttachments } from './count-attachments.js';
import { newestFirst, walkAttachments } from './list-attachments.js';

/** Several records, and the verdicts of those attachments of each that count; undefined: all. */
export interface OfRecords {
  records: readonly RecordRef[];
  status: readonly Verdict[] | undefined;
}

/** Attachments of several records that are gone through at once. If there are more, each record is read by itself. */
const maxTogether = 5_000;

/**
 * A stretch of what each record has claimed or links to, the newest first: read together if that is not much. `manager` is that of
 * a list.
 */
export function listOfRecords(
  manager: EntityManager,
  viewer: Viewer,
  of: OfRecords,
  stretch: Stretch,
): Promise<StoredAttachment[][]> {
  // A stretch that lacks one which was deleted meanwhile would be the last.
  return inSnapshot(manager, (read) => readLists(read, viewer, of, stretch));
}

async function readLists(
  manager: EntityManager,
  viewer: Viewer,
  { records, status }: OfRecords,
  stretch: Stretch,
): Promise<StoredAttachment[][]> {
  const together = await readTogether(manager, viewer, { records, status });
  if (!together) {
    const lists: StoredAttachment[][] = [];
    for (const record of records) {
      const list = { filter: { record, status }, orderBy: newestFirst };
      lists.push(await walkAttachments(manager, viewer, list, stretch));
    }
    return lists;
  }
  const chosen = together.map((positions) => cut(positions, stretch));
  const stored = await readStored(manager, [...new Set(chosen.flat().map(({ id }) => id))]);
  const byId = new Map(stored.map((one) => [one.attachment.id, one]));
  return chosen.map((positions) => positions.flatMap(({ id }) => byId.get(id) ?? []));
}

/** How many attachments each record has. */
export async function countOfRecords(
  manager: EntityManager,
  viewer: Viewer,
  { records, status }: OfRecords,
): Promise<Total[]> {
  const together = await readTogether(manager, viewer, { records, status });
  if (together) return together.map(({ length }) => toTotal(length));
  const totals: Total[] = [];
  for (const record of records)
    totals.push(await countAttachments(manager, viewer, { filter: { record, status } }));
  return totals;
}

/** The place of each record's attachments in the order of creation; null for one record, and for more than 5,000 attachments. */
async function readTogether(
  manager: EntityManager,
  { organizationId }: Viewer,
  { records, status }: OfRecords,
): Promise<Position[][] | null> {
  if (records.length < 2) return null;
  const sql = new Parameters(manager);
  const ofRecords = (table: string) => `${table}.organization_id = ${sql.add(organizationId)}
    AND ${table}.record_type = named.value ->> 1 AND ${table}.record_id = named.value ->> 2`;
  const rows = records.map(({ type, id }, index) => [String(index), type, id]);
  const select = () => `SELECT named.value ->> 0 AS place, a.id AS id, a.created_at AS created_at
    FROM ${sql.rowsOf(rows)} named`;
  const isCounted = () =>
    status
      ? `AND ${sql.isOneOf('(SELECT blobs.verdict FROM blobs WHERE blobs.id = a.blob_id)', status)}`
      : '';
  // Cross joins keep SQLite to this order: from the few records to their attachments.
  const found = await manager.query<{ place: string; id: string; created_at: number | string }[]>(
    `SELECT * FROM (
      ${select()} CROSS JOIN attachments a WHERE ${ofRecords('a')} AND a.shared ${isCounted()}
      UNION ${select()} CROSS JOIN record_fields f CROSS JOIN links l CROSS JOIN attachments a
        WHERE ${ofRecords('f')} AND l.field_id = f.id AND a.id = l.attachment_id AND a.shared ${isCounted()}
    ) found LIMIT ${maxTogether + 1}`,
    sql.values,
  );
  if (found.length > maxTogether) return null;
  const positions = records.map((): Position[] => []);
  for (const { place, id, created_at } of found)
    positions[Number(place)]?.push({ value: Number(created_at), id });
  return positions;
}

/** The positions on a stretch, in the order in which it goes through them. */
function cut(positions: readonly Position[], { after, before, isBackward, limit }: Stretch): Position[] {
  return positions
    .filter((one) => (!after || compare(after, one) < 0) && (!before || compare(one, before) < 0))
    .sort((one, other) => (isBackward ? -1 : 1) * compare(one, other))
    .slice(0, limit);
}

/** The newest first. */
const compare = (one: Position, other: Position): number =>
  Number(other.value) - Number(one.value) || compareTexts(other.id, one.id);
