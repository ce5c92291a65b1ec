import { Readable } from 'node:stream';
import { createDocumentKey } from '../storage/document-key.js';
import type { ObjectWriter, Storage } from '../storage/storage.js';
import type { ContentHash, Hasher } from './hash-content.js';
import type { Intake } from './intake.js';
import type { IntakeLeases } from './intake-leases.js';
import { meterContent } from './meter-content.js';

export interface IntakeDependencies {
  storage: Pick<Storage, 'create'>;
  clock: () => Date;
  hasher: Hasher;
  leases: Pick<IntakeLeases, 'hold' | 'release'>;
}

export interface ContentSource {
  organizationId: string;
  content: Readable | AsyncIterable<Uint8Array>;
  /** In bytes; so many are still taken. */
  maxSize: number;
  fileName: string | null;
  declaredType: string | null;
}

/**
 * Stores content while it arrives, measuring and hashing it on the way: the one door for bytes, wherever they come from.
 * Resolves once they are durable. Where it fails, nothing remains: with FILE_TOO_LARGE as soon as the limit is passed,
 * with STORAGE_UNAVAILABLE, with what `content` itself failed with, or with the reason of `signal`. It reads no further
 * then; a Readable is not destroyed, so that whoever opened it may drain it instead.
 */
export async function intakeFromStream(
  { storage, clock, hasher, leases }: IntakeDependencies,
  source: ContentSource,
  signal?: AbortSignal,
): Promise<Intake> {
  const stream = toReadable(source.content);
  const begun = { at: clock(), tick: performance.now() };
  const documentKey = createDocumentKey(source.organizationId, begun.at);
  // Until `discardIntake` lets go of it, or this fails.
  leases.hold(documentKey);
  const writer = await storage.create(documentKey).catch(async (error: unknown) => {
    await leases.release(documentKey);
    throw error;
  });
  const hash = hasher.start();
  try {
    const stored = await store(stream, source.maxSize, { writer, hash, signal });
    signal?.throwIfAborted();
    await writer.commit();
    const { fileName, declaredType } = source;
    const blobId = lastPartOf(documentKey);
    return { blobId, documentKey, begun, ...stored, fileName, declaredType, used: false };
  } catch (error) {
    hash.forget();
    await writer.abort();
    await leases.release(documentKey);
    throw signal?.aborted ? signal.reason : error;
  } finally {
    if (stream !== source.content) stream.destroy();
  }
}

interface Destination {
  writer: ObjectWriter;
  hash: ContentHash;
  signal: AbortSignal | undefined;
}

async function store(content: Readable, maxSize: number, { writer, hash, signal }: Destination) {
  const handle = async (batch: Uint8Array[]) => {
    await Promise.all([writer.write(batch), hash.update(batch)]);
  };
  const { size, head, lastBatch } = await meterContent(content, maxSize, handle, signal);
  const [digests] = await Promise.all([hash.finish(lastBatch), writer.write(lastBatch)]);
  return { size, head, ...digests };
}

/** A source that fails after it has been given up, or before it is read, must not end the process. */
function toReadable(content: ContentSource['content']): Readable {
  const stream = content instanceof Readable ? content : Readable.from(content, { objectMode: false });
  return stream.on('error', () => {});
}

function lastPartOf(documentKey: string): string {
  return documentKey.slice(documentKey.lastIndexOf('/') + 1);
}
