import type { EntityManager } from 'typeorm';
import { recordEvent } from '../audit/record-event.js';
import type { Viewer } from '../auth/viewer.js';
import { chooseFileName } from '../content-types/clean-file-name.js';
import type { Database } from '../database/database.js';
import { AttachmentRow, type TextFormat } from '../database/entities/attachment.js';
import { LinkRow, RecordFieldRow } from '../database/entities/record-field.js';
import { nameForms } from '../database/name-forms.js';
import { lockRows } from '../database/row-locks.js';
import { Faults } from '../errors.js';
import type { MarkdownRenderer } from '../markdown/markdown-renderer.js';
import { type Changes, describeChanges } from '../model/changes.js';
import { findAttachment, notFound, type StoredAttachment } from '../model/stored-attachment.js';
import { checkExtension, checkType, type PolicyFault } from '../policies/check-policy.js';
import { findPolicy, resolvePolicy } from '../policies/choose-policy.js';
import type { PolicyBook } from '../policies/load-policies.js';
import type { Policy } from '../policies/policy.js';
import { checkMetadata, type Metadata } from './check-creation.js';
import { checkDescription, renderDescription } from './descriptions.js';

export interface UpdateAttachmentDependencies {
  database: Database;
  clock: () => Date;
  policies: PolicyBook;
  renderer: Pick<MarkdownRenderer, 'render'>;
  changes: Changes;
}

/** A member that is undefined stays as it is; null removes a description or metadata. */
export interface UpdateAttachment {
  attachmentId: string;
  fileName?: string | undefined;
  description?: string | null | undefined;
  /** The format of the description that is given. */
  descriptionFormat: TextFormat;
  metadata?: Metadata | null | undefined;
}

/**
 * Changes what is said about an attachment, never its bytes. Throws NOT_FOUND, INVALID_FILE_NAME, CONTENT_TYPE_MISMATCH,
 * CONTENT_TYPE_NOT_ALLOWED, BAD_USER_INPUT.
 *
 * @example
 * await updateAttachment(deps, viewer, { attachmentId, fileName: 'offer.pdf', descriptionFormat: 'MARKDOWN' });
 */
export async function updateAttachment(
  deps: UpdateAttachmentDependencies,
  viewer: Viewer,
  { attachmentId, fileName, description, descriptionFormat, metadata }: UpdateAttachment,
): Promise<StoredAttachment> {
  const rendered = await renderDescription(deps.renderer, viewer, {
    description: description ?? null,
    descriptionFormat,
  });
  const { changed, ...updated } = await deps.database.write(async (manager) => {
    await lockRows(manager, AttachmentRow, [attachmentId], 'UPDATE');
    const stored = await findAttachment(manager, viewer, attachmentId);
    if (!stored) throw notFound(['input', 'attachmentId']);
    const before = wordsOf(stored.attachment);
    const faults = new Faults();
    const newName =
      fileName === undefined ? stored.attachment.fileName : chooseFileName(faults, fileName, null);
    const changes = {
      fileName: newName,
      ...nameForms(newName),
      updatedAt: deps.clock(),
      ...(metadata === undefined
        ? {}
        : { metadataType: metadata?.type ?? null, metadataAttributes: metadata?.attributes ?? null }),
    };
    if (fileName !== undefined && changes.fileName !== '') {
      const renamed = Object.assign(new AttachmentRow(), stored.attachment, { fileName: changes.fileName });
      await recheckName(manager, deps.policies, faults, renamed);
    }
    const descriptionHtml = checkDescription(faults, rendered);
    const format = description === null ? 'MARKDOWN' : descriptionFormat;
    const described =
      description === undefined ? {} : { description, descriptionFormat: format, descriptionHtml };
    checkMetadata(faults, metadata ?? null);
    faults.throwIfAny();
    const { organizationId } = viewer;
    await manager.update(AttachmentRow, { id: attachmentId, organizationId }, { ...changes, ...described });
    const attachment = Object.assign(stored.attachment, changes, described);
    const update = { action: 'ATTACHMENT_UPDATED', subjectId: attachmentId } as const;
    const details = describeUpdate({ fileName, description, metadata }, before, wordsOf(attachment));
    await recordEvent(manager, viewer, { ...update, at: changes.updatedAt, details });
    return { ...stored, attachment, changed: await describeChanges(manager, [attachment]) };
  });
  deps.changes.publish(changed);
  return updated;
}

/** The words about an attachment that an update can change. */
function wordsOf({
  fileName,
  description,
  metadataType: type,
  metadataAttributes: attributes,
}: AttachmentRow) {
  return { fileName, description, metadata: type === null ? null : { type, attributes } };
}

/** The details of the event: the members that were given, before and after. */
function describeUpdate(given: object, before: object, after: object) {
  const changed = Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  const partOf = (words: object) =>
    Object.fromEntries(Object.entries(words).filter(([name]) => changed.includes(name)));
  return { changed, before: partOf(before), after: partOf(after) };
}

/**
 * Notes where a new name is not accepted that an attachment shall have: by its record, or in a field that links to it. Without
 * either, the extension is held to `default`.
 */
async function recheckName(
  manager: EntityManager,
  policies: PolicyBook,
  faults: Faults,
  renamed: AttachmentRow,
): Promise<void> {
  const applicable = await policiesOf(manager, policies, renamed);
  const found =
    applicable.length > 0
      ? applicable.flatMap((policy) => checkType(policy, renamed))
      : checkExtension(findPolicy(policies, {}), renamed);
  noteName(faults, found);
}

/** Notes faults of a policy that come of a new name. */
export function noteName(faults: Faults, found: readonly PolicyFault[]): void {
  for (const { type, msg } of found) faults.add(type, ['input', 'fileName'], msg);
}

/**
 * The policies of all places of an attachment, each once. Where there is none any more, nothing is held against what is there
 * already.
 */
export async function policiesOf(
  manager: EntityManager,
  policies: PolicyBook,
  { id: attachmentId, organizationId, recordType }: AttachmentRow,
): Promise<Policy[]> {
  // Joined, not listed: a shared attachment may have more fields than a statement has parameters.
  const places = await manager
    .createQueryBuilder(RecordFieldRow, 'field')
    .innerJoin(LinkRow, 'link', 'link.fieldId = field.id')
    .select('field.recordType', 'recordType')
    .addSelect('field.name', 'field')
    .distinct(true)
    .where('link.attachmentId = :attachmentId', { attachmentId })
    .andWhere('field.organizationId = :organizationId', { organizationId })
    .getRawMany<{ recordType: string; field: string | null }>();
  if (recordType !== null) places.push({ recordType, field: null });
  const found = places.map(({ recordType: type, field }) =>
    resolvePolicy(policies, { record: { type }, field }),
  );
  return [...new Set(found.flatMap((one) => ('policy' in one ? one.policy : [])))];
}
