import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../database/database.js';
import { BlobRow } from '../database/entities/blob.js';
import { And, LessThanOrEqual, MoreThan } from '../database/typeorm.js';
import { AttachmentError } from '../errors.js';
import type { Storage } from '../storage/storage.js';

export interface VerifyBlobsDependencies {
  database: Pick<Database, 'read'>;
  storage: Pick<Storage, 'read' | 'check'>;
  /** Waits after so many bytes have been read, as long as they should have taken. Throws to end it all. */
  pace(byteCount: number): Promise<void>;
}

/** Blobs by id, which is by age: those after `after`, up to `upTo`. */
export interface BlobRange {
  after: string;
  upTo: string;
}

export interface VerifiedBlob {
  blob: BlobRow;
  /** Null where the stored bytes are what they were when they came. */
  fault: { kind: 'missing' | 'damaged'; reason: string } | null;
}

const batchSize = 500;

/** Verifies one blob after the other, in the order of their ids. */
export async function* verifyBlobs(
  deps: VerifyBlobsDependencies,
  { after, upTo }: BlobRange,
): AsyncGenerator<VerifiedBlob> {
  for (let last = after; ; ) {
    const blobs = await deps.database.read.find(BlobRow, {
      where: { id: And(MoreThan(last), LessThanOrEqual(upTo)) },
      order: { id: 'ASC' },
      take: batchSize,
    });
    for (const blob of blobs) yield await verifyBlob(deps, blob);
    last = blobs.at(-1)?.id ?? last;
    if (blobs.length < batchSize) return;
  }
}

/**
 * Reads and hashes the bytes of a blob. One that is deleted meanwhile has no fault. Throws STORAGE_UNAVAILABLE where the storage as
 * a whole cannot be reached.
 */
export async function verifyBlob(deps: VerifyBlobsDependencies, blob: BlobRow): Promise<VerifiedBlob> {
  const { id, organizationId } = blob;
  const fault = await findFault(deps, blob);
  const isGone = fault !== null && !(await deps.database.read.existsBy(BlobRow, { id, organizationId }));
  return { blob, fault: isGone ? null : fault };
}

async function findFault(deps: VerifyBlobsDependencies, blob: BlobRow): Promise<VerifiedBlob['fault']> {
  const { storage } = deps;
  try {
    const content = await storage.read(blob.documentKey);
    if (content === null) return { kind: 'missing', reason: 'it is not in the storage' };
    const reason = compare(await measure(deps, content), blob);
    return reason === null ? null : { kind: 'damaged', reason };
  } catch (error) {
    if (!(error instanceof AttachmentError) || error.code !== 'STORAGE_UNAVAILABLE') throw error;
    await storage.check();
    const cause = error.cause instanceof Error ? error.cause.message : error.message;
    return { kind: 'damaged', reason: `it cannot be read: ${cause}` };
  }
}

type Measured = Pick<BlobRow, 'size' | 'md5' | 'sha256'>;

async function measure({ pace }: VerifyBlobsDependencies, content: Readable): Promise<Measured> {
  const md5 = createHash('md5');
  const sha256 = createHash('sha256');
  let size = 0;
  for await (const chunk of content as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    md5.update(chunk);
    sha256.update(chunk);
    await pace(chunk.byteLength);
  }
  return { size, md5: md5.digest('hex'), sha256: sha256.digest('hex') };
}

function compare(found: Measured, expected: Measured): string | null {
  if (found.size !== expected.size) return `it has ${found.size} bytes instead of ${expected.size}`;
  const differing = (['md5', 'sha256'] as const).filter((name) => found[name] !== expected[name]);
  return differing.length === 0 ? null : `its ${differing.join(' and ')} differ from those it came with`;
}

/** At so little behind it is not worth a timer. */
const slackMs = 5;

/**
 * Lets bytes pass at `bytesPerSecond` on average, 0 for as fast as they come: the result waits after so many of them. Time that
 * was not used is not saved up. Throws the signal's reason once that is aborted.
 */
export function createPace(
  bytesPerSecond: number,
  signal: AbortSignal,
): (byteCount: number) => Promise<void> {
  let dueAt = performance.now();
  return async (byteCount) => {
    signal.throwIfAborted();
    if (bytesPerSecond === 0) return;
    dueAt = Math.max(dueAt, performance.now() - slackMs) + (byteCount / bytesPerSecond) * 1_000;
    const waitMs = dueAt - performance.now();
    if (waitMs > slackMs) await sleep(waitMs, undefined, { signal });
  };
}
