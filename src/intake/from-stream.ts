import { Readable } from 'node:stream';
import { detectContentType } from '../content-types/detect-content-type.js';
import { AttachmentError } from '../errors.js';
import type { Quotas } from '../quotas/quotas.js';
import type { Reservation } from '../quotas/reservations.js';
import { blobIdOf, createDocumentKey, createInlinedKey } from '../storage/document-key.js';
import type { ReservedSpace } from '../storage/local-disk.js';
import type { ByteRange, ObjectWriter, Storage } from '../storage/storage.js';
import { inSpan } from '../tracing.js';
import type { ContentHash, Digests, Hasher } from './hash-content.js';
import type { Intake } from './intake.js';
import type { IntakeLeases } from './intake-leases.js';
import { type Allowance, type MeteredContent, meterContent, meterWhole } from './meter-content.js';

export interface IntakeDependencies {
  storage: Pick<Storage, 'create' | 'read' | 'remove'>;
  clock: () => Date;
  hasher: Hasher;
  leases: Pick<IntakeLeases, 'hold' | 'release'>;
  inlining: Inlining;
  quotas: Pick<Quotas, 'of'>;
}

/** How small content is kept with its row. */
export interface Inlining {
  /** In bytes; 0 keeps none so. */
  maxSize: number;
  /** Room that must stay on the disk of the embedded database; null for another database. */
  reserved: Pick<ReservedSpace, 'assertLeft'> | null;
}

export interface ContentSource {
  organizationId: string;
  /** Bytes that are there already, or arrive. */
  content: Readable | AsyncIterable<Uint8Array> | Buffer;
  /** In bytes; so many are still taken. */
  maxSize: number;
  fileName: string | null;
  declaredType: string | null;
  /** In bytes, if the sender has told: so much room is made for it beforehand. */
  toldSize?: number | null;
}

/**
 * Takes content in while it arrives, measuring and hashing it on the way: the one door for bytes, wherever they come from.
 * Small content stays in memory, to be written with its row. Otherwise this resolves once it is durable. Where it fails,
 * nothing remains: with FILE_TOO_LARGE as soon as the limit is passed, with QUOTA_EXCEEDED, with STORAGE_UNAVAILABLE, with what `content` itself
 * failed with, or with the reason of `signal`. It reads no further then; a Readable is not destroyed, so that whoever opened
 * it may drain it instead.
 */
export function intakeFromStream(
  deps: IntakeDependencies,
  source: ContentSource,
  signal?: AbortSignal,
): Promise<Intake> {
  return inSpan('intake', {}, async (note) => {
    const intake = await takeIn(deps, source, signal);
    note({ 'claimcheck.content.size': intake.size, 'claimcheck.content.inlined': 'body' in intake });
    return intake;
  });
}

async function takeIn(
  deps: IntakeDependencies,
  source: ContentSource,
  signal?: AbortSignal,
): Promise<Intake> {
  const { organizationId, maxSize, fileName, declaredType } = source;
  const stream = toReadable(source.content);
  const begun = { at: deps.clock(), tick: performance.now() };
  const object = new StoredObject(deps, () => createDocumentKey(organizationId, begun.at));
  const hash = deps.hasher.start();
  let reservation: Reservation | null = null;
  try {
    const isWhole = Buffer.isBuffer(stream);
    const told = isWhole ? stream.byteLength : Math.min(source.toldSize ?? 0, maxSize);
    const quota = await deps.quotas.of(organizationId);
    reservation = quota && (await quota.reserve(told, ['input', 'content']));
    // Nothing can come that is not stored there: whoever sends it need not do so before learning of a fault.
    if (deps.inlining.maxSize === 0) await object.begin();
    const handle = (batch: Uint8Array[]) => Promise.all([object.write(batch), hash.update(batch)]);
    const metered = isWhole
      ? meterWhole(stream, maxSize)
      : await meterContent(stream, maxSize, handle, signal, allowanceOf(reservation, told));
    const { size, lastBatch } = metered;
    if (!object.isBegun && isSmall(deps.inlining, size)) {
      const { body, content, digests } = await inline(deps.inlining, hash, metered);
      const documentKey = createInlinedKey(organizationId, begun.at);
      return toIntake({ documentKey, size, fileName, declaredType, digests, content, body, reservation });
    }
    const [digests] = await Promise.all([hash.finish(lastBatch), object.write(lastBatch)]);
    signal?.throwIfAborted();
    await object.commit();
    const content = await detectContentType({ ...metered, read: (start, end) => object.read(start, end) });
    const { documentKey } = object;
    return toIntake({ documentKey, size, fileName, declaredType, digests, content, begun, reservation });
  } catch (error) {
    hash.forget();
    await object.abort();
    await reservation?.release();
    throw signal?.aborted ? signal.reason : error;
  } finally {
    if (!Buffer.isBuffer(stream) && stream !== source.content) stream.destroy();
  }
}

function allowanceOf(reservation: Reservation | null, granted: number): Allowance | null {
  return reservation && { granted, grow: (bytes) => reservation.grow(bytes) };
}

type TakenIn = Pick<
  Intake,
  'documentKey' | 'size' | 'fileName' | 'declaredType' | 'content' | 'body' | 'begun'
> & {
  digests: Digests;
  reservation: Reservation | null;
};

function toIntake(taken: TakenIn): Intake {
  const { documentKey, size, fileName, declaredType, digests, content, body, begun, reservation } = taken;
  const { md5, sha256 } = digests;
  const blobId = blobIdOf(documentKey);
  const intake: Intake = {
    blobId,
    documentKey,
    size,
    md5,
    sha256,
    content,
    fileName,
    declaredType,
    used: false,
  };
  if (body) intake.body = body;
  if (begun) intake.begun = begun;
  if (reservation) intake.reservation = reservation;
  return intake;
}

const isSmall = ({ maxSize }: Inlining, size: number) => maxSize > 0 && size <= maxSize;

/** A copy, so that few bytes do not keep a whole network buffer in memory. */
async function inline({ reserved }: Inlining, hash: ContentHash, metered: MeteredContent) {
  const body = Buffer.concat(metered.lastBatch);
  await reserved?.assertLeft();
  const { size, head, isUtf8 } = metered;
  const read = async (start: number, end: number) => body.subarray(start, end);
  const content = await detectContentType({ size, head, isUtf8, read });
  return { body, content, digests: await hash.finish([body]) };
}

/** An object in the storage, begun with its first bytes and held from then on: until `discardIntake` lets go, or it is aborted. */
class StoredObject {
  readonly #deps: Pick<IntakeDependencies, 'storage' | 'leases'>;
  readonly #makeKey: () => string;
  #key: string | null = null;
  #writer: Promise<ObjectWriter> | null = null;
  #isWhole = false;

  constructor(deps: Pick<IntakeDependencies, 'storage' | 'leases'>, makeKey: () => string) {
    this.#deps = deps;
    this.#makeKey = makeKey;
  }

  get documentKey(): string {
    this.#key ??= this.#makeKey();
    return this.#key;
  }

  get isBegun(): boolean {
    return this.#writer !== null;
  }

  async write(batch: readonly Uint8Array[]): Promise<void> {
    await (await this.begin()).write(batch);
  }

  async commit(): Promise<void> {
    await (await this.begin()).commit();
    this.#isWhole = true;
  }

  read(start: number, end: number): Promise<Uint8Array> {
    return readRange(this.#deps.storage, this.documentKey, start, end);
  }

  /** A sweep removes a whole object that cannot be removed now. */
  async abort(): Promise<void> {
    if (this.#writer === null) return;
    const writer = await this.#writer.catch(() => null);
    await writer?.abort();
    if (this.#isWhole) await this.#deps.storage.remove(this.documentKey).catch(() => {});
    await this.#deps.leases.release(this.documentKey);
  }

  begin(): Promise<ObjectWriter> {
    if (this.#writer === null) {
      this.#deps.leases.hold(this.documentKey);
      this.#writer = this.#deps.storage.create(this.documentKey);
    }
    return this.#writer;
  }
}

/** A source that fails after it has been given up, or before it is read, must not end the process. */
function toReadable(content: ContentSource['content']): Readable | Buffer {
  if (Buffer.isBuffer(content)) return content;
  const stream = content instanceof Readable ? content : Readable.from(content, { objectMode: false });
  return stream.on('error', () => {});
}

/** Opens an object that must be there: throws STORAGE_UNAVAILABLE if it is not. */
export async function openObject(
  storage: Pick<Storage, 'read'>,
  documentKey: string,
  range?: ByteRange,
): Promise<Readable> {
  const content = await storage.read(documentKey, range);
  if (content) return content;
  const cause = new Error(`${documentKey} is not in the storage.`);
  throw new AttachmentError('STORAGE_UNAVAILABLE', { cause });
}

/** Bytes of such an object from `start` up to `end`, which is not included. */
export async function readRange(
  storage: Pick<Storage, 'read'>,
  documentKey: string,
  start: number,
  end: number,
): Promise<Uint8Array> {
  if (start >= end) return new Uint8Array();
  const content = await openObject(storage, documentKey, { start, end: end - 1 });
  return Buffer.concat(await content.toArray());
}
