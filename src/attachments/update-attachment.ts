import { isDeepStrictEqual } from 'node:util';
import type { EntityManager } from 'typeorm';
import { recordEvent } from '../audit/audit-events.js';
import type { Viewer } from '../auth/viewer.js';
import { chooseFileName } from '../content-types/file-names.js';
import type { Database } from '../database/database.js';
import { AttachmentRow, AttachmentVersionRow, type TextFormat } from '../database/entities/attachment.js';
import { LinkRow, RecordFieldRow } from '../database/entities/record-field.js';
import { lockAttachments } from '../database/lock-order.js';
import { nameForms } from '../database/stored-names.js';
import { AttachmentError, Faults } from '../errors.js';
import type { Intake } from '../intake/intake.js';
import { checkDigest, type Digest } from '../intake/running-digests.js';
import type { MarkdownRenderer } from '../markdown/markdown-renderer.js';
import type { Changes } from '../model/changes.js';
import { findAttachment, notFound, type StoredAttachment } from '../model/stored-attachment.js';
import { readNamesakes, type StoredVersion } from '../model/versions.js';
import {
  checkExtension,
  checkType,
  type Policy,
  type PolicyFault,
  recheckPolicy,
} from '../policies/check-policy.js';
import { findPolicy, resolvePolicy } from '../policies/choose-policy.js';
import type { PolicyBook } from '../policies/load-policies.js';
import { checkContent, checkMetadata, type Metadata } from './check-creation.js';
import { checkDescription, renderDescription } from './descriptions.js';
import { checkIdempotencyKey } from './idempotency.js';

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
 * Changes what is said about an attachment, never its bytes. If it was said already, nothing happens. Throws NOT_FOUND, INVALID_FILE_NAME, CONTENT_TYPE_MISMATCH,
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
    await lockAttachments(manager, viewer, [attachmentId]);
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
    const waiting = newName === before.fileName ? [] : await readNamesakes(manager, stored.attachment);
    if (fileName !== undefined && newName !== '')
      await recheckName(deps.policies, manager, faults, { ...stored, waiting, newName });
    const descriptionHtml = checkDescription(faults, rendered);
    const format = description === null ? 'MARKDOWN' : descriptionFormat;
    const described =
      description === undefined ? {} : { description, descriptionFormat: format, descriptionHtml };
    checkMetadata(faults, metadata ?? null);
    faults.throwIfAny();
    const after = wordsOf({ ...stored.attachment, ...changes, ...described });
    if (isDeepStrictEqual(after, before)) return { ...stored, changed: [] };
    const { organizationId } = viewer;
    await manager.update(AttachmentRow, { id: attachmentId, organizationId }, { ...changes, ...described });
    for (const { id } of waiting.map(({ version }) => version))
      await manager.update(AttachmentVersionRow, { id, organizationId }, { fileName: newName });
    const attachment = Object.assign(stored.attachment, changes, described);
    const update = { action: 'ATTACHMENT_UPDATED', subjectId: attachmentId } as const;
    const details = describeUpdate({ fileName, description, metadata }, before, after);
    await recordEvent(manager, viewer, { ...update, at: changes.updatedAt, details });
    return { ...stored, attachment, changed: await deps.changes.describe(manager, [attachment]) };
  });
  deps.changes.publish(changed);
  return updated;
}

/** The words about an attachment that an update can change, as JSON keeps them. */
function wordsOf({ fileName, description, descriptionFormat, ...row }: AttachmentRow) {
  const { metadataType: type, metadataAttributes } = row;
  const attributes: unknown = JSON.parse(JSON.stringify(metadataAttributes));
  return { fileName, description, descriptionFormat, metadata: type === null ? null : { type, attributes } };
}

/** The details of the event: the members that were given, before and after. */
function describeUpdate(given: object, before: object, after: object) {
  const changed = Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  const partOf = (words: object) =>
    Object.fromEntries(Object.entries(words).filter(([name]) => changed.includes(name)));
  return { changed, before: partOf(before), after: partOf(after) };
}

interface Renamed {
  attachment: AttachmentRow;
  /** Contents that will have the new name, too. */
  waiting: readonly StoredVersion[];
  newName: string;
}

/**
 * Notes where a new name is not accepted that an attachment shall have: by its record, or in a field that links to it. Without
 * either, the extension is held to `default`. Content that was rejected is not held against it.
 */
async function recheckName(
  policies: PolicyBook,
  manager: EntityManager,
  faults: Faults,
  { attachment, waiting, newName: fileName }: Renamed,
): Promise<void> {
  const applicable = await policiesOf(manager, policies, attachment);
  const mayCome = waiting.filter(({ blob }) => blob.verdict !== 'REJECTED').map(({ version }) => version);
  const found = [attachment, ...mayCome].map(({ contentType }) =>
    applicable.length > 0
      ? applicable.flatMap((policy) => checkType(policy, { contentType, fileName }))
      : checkExtension(findPolicy(policies, {}), { contentType, fileName }),
  );
  noteName(faults, found.find(({ length }) => length > 0) ?? []);
}

/** Notes faults of a policy that come of a new name. */
export function noteName(faults: Faults, found: readonly PolicyFault[]): void {
  for (const { type, msg } of found) faults.add(type, ['input', 'fileName'], msg);
}

/**
 * The policies of all places of an attachment, each once. Where there is none any more, nothing is held against what is there
 * already.
 */
async function policiesOf(
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

/** A client's statements about new content. */
export interface Statements {
  attachmentId: string;
  /** Null: the attachment keeps its name. */
  fileName: string | null;
  contentType: string | null;
  digest: Digest | null;
  /** The version that the attachment must be at. */
  expectedVersion: number | null;
  idempotencyKey: string | null;
}

/** The policies of all places of an attachment. One that is nowhere is held to `default`. */
export async function policiesOrDefault(
  manager: EntityManager,
  policies: PolicyBook,
  attachment: AttachmentRow,
): Promise<Policy[]> {
  const found = await policiesOf(manager, policies, attachment);
  return found.length > 0 ? found : [findPolicy(policies, {})];
}

/** Throws what the content has been refused with, together with all other faults that need no bytes. */
export function refuseWithAll(input: Statements, error: unknown): never {
  if (!(error instanceof AttachmentError) || error.status >= 500) throw error;
  const faults = new Faults();
  checkStatements(faults, input, null);
  throw error.with(faults.details, faults.limit);
}

/** Notes faults of the input alone. Returns the name that is given, cleaned; null without one. */
function checkStatements(faults: Faults, input: Statements, intake: Intake | null): string | null {
  const { fileName, digest, idempotencyKey } = input;
  if (digest) checkDigest(faults, digest, intake);
  if (idempotencyKey !== null) checkIdempotencyKey(faults, idempotencyKey);
  return fileName === null ? null : chooseFileName(faults, fileName, null);
}

/** Checks everything about new content, and throws every fault at once. */
export function checkReplacement(
  policies: readonly Policy[],
  attachment: AttachmentRow,
  input: Statements,
  intake: Intake,
): Pick<AttachmentVersionRow, 'fileName' | 'contentType'> {
  const faults = new Faults();
  const fileName = checkStatements(faults, input, intake) ?? attachment.fileName;
  const contentType = checkContent(faults, policies, input.contentType, { intake, fileName });
  faults.throwIfAny();
  return { fileName, contentType: contentType ?? '' };
}

/** For the transaction that keeps the content: the places may have changed since it was read. Throws what they do not accept. */
export async function recheckPlaces(
  policies: PolicyBook,
  manager: EntityManager,
  attachment: AttachmentRow,
  content: { fileName: string; contentType: string; size: number },
): Promise<void> {
  const faults = new Faults();
  const { fileName, contentType, size } = content;
  const replaced = Object.assign(new AttachmentRow(), attachment, { fileName, contentType, size });
  for (const policy of await policiesOrDefault(manager, policies, attachment))
    recheckPolicy(faults, policy, replaced, ['input', 'content']);
  faults.throwIfAny();
}
