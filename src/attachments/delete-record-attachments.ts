import type { EntityManager } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import { AttachmentRow, type StoredPlace } from '../database/entities/attachment.js';
import { lockRows } from '../database/row-locks.js';
import { Faults } from '../errors.js';
import { changeLinks } from '../links/change-links.js';
import { readFieldsOfRecords, readLinksOfFields } from '../links/read-fields.js';
import { type Change, describeChanges } from '../model/changes.js';
import { checkRecord, type RecordRef } from '../model/record.js';
import { readAttachments } from '../model/stored-attachment.js';
import { type DeleteAttachmentDependencies, discard } from './delete-attachment.js';
import { removeBytes } from './delete-rows.js';
import type { PlacesLeft } from './trash.js';

export interface DeleteRecordAttachmentsDependencies extends DeleteAttachmentDependencies {
  unlinkedRetentionMs: number;
}

/** Attachments deleted in one transaction, so that others need not wait long. */
const batchSize = 200;

/**
 * For when the record itself is gone: empties its fields and deletes what it has claimed, into the trash if there is one. What
 * it only shared with other records stays with those. Returns the ids of the deleted. May be repeated after a failure.
 *
 * @example
 * const deletedIds = await deleteRecordAttachments(deps, viewer, { type: 'WorkPackage', id: '7' });
 */
export async function deleteRecordAttachments(
  deps: DeleteRecordAttachmentsDependencies,
  viewer: Viewer,
  record: RecordRef,
): Promise<string[]> {
  const faults = new Faults();
  checkRecord(faults, record, ['input', 'record']);
  faults.throwIfAny();
  const emptied = await deps.database.write((manager) => emptyFields(deps, manager, viewer, record));
  deps.changes.publish(emptied.changed);
  const deleted: string[] = [];
  for (;;) {
    const { ids, documentKeys, changed } = await deps.database.write((manager) =>
      deleteBatch(deps, manager, viewer, { record, left: emptied.left }),
    );
    deps.changes.publish(changed);
    await removeBytes(deps, documentKeys).catch(deps.onRemovalDelayed);
    deleted.push(...ids);
    if (ids.length < batchSize) return deleted;
  }
}

/**
 * Returns what is to be published: those that stay, with other records, and those that are deleted next. Also the places that they
 * have left.
 */
async function emptyFields(
  { clock, unlinkedRetentionMs }: DeleteRecordAttachmentsDependencies,
  manager: EntityManager,
  viewer: Viewer,
  record: RecordRef,
): Promise<{ changed: Change[]; left: PlacesLeft }> {
  const fields = await readFieldsOfRecords(manager, viewer, [record]);
  const links = await readLinksOfFields(
    manager,
    fields.map(({ id }) => id),
  );
  const changed: Change[] = [];
  const left = new Map<string, StoredPlace[]>();
  for (const { id, name } of fields) {
    const attachmentIds = links.flatMap((link) => (link.fieldId === id ? [link.attachmentId] : []));
    for (const each of attachmentIds)
      left.set(each, [...(left.get(each) ?? []), [record.type, record.id, name]]);
    await changeLinks(manager, viewer, {
      record,
      field: name,
      attachmentIds,
      mode: 'REMOVE',
      expectedVersion: null,
      policy: null,
      retentionMs: unlinkedRetentionMs,
      now: clock(),
      locOf: () => ['input', 'record'],
    });
    const unlinked = await readAttachments(manager, viewer, attachmentIds);
    const rows = unlinked.map(({ attachment }) => attachment);
    changed.push(...(await describeChanges(manager, rows, [record])));
  }
  return { changed, left };
}

async function deleteBatch(
  deps: DeleteRecordAttachmentsDependencies,
  manager: EntityManager,
  viewer: Viewer,
  { record, left }: { record: RecordRef; left: PlacesLeft },
): Promise<{ ids: string[]; documentKeys: string[]; changed: Change[] }> {
  const rows = await manager.find(AttachmentRow, {
    select: { id: true },
    where: { organizationId: viewer.organizationId, recordType: record.type, recordId: record.id },
    order: { createdAt: 'ASC', id: 'ASC' },
    take: batchSize,
  });
  const ids = rows.map(({ id }) => id);
  await lockRows(manager, AttachmentRow, ids, 'UPDATE');
  const owned = await readAttachments(manager, viewer, ids);
  return { ids, ...(await discard(deps, manager, viewer, owned, { left })) };
}
