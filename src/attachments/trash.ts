import type { EntityManager } from 'typeorm';
import { recordEvent } from '../audit/record-event.js';
import type { Viewer } from '../auth/viewer.js';
import { moveFromTrash, moveToTrash } from '../database/attachment-rows.js';
import type { Database } from '../database/database.js';
import {
  type AttachmentRow,
  type StoredPlace,
  TrashedAttachmentRow,
} from '../database/entities/attachment.js';
import { type LinkRow, RecordFieldRow } from '../database/entities/record-field.js';
import { readRows } from '../database/read-rows.js';
import { lockRows } from '../database/row-locks.js';
import { unlinkEverywhere } from '../links/unlink-everywhere.js';
import { type Changes, describeChanges } from '../model/changes.js';
import { notFound, readTrashed, type StoredAttachment } from '../model/stored-attachment.js';

/** One that is in more is changed by nobody while a record authorizer decides. */
const maxPlaces = 1_000;

/** Places that attachments, by their ids, have left on their way into the trash. */
export type PlacesLeft = ReadonlyMap<string, readonly StoredPlace[]>;

/**
 * Puts attachments, all of them of the viewer's organization and locked, into the trash, inside the caller's transaction. They
 * leave every field, and with their table all else that shows attachments. Their bytes stay.
 */
export async function putIntoTrash(
  manager: EntityManager,
  viewer: Viewer,
  stored: readonly StoredAttachment[],
  { left, ...times }: { deletedAt: Date; expiresAt: Date; left?: PlacesLeft | undefined },
): Promise<void> {
  const ids = stored.map(({ attachment }) => attachment.id);
  const links = await unlinkEverywhere(manager, ids);
  const fields = await readFieldsOf(manager, viewer, links);
  const trashed = stored.map(({ attachment }) => {
    const own = links.filter(({ attachmentId }) => attachmentId === attachment.id);
    const linked = own.map(({ fieldId }) => fields.get(fieldId)).filter((place) => place !== undefined);
    const earlier = left?.get(attachment.id) ?? [];
    return { id: attachment.id, places: placesOf(attachment, [...earlier, ...linked]) };
  });
  const moved = await moveToTrash(manager, trashed, times);
  if (moved !== ids.length) throw new Error('Somebody else has deleted one of these attachments.');
}

async function readFieldsOf(
  manager: EntityManager,
  { organizationId }: Viewer,
  links: readonly LinkRow[],
): Promise<ReadonlyMap<string, StoredPlace>> {
  const ids = [...new Set(links.map(({ fieldId }) => fieldId))];
  if (ids.length === 0) return new Map();
  const fields = await readRows(
    manager,
    RecordFieldRow,
    (sql) => `organization_id = ${sql.add(organizationId)} AND ${sql.isOneOf('id', ids)}`,
  );
  return new Map(fields.map(({ id, recordType, recordId, name }) => [id, [recordType, recordId, name]]));
}

/** As the record authorizer is asked about them: the owner too, if no field of it holds the attachment. */
function placesOf({ recordType, recordId }: AttachmentRow, linked: readonly StoredPlace[]): StoredPlace[] {
  const places = linked.slice(0, maxPlaces);
  if (recordType === null || recordId === null) return places;
  const isOwners = ([type, id]: StoredPlace) => type === recordType && id === recordId;
  return places.some(isOwners) ? places : [...places, [recordType, recordId, null]];
}

export interface RestoreAttachmentDependencies {
  database: Database;
  clock: () => Date;
  gracePeriodMs: number;
  unlinkedRetentionMs: number;
  changes: Changes;
}

/**
 * Takes an attachment out of the trash, back into no field. Its record has it again; without one it lives as long as one that is
 * new, or has just been unlinked. Of a restoration and the purge at once only one happens. Throws NOT_FOUND.
 *
 * @example
 * const { attachment } = await restoreAttachment(deps, viewer, attachmentId);
 */
export async function restoreAttachment(
  deps: RestoreAttachmentDependencies,
  viewer: Viewer,
  attachmentId: string,
): Promise<StoredAttachment> {
  const { changed, ...restored } = await deps.database.write(async (manager) => {
    await lockRows(manager, TrashedAttachmentRow, [attachmentId], 'UPDATE');
    const [found] = await readTrashed(manager, viewer, [attachmentId]);
    if (!(found?.attachment instanceof TrashedAttachmentRow)) throw notFound(['input', 'attachmentId']);
    const now = deps.clock();
    const { deletedAt, places, ...rest } = found.attachment;
    const attachment: AttachmentRow = { ...rest, updatedAt: now, expiresAt: expiryOf(deps, rest, now) };
    if (!(await moveFromTrash(manager, found.attachment, attachment)))
      throw notFound(['input', 'attachmentId']);
    const restoration = { action: 'ATTACHMENT_RESTORED', subjectId: attachmentId, at: now } as const;
    await recordEvent(manager, viewer, { ...restoration, details: { deletedAt } });
    return { attachment, blob: found.blob, changed: await describeChanges(manager, [attachment]) };
  });
  deps.changes.publish(changed);
  return restored;
}

/** Null: for good. */
function expiryOf(
  { gracePeriodMs, unlinkedRetentionMs }: RestoreAttachmentDependencies,
  { shared, recordId }: Pick<AttachmentRow, 'shared' | 'recordId'>,
  now: Date,
): Date | null {
  const lifetimeMs = shared ? unlinkedRetentionMs : gracePeriodMs;
  return recordId !== null || lifetimeMs === 0 ? null : new Date(now.getTime() + lifetimeMs);
}
