import type { EntityManager, FindOptionsWhere } from 'typeorm';
import { UploadTargetRow, type UploadTargetState } from '../database/entities/upload-target.js';
import { at, IsNull } from '../database/typeorm.js';
import { fault } from '../errors.js';
import type { Digests } from './hash-content.js';

interface Transition {
  from: readonly UploadTargetState[];
  to: UploadTargetState;
}

/**
 * Every transition of an upload target, by the name of the function below that makes it. A target is inserted OPEN, and ends by being
 * deleted.
 */
const transitions = {
  /** The store has named what the parts of the target make. */
  nameParts: { from: ['OPEN'], to: 'OPEN' },
  /** Its client asks for URLs of parts, and has more time from then on. */
  prolongTarget: { from: ['OPEN'], to: 'OPEN' },
  /** A request to us begins to bring bytes, or takes over from one that has stalled or died. */
  takeTarget: { from: ['OPEN', 'RECEIVING'], to: 'RECEIVING' },
  /** Bytes of that request arrive. */
  beatTarget: { from: ['RECEIVING'], to: 'RECEIVING' },
  /** More bytes by TUS are durable, or their number is known by now; the request keeps the target. */
  growTarget: { from: ['RECEIVING'], to: 'RECEIVING' },
  /** The request ends, and the target waits for another one. */
  reopenTarget: { from: ['RECEIVING'], to: 'OPEN' },
  /** All that has come by TUS turns out to be lost or wrong. */
  startTargetOver: { from: ['OPEN', 'RECEIVING'], to: 'OPEN' },
  /** A process begins to have the store make the object of its key, or takes over from one that has died. */
  leaseTarget: { from: ['OPEN', 'RECEIVING'], to: 'RECEIVING' },
  /** The store has not made it. */
  reopenLeased: { from: ['RECEIVING'], to: 'OPEN' },
  /** The store has made it. */
  finishLeased: { from: ['RECEIVING'], to: 'FINISHED' },
  /** Bytes that came to us are whole at their key, even if another request has taken over and opened it again. */
  finishTarget: { from: ['RECEIVING', 'OPEN'], to: 'FINISHED' },
  /** Another upload has used it as a part. */
  shortenTarget: { from: ['FINISHED'], to: 'FINISHED' },
  /** An attachment comes to use the bytes: from then on it lives as long as they do. */
  keepTarget: { from: ['FINISHED'], to: 'FINISHED' },
} as const satisfies Record<string, Transition>;

/** The target that is to move. Each member that is given must still be so. */
type Before = FindOptionsWhere<UploadTargetRow> & Pick<UploadTargetRow, 'organizationId' | 'state'>;

/** Its members afterwards, besides its state. Members that are left out stay. */
type After = Partial<
  Pick<
    UploadTargetRow,
    | 'acceptingUntil'
    | 'expiresAt'
    | 'attempt'
    | 'beat'
    | 'md5'
    | 'sha256'
    | 'utf8'
    | 'size'
    | 'deferred'
    | 'received'
    | 'place'
  >
>;

/**
 * Moves one target to its next state, in one conditional update. False, here and from the functions of the transitions: it was not, or
 * no longer, as the caller believes, and nothing has changed.
 */
async function moveTarget(
  manager: EntityManager,
  name: keyof typeof transitions,
  before: Before,
  after: After,
): Promise<boolean> {
  const { from, to }: Transition = transitions[name];
  if (!from.includes(before.state)) return false;
  const { organizationId } = before;
  const next = { ...after, state: to };
  const { affected } = await manager.update(UploadTargetRow, { ...before, organizationId }, next);
  return affected === 1;
}

type TargetId = Pick<UploadTargetRow, 'id' | 'organizationId'>;

const inState = ({ id, organizationId }: TargetId, state: UploadTargetState) => ({
  id,
  organizationId,
  state,
});

export function nameParts(manager: EntityManager, target: TargetId, place: string | null): Promise<boolean> {
  return moveTarget(manager, 'nameParts', inState(target, 'OPEN'), { place });
}

export function prolongTarget(manager: EntityManager, target: TargetId, expiresAt: Date): Promise<boolean> {
  return moveTarget(manager, 'prolongTarget', inState(target, 'OPEN'), { expiresAt });
}

/** A target that a request has in hand: the one whose attempt the row names. */
export type TakenTarget = TargetId & { attempt: string };

const stillTaken = (target: TakenTarget) => ({ ...inState(target, 'RECEIVING'), attempt: target.attempt });

export function isStillTaken(manager: EntityManager, target: TakenTarget): Promise<boolean> {
  const { organizationId } = target;
  return manager.existsBy(UploadTargetRow, { ...stillTaken(target), organizationId });
}

/** One of all requests that have read `target` so takes it. */
export function takeTarget(
  manager: EntityManager,
  target: UploadTargetRow,
  attempt: string,
): Promise<boolean> {
  const { state, beat } = target;
  const before = { ...inState(target, state), beat, attempt: target.attempt ?? IsNull() };
  return moveTarget(manager, 'takeTarget', before, { attempt, beat: 0, acceptingUntil: null });
}

export function beatTarget(manager: EntityManager, target: TakenTarget, beat: number): Promise<boolean> {
  return moveTarget(manager, 'beatTarget', stillTaken(target), { beat });
}

/** How far an upload by TUS has come. */
export type TargetGrowth = Pick<After, 'received' | 'place' | 'expiresAt' | 'size' | 'deferred'>;

export function growTarget(
  manager: EntityManager,
  target: TakenTarget,
  growth: TargetGrowth,
): Promise<boolean> {
  return moveTarget(manager, 'growTarget', stillTaken(target), growth);
}

export function reopenTarget(
  manager: EntityManager,
  target: TakenTarget,
  growth: TargetGrowth = {},
): Promise<boolean> {
  return moveTarget(manager, 'reopenTarget', stillTaken(target), { attempt: null, ...growth });
}

/** Unless more bytes, or others, have come since `target` was read. */
export function startTargetOver(
  manager: EntityManager,
  target: TargetId & Pick<UploadTargetRow, 'state' | 'received' | 'place'>,
): Promise<boolean> {
  const { state, received } = target;
  const none = { attempt: null, received: 0, place: null };
  const before = { ...inState(target, state), received, place: target.place ?? IsNull() };
  return moveTarget(manager, 'startTargetOver', before, none);
}

/** A target that a process has the store work on; that counts as dead after `acceptingUntil`. */
export type LeasedTarget = UploadTargetRow & { state: 'RECEIVING'; acceptingUntil: Date };

/** Exactly as the row was read, its lease included. */
const unchanged = (target: UploadTargetRow) => ({
  ...inState(target, target.state),
  acceptingUntil: target.acceptingUntil === null ? IsNull() : at(target.acceptingUntil),
});

/** One of all processes that have read `target` so gets it. */
export function leaseTarget(
  manager: EntityManager,
  target: UploadTargetRow,
  acceptingUntil: Date,
): Promise<boolean> {
  return moveTarget(manager, 'leaseTarget', unchanged(target), { acceptingUntil });
}

export function reopenLeased(manager: EntityManager, target: LeasedTarget): Promise<boolean> {
  return moveTarget(manager, 'reopenLeased', unchanged(target), { acceptingUntil: null });
}

export function finishLeased(manager: EntityManager, target: LeasedTarget): Promise<boolean> {
  return moveTarget(manager, 'finishLeased', unchanged(target), { acceptingUntil: null });
}

/**
 * Whoever asks for the bytes meanwhile may have finished the target first, used the bytes, and deleted them with it. If the bytes have
 * come late, or in many requests, the day for their attachment begins now. `digests` are of bytes that the caller has stored itself.
 * Returns whether the target is there.
 */
export async function finishTarget(
  manager: EntityManager,
  target: UploadTargetRow,
  now: Date,
  digests: (Digests & { isUtf8: boolean }) | null = null,
): Promise<boolean> {
  const { id, organizationId, expiresAt, protocol } = target;
  const isLate = protocol !== 'PUT' || (expiresAt !== null && expiresAt < now);
  const finished = {
    acceptingUntil: null,
    attempt: null,
    ...(digests ? { md5: digests.md5, sha256: digests.sha256, utf8: digests.isUtf8 } : {}),
    ...(isLate ? { expiresAt: now } : {}),
  };
  const finishFrom = (state: 'RECEIVING' | 'OPEN') =>
    moveTarget(manager, 'finishTarget', inState(target, state), finished);
  if (!(await finishFrom('RECEIVING')) && digests) await finishFrom('OPEN');
  return manager.existsBy(UploadTargetRow, { id, organizationId });
}

export function shortenTarget(manager: EntityManager, target: TargetId, expiresAt: Date): Promise<boolean> {
  return moveTarget(manager, 'shortenTarget', inState(target, 'FINISHED'), { expiresAt });
}

/** The target that the bytes of this key came by. */
export function keepTarget(
  manager: EntityManager,
  { organizationId, documentKey }: Pick<UploadTargetRow, 'organizationId' | 'documentKey'>,
): Promise<boolean> {
  const finished = { organizationId, documentKey, state: 'FINISHED' as const };
  return moveTarget(manager, 'keepTarget', finished, { expiresAt: null });
}

/** Whether its bytes are only a part of another upload's: no attachment is made of them. */
export function isPartial({ terms }: UploadTargetRow): boolean {
  return terms?.concat === 'partial';
}

/** Throws FORBIDDEN for an upload that was made by an API key which has ended. */
export async function assertMakersKey(
  { isKeyGood }: { isKeyGood(keyId: string): Promise<boolean> },
  { terms }: Pick<UploadTargetRow, 'terms'>,
): Promise<void> {
  if (!terms || terms.keyId === null || (await isKeyGood(terms.keyId))) return;
  const msg = 'The credential that made this upload has ended.';
  throw fault('signature_revoked', [], msg, { message: msg });
}
