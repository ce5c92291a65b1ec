import type { EntityManager } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import { AttachmentRow } from '../database/entities/attachment.js';
import { BlobRow, type Verdict } from '../database/entities/blob.js';
import type { RecordFieldRow } from '../database/entities/record-field.js';
import { Parameters } from '../database/read-rows.js';
import { hasRowLocks, lockRows } from '../database/row-locks.js';
import { fault } from '../errors.js';
import { mayCopy } from '../model/stored-attachment.js';

/** The facts by which an attachment of a field is copied: its words may be long, and are copied within the database. */
export interface CopySource {
  id: string;
  fileName: string;
  contentType: string;
  size: number;
}

interface SourceRow {
  id: string;
  field_id: string;
  blob_id: string;
  file_name: string;
  content_type: string;
  size: number | string;
  created_by_id: string;
  verdict: Verdict;
  damaged_at: number | string | null;
}

/** Copies made in one transaction: others need not wait long. A field has no more. */
const maxAtOnce = 1_000;

/** Those fields that hold something, given their links: the ones to copy in this transaction, and in later ones. */
export function chooseFields(
  fields: readonly RecordFieldRow[],
  links: ReadonlyMap<string, number>,
): { now: RecordFieldRow[]; later: RecordFieldRow[] } {
  const filled = fields.filter(({ id }) => links.has(id));
  let count = 0;
  const end = filled.findIndex(({ id }, index) => {
    count += links.get(id) ?? 0;
    return index > 0 && count > maxAtOnce;
  });
  return end === -1 ? { now: filled, later: [] } : { now: filled.slice(0, end), later: filled.slice(end) };
}

/**
 * All that these fields hold, in order, kept as it is until the transaction ends, verdicts too. Rejected ones are left out: they are
 * leaving the field just now. All are locked at once, by the order of locks. Throws NOT_APPROVED, DAMAGED.
 */
export async function readCopySources(
  manager: EntityManager,
  viewer: Viewer,
  fieldIds: readonly string[],
): Promise<ReadonlyMap<string, CopySource[]>> {
  const found = hasRowLocks(manager)
    ? await lockSources(manager, viewer, fieldIds)
    : await readSourceRows(manager, viewer, fieldIds);
  const sources = found.filter(({ verdict }) => verdict !== 'REJECTED');
  assertEach(sources, 'damaged', 'are damaged', ({ damaged_at }) => damaged_at === null);
  assertEach(sources, 'not_approved', 'have not been approved yet', ({ verdict, created_by_id }) =>
    mayCopy(viewer, verdict, created_by_id),
  );
  const ofField = new Map<string, CopySource[]>();
  for (const row of sources) {
    const held = ofField.get(row.field_id) ?? [];
    held.push(toSource(row));
    ofField.set(row.field_id, held);
  }
  return ofField;
}

/** Throws where some are not as they must be, saying how many. */
function assertEach(
  sources: readonly SourceRow[],
  type: 'damaged' | 'not_approved',
  what: string,
  isGood: (source: SourceRow) => boolean,
): void {
  const others = new Set(sources.filter((source) => !isGood(source)).map(({ id }) => id));
  if (others.size > 0) throw fault(type, ['input', 'from'], `${others.size} of its attachments ${what}.`);
}

/** Those that come into a field meanwhile are not among them. */
async function lockSources(
  manager: EntityManager,
  viewer: Viewer,
  fieldIds: readonly string[],
): Promise<SourceRow[]> {
  const ids = (await readSourceRows(manager, viewer, fieldIds)).map(({ id }) => id);
  await lockRows(manager, AttachmentRow, ids, 'SHARE');
  const locked = new Set(ids);
  const read = async () =>
    (await readSourceRows(manager, viewer, fieldIds)).filter(({ id }) => locked.has(id));
  const blobIds = (await read()).map((row) => row.blob_id);
  await lockRows(manager, BlobRow, blobIds, 'SHARE');
  return read();
}

const toSource = ({ id, file_name, content_type, size }: SourceRow): CopySource => ({
  id,
  fileName: file_name,
  contentType: content_type,
  size: Number(size),
});

async function readSourceRows(
  manager: EntityManager,
  { organizationId, principal }: Viewer,
  fieldIds: readonly string[],
): Promise<SourceRow[]> {
  const sql = new Parameters(manager);
  const text = `SELECT a.id AS id, l.field_id AS field_id, a.blob_id AS blob_id, a.file_name AS file_name, a.content_type AS content_type,
      a.size AS size, a.created_by_id AS created_by_id, b.verdict AS verdict,
      b.damaged_at AS damaged_at
    FROM links l JOIN attachments a ON a.id = l.attachment_id JOIN blobs b ON b.id = a.blob_id
    WHERE ${sql.isOneOf('l.field_id', fieldIds)} AND a.organization_id = ${sql.add(organizationId)}
      AND (a.shared OR a.created_by_id = ${sql.add(principal.id)})
    ORDER BY l.field_id, l.position`;
  return manager.query<SourceRow[]>(text, sql.values);
}

/** Those of these ids that attachments have, and those in the trash. */
export async function findCopies(
  manager: EntityManager,
  { organizationId }: Viewer,
  ids: readonly string[],
): Promise<{ inUse: ReadonlySet<string>; trashed: ReadonlySet<string> }> {
  const idsIn = async (table: 'attachments' | 'trashed_attachments') => {
    const sql = new Parameters(manager);
    // With another condition SQLite would walk the whole organization by an index of its id.
    const text = `SELECT id, organization_id FROM ${table} WHERE ${sql.isOneOf('id', ids)}`;
    const rows = await manager.query<{ id: string; organization_id: string }[]>(text, sql.values);
    return new Set(rows.filter((row) => row.organization_id === organizationId).map(({ id }) => id));
  };
  return { inUse: await idsIn('attachments'), trashed: await idsIn('trashed_attachments') };
}

type Owned = Pick<AttachmentRow, 'id' | 'organizationId' | 'recordType' | 'recordId'>;

/** The records that own these attachments. */
export async function readOwners(
  manager: EntityManager,
  { organizationId }: Viewer,
  ids: readonly string[],
): Promise<Owned[]> {
  const sql = new Parameters(manager);
  const text = `SELECT id, organization_id AS "organizationId", record_type AS "recordType", record_id AS "recordId"
    FROM attachments WHERE ${sql.isOneOf('id', ids)}`;
  const rows = await manager.query<Owned[]>(text, sql.values);
  return rows.filter((row) => row.organizationId === organizationId);
}

/** Links of fields: how many each has, and how many attachments those are together. */
export async function countLinks(
  manager: EntityManager,
  fieldIds: readonly string[],
): Promise<{ ofField: ReadonlyMap<string, number>; distinct: number }> {
  const counting = new Parameters(manager);
  const rows = await manager.query<{ field_id: string; count: number | string }[]>(
    `SELECT field_id, COUNT(*) AS count FROM links WHERE ${counting.isOneOf('field_id', fieldIds)} GROUP BY field_id`,
    counting.values,
  );
  const sql = new Parameters(manager);
  const [all] = await manager.query<{ count: number | string }[]>(
    `SELECT COUNT(DISTINCT attachment_id) AS count FROM links WHERE ${sql.isOneOf('field_id', fieldIds)}`,
    sql.values,
  );
  return {
    ofField: new Map(rows.map(({ field_id, count }) => [field_id, Number(count)])),
    distinct: Number(all?.count ?? 0),
  };
}
