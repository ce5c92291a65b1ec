import { createHash } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { recordEvents } from '../audit/record-event.js';
import type { Viewer } from '../auth/viewer.js';
import { AttachmentRow } from '../database/entities/attachment.js';
import type { RecordFieldRow } from '../database/entities/record-field.js';
import { insertRows } from '../database/insert-row.js';
import { changeRows } from '../database/read-rows.js';
import { Faults, fault } from '../errors.js';
import { changeLinks } from '../links/change-links.js';
import { readFieldsOfRecords, readLinksOfFields } from '../links/read-fields.js';
import { type Change, type Changes, describeChanges } from '../model/changes.js';
import { checkRecord, isSameRecord, type RecordRef } from '../model/record.js';
import {
  mayCopy,
  readAttachments,
  readTrashed,
  readWithVerdictsKept,
  type StoredAttachment,
} from '../model/stored-attachment.js';
import { choosePolicyOfPlace } from '../policies/choose-policy.js';
import { type CopyAttachmentDependencies, copyRow } from './copy-attachment.js';
import { beginSteps, checkIdempotencyKey, endSteps, type Steps } from './idempotency.js';

export interface CopyRecordDependencies extends CopyAttachmentDependencies {
  changes: Changes;
  unlinkedRetentionMs: number;
}

export interface CopyRecordAttachments {
  from: RecordRef;
  to: RecordRef;
  idempotencyKey: string | null;
}

/** Who asks, and what records they may see and change. */
export interface CopyRecordRequest {
  viewer: Viewer;
  access: {
    mayView(record: RecordRef, field: string | null): Promise<boolean>;
    assertMayEdit(record: RecordRef, field: string | null, loc: (string | number)[]): Promise<void>;
  };
}

/** Copies made in one transaction, if no field has more: others need not wait long. */
const maxAtOnce = 1_000;

/**
 * Copies all that the fields of a record hold into the same fields of another one, behind what those hold: in one transaction, or
 * in several of whole fields if there are more than 1,000. Repeated under the same idempotency key it goes on where it broke off,
 * and then changes nothing. Fields that the viewer may not see are left out. Throws FORBIDDEN, NOT_APPROVED, TOO_MANY_ATTACHMENTS,
 * BAD_USER_INPUT, IDEMPOTENCY_CONFLICT, QUOTA_EXCEEDED, and what the policies of the new fields do not accept.
 *
 * @example
 * await copyRecordAttachments(deps, { viewer, access }, { from: draft, to: { type: 'Invoice', id: '7' }, idempotencyKey: 'x' });
 */
export async function copyRecordAttachments(
  deps: CopyRecordDependencies,
  { viewer, access }: CopyRecordRequest,
  input: CopyRecordAttachments,
): Promise<void> {
  checkInput(input);
  const { from, to } = input;
  const all = await readFieldsOfRecords(deps.database.read, viewer, [from]);
  const views = await Promise.all(all.map(({ name }) => access.mayView(from, name)));
  let left = all.filter((_, index) => views[index]);
  const loc = ['input', 'to'];
  await Promise.all(
    [null, ...left.map(({ name }) => name)].map((name) => access.assertMayEdit(to, name, loc)),
  );
  // An authorizer that cannot be asked must fail before there are copies, since the answer shows the fields.
  await Promise.all(left.map(({ name }) => access.mayView(to, name)));
  const operation = { id: uuidv7(), at: deps.clock() };
  const quota = await deps.quotas.of(viewer.organizationId);
  do {
    const step = await deps.database.write(async (manager) => {
      const copied = await copyFields(deps, manager, viewer, { input, left, operation });
      await quota?.assertWithin(manager, { attachments: copied.changed.length }, ['input', 'from']);
      return copied;
    });
    deps.changes.publish(step.changed);
    left = step.left;
  } while (left.length > 0);
}

function checkInput({ from, to, idempotencyKey }: CopyRecordAttachments): void {
  const faults = new Faults();
  checkRecord(faults, from, ['input', 'from']);
  checkRecord(faults, to, ['input', 'to']);
  if (isSameRecord(from, to)) faults.add('duplicate', ['input', 'to'], 'It is the record to copy from.');
  if (idempotencyKey !== null) checkIdempotencyKey(faults, idempotencyKey);
  faults.throwIfAny();
}

/** The whole of what a request asks for: its id and beginning are those of the first request under its key. */
type Operation = Omit<Steps, 'isOver'>;

interface Step {
  input: CopyRecordAttachments;
  /** Fields that are still to be copied. */
  left: readonly RecordFieldRow[];
  operation: Operation;
}

/** Copies as many fields as one transaction should. Returns those that are left. */
async function copyFields(
  deps: CopyRecordDependencies,
  manager: EntityManager,
  viewer: Viewer,
  { input, left, operation: own }: Step,
): Promise<{ left: RecordFieldRow[]; changed: Change[] }> {
  const { from, to, idempotencyKey } = input;
  const asked = { idempotencyKey, input: { copyRecordAttachments: { from, to } } };
  const operation = await beginSteps(manager, viewer, asked, own);
  const copies: AttachmentRow[] = [];
  let count = 0;
  for (const [index, field] of operation.isOver ? [] : left.entries()) {
    const links = await readLinksOfFields(manager, [field.id]);
    if (count > 0 && count + links.length > maxAtOnce)
      return { left: left.slice(index), changed: await describeChanges(manager, copies) };
    count += links.length;
    const ids = links.map(({ attachmentId }) => attachmentId);
    copies.push(...(await copyField(deps, manager, viewer, { to, name: field.name, ids, operation })));
  }
  await endSteps(manager, viewer, asked);
  return { left: [], changed: await describeChanges(manager, copies) };
}

interface FieldCopy {
  to: RecordRef;
  name: string;
  /** All that the field holds, in order. */
  ids: readonly string[];
  operation: Operation;
}

const idsAmong = (found: readonly StoredAttachment[]): ReadonlySet<string> =>
  new Set(found.map(({ attachment }) => attachment.id));

/**
 * Returns the copies. Those that another field or an earlier request has made are linked, not made again; those that have gone into
 * the trash since stay there.
 */
async function copyField(
  deps: CopyRecordDependencies,
  manager: EntityManager,
  viewer: Viewer,
  { to, name, ids, operation }: FieldCopy,
): Promise<AttachmentRow[]> {
  const faults = new Faults();
  const policy = choosePolicyOfPlace(faults, deps.policies, { record: to, field: name }, ['input', 'to']);
  if (ids.length > 0) faults.throwIfAny();
  const sources = await readSources(manager, viewer, ids);
  if (sources.length === 0) return [];
  const all = sources.map((source) => ({ source, id: idOfCopy(operation, source.attachment.id) }));
  const allIds = all.map(({ id }) => id);
  const isTrashed = idsAmong(await readTrashed(manager, viewer, allIds));
  const named = all.filter(({ id }) => !isTrashed.has(id));
  const copyIds = named.map(({ id }) => id);
  if (copyIds.length === 0) return [];
  const isKnown = idsAmong(await readAttachments(manager, viewer, copyIds));
  const now = deps.clock();
  const made = named.flatMap(({ source, id }) => {
    if (isKnown.has(id)) return [];
    return [{ source, copy: copyRow(deps, viewer, source.attachment, { id, now }) }];
  });
  await insertCopies(manager, viewer, made, now);
  await changeLinks(manager, viewer, {
    record: to,
    field: name,
    attachmentIds: copyIds,
    mode: 'ADD',
    expectedVersion: null,
    policy,
    retentionMs: deps.unlinkedRetentionMs,
    now,
    locOf: () => ['input', 'to'],
  });
  return (await readAttachments(manager, viewer, copyIds)).map(({ attachment }) => attachment);
}

/** In order, with their verdicts kept. Rejected ones are leaving the field just now. Throws NOT_APPROVED. */
async function readSources(
  manager: EntityManager,
  viewer: Viewer,
  ids: readonly string[],
): Promise<StoredAttachment[]> {
  const found = await readWithVerdictsKept(manager, viewer, ids);
  const byId = new Map(found.map((stored) => [stored.attachment.id, stored]));
  const sources = ids.flatMap((id) => byId.get(id) ?? []).filter(({ blob }) => blob.verdict !== 'REJECTED');
  const waiting = sources.filter(
    ({ attachment, blob }) => !mayCopy(viewer, blob.verdict, attachment.createdById),
  );
  if (waiting.length === 0) return sources;
  const msg = `${waiting.length} of its attachments have not been approved yet.`;
  throw fault('not_approved', ['input', 'from'], msg);
}

/** The same each time, so that a repetition finds what is there: a UUID version 7 of the operation's beginning. */
function idOfCopy({ id, at }: Operation, sourceId: string): string {
  const random = createHash('sha256').update(`${id} ${sourceId}`).digest().subarray(0, 16);
  return uuidv7({ msecs: at.getTime(), random });
}

interface Made {
  source: StoredAttachment;
  copy: AttachmentRow;
}

async function insertCopies(
  manager: EntityManager,
  viewer: Viewer,
  made: readonly Made[],
  at: Date,
): Promise<void> {
  await insertRows(
    manager,
    AttachmentRow,
    made.map(({ copy }) => copy),
  );
  await copyHtml(manager, viewer, made);
  const events = made.map(({ source, copy }) => {
    const details = { fileName: copy.fileName, copyOf: source.attachment.id };
    return [viewer, { action: 'ATTACHMENT_CREATED', subjectId: copy.id, at, details }] as const;
  });
  await recordEvents(manager, events);
}

/** Within the database: a thousand descriptions as HTML may be large. */
async function copyHtml(
  manager: EntityManager,
  { organizationId }: Viewer,
  made: readonly Made[],
): Promise<void> {
  const described = made.filter(({ copy }) => copy.description !== null);
  if (described.length === 0) return;
  const pairs = described.map(({ source, copy }) => [copy.id, source.attachment.id]);
  await changeRows(
    manager,
    (sql) => `UPDATE attachments SET description_html = source.description_html
      FROM ${sql.rowsOf(pairs)} named, attachments source
      WHERE attachments.id = named.value ->> 0 AND source.id = named.value ->> 1
        AND attachments.organization_id = ${sql.add(organizationId)}`,
  );
}
