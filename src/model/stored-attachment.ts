/*
 * The words of the code, each with one meaning:
 *
 * - attachment: a named use of stored bytes by an organization. blob: those bytes; several attachments may share one.
 * - record: a thing in the caller's own system, known by its type and id. field: a named slot of a record, with a version.
 * - claim: making a record the owner of an attachment, once. link: an attachment at a position in a field.
 * - intake: bytes on their way in, from their first one until an attachment uses them or they are discarded.
 * - upload target: a URL that takes announced bytes by PUT, once. document key: the place of the bytes in the storage.
 * - policy: the size, types, count and sharing that an upload or a field must satisfy. verdict: the scanner's word on a blob.
 * - viewer: who asks: a principal of an organization, with permissions. need: the permission that an operation asks for.
 * - change: a committed difference that watchers are told of.
 * - trash: attachments that were deleted and can be restored. Each is a row of another table, which no other query reads.
 * - damaged: bytes that are not those that came, or are gone. scrub: reading stored bytes again to find that.
 * - due: ready to be removed by the cleaning. orphan: stored bytes that no row names.
 */

import type { EntityManager } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import { AttachmentRow, TrashedAttachmentRow } from '../database/entities/attachment.js';
import { BlobRow, type Verdict } from '../database/entities/blob.js';
import { lockVerdicts } from '../database/lock-order.js';
import { areReadAtOnce, Parameters, type ReadOptions, readByIds, readJoined } from '../database/read-rows.js';
import { type AttachmentError, errorTable, fault } from '../errors.js';

/** An attachment together with the blob whose bytes it names. */
export interface StoredAttachment {
  /** One in the trash is a TrashedAttachmentRow. */
  attachment: AttachmentRow | TrashedAttachmentRow;
  blob: BlobRow;
}

/** The attachments with these ids that the viewer may see, in no particular order; the others are left out. */
export async function readAttachments(
  manager: EntityManager,
  viewer: Viewer,
  ids: readonly string[],
): Promise<StoredAttachment[]> {
  return (await readStored(manager, ids)).filter(({ attachment }) => isVisible(viewer, attachment));
}

/** The table of attachments in use, and that of those in the trash. */
export type AttachmentTable = typeof AttachmentRow | typeof TrashedAttachmentRow;

export const tableName = (table: AttachmentTable) =>
  table === AttachmentRow ? 'attachments' : 'trashed_attachments';

export const tableOf = (attachment: AttachmentRow | TrashedAttachmentRow): AttachmentTable =>
  attachment instanceof TrashedAttachmentRow ? TrashedAttachmentRow : AttachmentRow;

/** Those of the attachments in the trash that the viewer may see, in no particular order. */
export async function readTrashed(
  manager: EntityManager,
  viewer: Viewer,
  ids: readonly string[],
): Promise<StoredAttachment[]> {
  const found = await readStored(manager, ids, TrashedAttachmentRow);
  return found.filter(({ attachment }) => isVisible(viewer, attachment));
}

/** The attachments with these ids, in use or in the trash, that the viewer may see, in no particular order. */
export async function readAnywhere(
  manager: EntityManager,
  viewer: Viewer,
  ids: readonly string[],
): Promise<StoredAttachment[]> {
  const found = await readAttachments(manager, viewer, ids);
  const known = new Set(found.map(({ attachment }) => attachment.id));
  const others = ids.filter((id) => !known.has(id));
  if (others.length === 0) return found;
  // In one statement: one that is restored between two would be in neither table.
  const either = await readByIds(manager, inEitherTable, others);
  return [
    ...found,
    ...either.map(({ used, trashed, blob }) => ({ attachment: used.id ? used : trashed, blob })),
  ].filter(({ attachment }) => isVisible(viewer, attachment));
}

const inEitherTable = {
  tables: { used: AttachmentRow, trashed: TrashedAttachmentRow, blob: BlobRow },
  from: (sql: Parameters, ids: readonly string[]) =>
    `FROM (SELECT value ->> 0 AS id FROM ${sql.rowsOf(ids.map((id) => [id]))}) named
      LEFT JOIN attachments used ON used.id = named.id LEFT JOIN trashed_attachments trashed ON trashed.id = named.id
      JOIN blobs blob ON blob.id = COALESCE(used.blob_id, trashed.blob_id)`,
  idOf: ({ used, trashed }: { used: AttachmentRow; trashed: TrashedAttachmentRow }) => used.id ?? trashed.id,
};

/** Whoever's they are. */
export async function readStored(
  manager: EntityManager,
  ids: readonly string[],
  table: AttachmentTable = AttachmentRow,
): Promise<StoredAttachment[]> {
  if (ids.length === 0) return [];
  return readByIds(manager, table === AttachmentRow ? inUse : inTrash, ids);
}

const inTable = (table: AttachmentTable) => ({
  tables: { attachment: table, blob: BlobRow },
  // By id alone: with more conditions SQLite prefers an index of theirs, and walks the whole organization.
  from: (sql: Parameters, ids: readonly string[]) =>
    `FROM ${tableName(table)} attachment JOIN blobs blob ON blob.id = attachment.blob_id
      WHERE ${sql.isOneOf('attachment.id', ids)}`,
  idOf: ({ attachment }: StoredAttachment) => attachment.id,
});

const inUse = inTable(AttachmentRow);
const inTrash = inTable(TrashedAttachmentRow);

/**
 * The attachments whose `id` is among the rows of a query, in no particular order: it decides what the viewer may see. Where there may
 * be more than one statement reads, their ids come first, which is one state only in a snapshot.
 */
export async function readStoredAmong(
  manager: EntityManager,
  query: (sql: Parameters) => string,
  table: AttachmentTable = AttachmentRow,
  options: ReadOptions = { maxRows: Number.POSITIVE_INFINITY },
): Promise<StoredAttachment[]> {
  if (!areReadAtOnce(manager, options.maxRows))
    return readStored(manager, await findIds(manager, query), table);
  return readJoined(
    manager,
    { attachment: table, blob: BlobRow },
    // SQLite follows the order of outer joins. Every row has its partner.
    (sql) => `FROM (${query(sql)}) found LEFT JOIN ${tableName(table)} attachment ON attachment.id = found.id
      LEFT JOIN blobs blob ON blob.id = attachment.blob_id`,
    options,
  );
}

/** The ids that a statement selects. */
export async function findIds(manager: EntityManager, query: (sql: Parameters) => string): Promise<string[]> {
  const sql = new Parameters(manager);
  const selected = query(sql);
  const found = await manager.query<{ id: string }[]>(`SELECT id FROM (${selected}) found`, sql.values);
  return found.map(({ id }) => id);
}

/** More attachments of one blob are not looked at, of the viewer's own and of the shared ones. */
const maxOfBlob = 1_000;

/** The attachments of a blob that the viewer may see: the viewer's own, and up to 1,000 that are shared, in no order. */
export async function readAttachmentsOfBlob(
  manager: EntityManager,
  { organizationId, principal }: Viewer,
  blobId: string,
): Promise<StoredAttachment[]> {
  return readStoredAmong(manager, (sql) => {
    // Unordered: the first that the index has, however many there are.
    const ofBlob = (isMine: string) => `SELECT * FROM (SELECT a.id FROM attachments a
      WHERE a.blob_id = ${sql.add(blobId)} AND a.organization_id = ${sql.add(organizationId)} AND ${isMine}
      LIMIT ${maxOfBlob}) of_blob`;
    return `${ofBlob(`a.created_by_id = ${sql.add(principal.id)}`)} UNION ${ofBlob('a.shared')}`;
  });
}

/** As `readAttachments`, of attachments that are locked or new; the verdicts stay as they are read until the transaction ends. */
export async function readWithVerdictsKept(
  manager: EntityManager,
  viewer: Viewer,
  ids: readonly string[],
): Promise<StoredAttachment[]> {
  await lockVerdicts(manager, viewer, ids);
  return readAttachments(manager, viewer, ids);
}

/** Its organization sees what has been claimed or linked; until then only its creator. */
function isVisible({ organizationId, principal }: Viewer, row: AttachmentRow): boolean {
  return row.organizationId === organizationId && (row.shared || row.createdById === principal.id);
}

/** The attachment in use; null where there is none or the viewer may not see it. */
export async function findAttachment(
  manager: EntityManager,
  viewer: Viewer,
  id: string,
): Promise<StoredAttachment | null> {
  const [found] = await readAttachments(manager, viewer, [id]);
  return found ?? null;
}

/** The attachment, in use or in the trash; null where there is none or the viewer may not see it. */
export async function findAnywhere(
  manager: EntityManager,
  viewer: Viewer,
  id: string,
): Promise<StoredAttachment | null> {
  const [found] = await readAnywhere(manager, viewer, [id]);
  return found ?? null;
}

/** NOT_FOUND for what the input names at `loc`: not there, or not for this viewer; nobody learns which. */
export function notFound(loc: (string | number)[]): AttachmentError {
  return fault('not_found', loc, errorTable.NOT_FOUND.message);
}

/**
 * Whether the viewer may make another attachment of the bytes, which is its own then: while they have no verdict, that would
 * show them to it. What has been rejected stays so in every attachment.
 */
export function mayCopy(viewer: Viewer, verdict: Verdict, broughtById: string): boolean {
  return verdict === 'APPROVED' || verdict === 'REJECTED' || broughtById === viewer.principal.id;
}

type Served = Pick<StoredAttachment, 'attachment'> & { blob: Pick<BlobRow, 'verdict' | 'damagedAt'> };

/** Whether a signed URL may lead to the bytes: approved ones, out of the trash, that are not known to be damaged. */
export const isServed = ({ attachment, blob }: Served): boolean =>
  blob.verdict === 'APPROVED' && blob.damagedAt === null && !(attachment instanceof TrashedAttachmentRow);

/** Throws DAMAGED for bytes that were last found to be others than those that came. */
export function assertWhole({ damagedAt }: BlobRow, loc: (string | number)[] = ['id']): void {
  if (damagedAt !== null) throw fault('damaged', loc, errorTable.DAMAGED.message);
}

/** The attachments in use of the viewer's organization that are known to be damaged. */
export async function readDamagedIds(
  manager: EntityManager,
  { organizationId }: Pick<Viewer, 'organizationId'>,
): Promise<ReadonlySet<string>> {
  const sql = new Parameters(manager);
  const rows = await manager.query<{ id: string }[]>(
    `SELECT a.id AS id FROM blobs JOIN attachments a ON a.blob_id = blobs.id
      WHERE blobs.organization_id = ${sql.add(organizationId)} AND blobs.damaged_at IS NOT NULL`,
    sql.values,
  );
  return new Set(rows.map(({ id }) => id));
}

/** Whether the bytes of an attachment that the viewer sees may go to it: approved ones to all, rejected ones to nobody. */
export function mayDownload(viewer: Viewer, { attachment, blob }: StoredAttachment): boolean {
  switch (blob.verdict) {
    case 'APPROVED':
      return true;
    case 'REJECTED':
      return false;
    case 'PENDING':
    case 'SCAN_FAILED':
      return attachment.createdById === viewer.principal.id;
  }
}
