import { createHash } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import type { Database } from '../database/database.js';
import { AttachmentRow } from '../database/entities/attachment.js';
import { IdempotencyKeyRow } from '../database/entities/idempotency-key.js';
import { before } from '../database/instants.js';
import { AttachmentError } from '../errors.js';
import type { Faults } from '../faults.js';

/** So long a retry finds what the first request has made. */
const lifetimeMs = 24 * 60 * 60 * 1_000;

const maxKeyLength = 255;

/** For `where`: keys that no retry can come to use any more. */
export const isOutlived = (now: Date) => ({ createdAt: before(new Date(now.getTime() - lifetimeMs)) });

export interface Creation {
  idempotencyKey: string;
  /** Everything that the client asked for, its content by hash. */
  input: unknown;
  attachmentId: string;
  now: Date;
}

/** Notes a fault of `input.idempotencyKey`. */
export function checkIdempotencyKey(faults: Faults, key: string): void {
  if (key.length > 0 && key.length <= maxKeyLength) return;
  const msg = `Must have from 1 to ${maxKeyLength} characters.`;
  faults.add('BAD_USER_INPUT', ['input', 'idempotencyKey'], 'out_of_range', msg, maxKeyLength);
}

/**
 * Remembers, inside the transaction that creates it, what is created under a key. Returns the id of what the same principal
 * has created under it before, from the same input, and null where there is none: then this is the first. Throws
 * IDEMPOTENCY_CONFLICT where the input was another.
 */
export async function recallCreation(
  manager: EntityManager,
  { organizationId, principal }: Viewer,
  { idempotencyKey, input, attachmentId, now }: Creation,
): Promise<string | null> {
  const key = { organizationId, principalId: principal.id, key: idempotencyKey };
  const fingerprint = createHash('sha256').update(JSON.stringify(input)).digest('hex');
  await manager.delete(IdempotencyKeyRow, { ...key, ...isOutlived(now) });
  await manager
    .createQueryBuilder()
    .insert()
    .into(IdempotencyKeyRow)
    .values({ ...key, fingerprint, attachmentId, createdAt: now })
    .orIgnore()
    .updateEntity(false)
    .execute();
  const first = await manager.findOneByOrFail(IdempotencyKeyRow, key);
  if (first.attachmentId === attachmentId) return null;
  if (first.fingerprint !== fingerprint) throw conflict();
  if (await manager.existsBy(AttachmentRow, { id: first.attachmentId, organizationId }))
    return first.attachmentId;
  // Of two retries at once only one takes the place of what was deleted.
  const { affected } = await manager.update(
    IdempotencyKeyRow,
    { ...key, organizationId, attachmentId: first.attachmentId },
    { attachmentId, createdAt: now },
  );
  if (affected === 1) return null;
  return (await manager.findOneByOrFail(IdempotencyKeyRow, key)).attachmentId;
}

/** Forgets keys that have outlived their use. */
export async function forgetCreations(database: Database, now: Date): Promise<void> {
  await database.write((manager) => manager.delete(IdempotencyKeyRow, isOutlived(now)));
}

function conflict(): AttachmentError {
  const msg = 'This key was used with other input.';
  return new AttachmentError('IDEMPOTENCY_CONFLICT', {
    details: [{ loc: ['input', 'idempotencyKey'], msg, type: 'idempotency_conflict' }],
  });
}
