import { createHash } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import { recordEvents } from '../audit/audit-events.js';
import type { Viewer } from '../auth/viewer.js';
import { copyAttachmentRows } from '../database/attachment-rows.js';
import type { RecordFieldRow } from '../database/entities/record-field.js';
import { dropUnchanged, lockFieldsToFill } from '../database/lock-order.js';
import { Faults } from '../errors.js';
import { changeLinks } from '../links/change-links.js';
import { readFieldsOfRecords } from '../links/read-fields.js';
import type { Change, Changes } from '../model/changes.js';
import { checkRecord, isSameRecord, type RecordRef } from '../model/record.js';
import { idAt, newId } from '../new-id.js';
import { type Policy, recheckPolicy } from '../policies/check-policy.js';
import { choosePolicyOfPlace } from '../policies/choose-policy.js';
import type { Quota } from '../quotas/quotas.js';
import type { CopyAttachmentDependencies } from './copy-attachment.js';
import {
  type CopySource,
  chooseFields,
  countLinks,
  findCopies,
  readCopySources,
  readOwners,
} from './copy-sources.js';
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

/**
 * Copies all that the fields of a record hold into the same fields of another one, behind what those hold: in one transaction, or
 * in several of whole fields if there are more than 1,000. A repetition under the same idempotency key goes on where it broke off,
 * then changes nothing. Fields that the viewer may not see are left out. Nothing is copied if the quota has no room. Throws FORBIDDEN,
 * NOT_APPROVED, DAMAGED, TOO_MANY_ATTACHMENTS, BAD_USER_INPUT, IDEMPOTENCY_CONFLICT, QUOTA_EXCEEDED, and what the policies refuse.
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
  const names = [null, ...left.map(({ name }) => name)];
  await Promise.all(names.map((name) => access.assertMayEdit(to, name, ['input', 'to'])));
  // An authorizer that cannot be asked must fail before there are copies, since the answer shows the fields.
  await Promise.all(left.map(({ name }) => access.mayView(to, name)));
  const operation = { id: newId(), at: deps.clock() };
  const quota = await deps.quotas.of(viewer.organizationId);
  for (let isFirst = true; isFirst || left.length > 0; isFirst = false) {
    const step = await deps.database.write(async (manager) => {
      const copied = await copyFields(deps, manager, viewer, { input, left, operation, isFirst, quota });
      await quota?.assertWithin(manager, { attachments: copied.changed.length }, ['input', 'from']);
      return copied;
    });
    deps.changes.publish(step.changed);
    left = step.left;
  }
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
  isFirst: boolean;
  quota: Quota | null;
}

/** Copies as many fields as one transaction should. Returns those that are left. */
async function copyFields(
  deps: CopyRecordDependencies,
  manager: EntityManager,
  viewer: Viewer,
  { input, left, operation: own, isFirst, quota }: Step,
): Promise<{ left: RecordFieldRow[]; changed: Change[] }> {
  const { from, to, idempotencyKey } = input;
  const asked = { idempotencyKey, input: { copyRecordAttachments: { from, to } } };
  const operation = await beginSteps(manager, viewer, asked, own);
  const counts = await countLinks(
    manager,
    left.map(({ id }) => id),
  );
  // A repetition has made some of them before.
  if (isFirst && operation.id === own.id)
    await quota?.assertAttachments(manager, counts.distinct, ['input', 'from']);
  const { now, later } = operation.isOver ? { now: [], later: [] } : chooseFields(left, counts.ofField);
  await lockFieldsToFill(manager, viewer, { record: to, names: now.map(({ name }) => name) });
  const held = await readCopySources(
    manager,
    viewer,
    now.map(({ id }) => id),
  );
  const copies: string[] = [];
  for (const { id, name } of now) {
    const sources = held.get(id) ?? [];
    copies.push(...(await copyField(deps, manager, viewer, { to, name, sources, operation })));
  }
  await dropUnchanged(manager, viewer, to);
  if (later.length === 0) await endSteps(manager, viewer, asked);
  // Each is told of by what it belongs to now.
  const changed = await deps.changes.describe(manager, await readOwners(manager, viewer, copies));
  return { left: later, changed };
}

interface FieldCopy {
  to: RecordRef;
  /** The field, here and there. */
  name: string;
  sources: readonly CopySource[];
  operation: Operation;
}

/** A source, and the id of its copy. */
type Pair = readonly [source: CopySource, id: string];

/**
 * Returns the ids of the copies. Those that another field or an earlier request has made are linked, not made again; those that have
 * gone into the trash since stay there.
 */
async function copyField(
  deps: CopyRecordDependencies,
  manager: EntityManager,
  viewer: Viewer,
  { to, name, sources, operation }: FieldCopy,
): Promise<string[]> {
  const policy = policyOf(deps, to, name);
  const pairs = sources.map((source): Pair => [source, idOfCopy(operation, source.id)]);
  const known = await findCopies(
    manager,
    viewer,
    pairs.map(([, id]) => id),
  );
  const ids = pairs.map(([, id]) => id).filter((id) => !known.trashed.has(id));
  if (ids.length === 0) return [];
  const missing = pairs.filter(([, id]) => !known.trashed.has(id) && !known.inUse.has(id));
  const now = deps.clock();
  const place = { record: to, policy, now };
  await changeLinks(manager, viewer, {
    record: to,
    policy,
    clock: () => now,
    field: name,
    attachmentIds: ids,
    mode: 'ADD',
    expectedVersion: null,
    retentionMs: deps.unlinkedRetentionMs,
    locOf: () => ['input', 'to'],
    made: {
      ids: new Set(missing.map(([, id]) => id)),
      make: () => makeCopies(manager, viewer, missing, place),
    },
  });
  return ids;
}

function policyOf(
  { policies }: Pick<CopyRecordDependencies, 'policies'>,
  to: RecordRef,
  name: string,
): Policy {
  const faults = new Faults();
  const policy = choosePolicyOfPlace(faults, policies, { record: to, field: name }, ['input', 'to']);
  faults.throwIfAny();
  if (!policy) throw new Error('A policy that is missing has no fault.');
  return policy;
}

/** The same each time, so that a repetition finds what is there: a UUID version 7 of the operation's beginning. */
function idOfCopy({ id, at }: Operation, sourceId: string): string {
  const random = createHash('sha256').update(`${id} ${sourceId}`).digest().subarray(0, 16);
  return idAt(at.getTime(), { random });
}

interface Place {
  record: RecordRef;
  policy: Policy;
  now: Date;
}

/** Makes copies that the record owns, or shares in a field of that kind. Throws what the policy does not accept. */
async function makeCopies(
  manager: EntityManager,
  viewer: Viewer,
  pairs: readonly Pair[],
  { record, policy, now }: Place,
): Promise<void> {
  const faults = new Faults();
  for (const [source] of pairs) recheckPolicy(faults, policy, source, ['input', 'to']);
  faults.throwIfAny();
  const isOwned = policy.sharing !== 'SHARED';
  const made = await copyAttachmentRows(
    manager,
    pairs.map(([source, id]) => ({ id, sourceId: source.id })),
    {
      shared: true,
      recordType: isOwned ? record.type : null,
      recordId: isOwned ? record.id : null,
      claimedAt: isOwned ? now : null,
      createdById: viewer.principal.id,
      createdAt: now,
      expiresAt: null,
    },
  );
  if (made !== pairs.length) throw new Error('Somebody else has deleted one of the attachments.');
  const events = pairs.map(([{ id: copyOf, fileName }, subjectId]) => {
    const details = { fileName, copyOf };
    return [viewer, { action: 'ATTACHMENT_CREATED', subjectId, at: now, details }] as const;
  });
  await recordEvents(manager, events);
}
