import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { EntityManager } from 'typeorm';
import { BlobRow } from '../database/entities/blob.js';
import { UploadTargetRow } from '../database/entities/upload-target.js';
import type { Storage } from '../storage/storage.js';
import { readBatches } from './move-rows.js';

/** An object that is to be in the target. The digest is lowercase hexadecimal, null where nobody knows it. */
export interface ObjectToMove {
  documentKey: string;
  size: number;
  sha256: string | null;
}

/** `copied`: it is in the target now; `present`: it was there whole; else the source has not what its row says. */
export type MovedObject = 'copied' | 'present' | 'missing' | 'damaged';

const chunkSize = 1024 * 1024;

/** Copies one object, unless the target has it already, and reads it back: what is told to be there has been seen there. */
async function moveObject(
  source: Pick<Storage, 'read'>,
  target: Pick<Storage, 'read' | 'create'>,
  object: ObjectToMove,
): Promise<MovedObject> {
  if (await isWhole(target, object)) return 'present';
  const content = await source.read(object.documentKey);
  if (content === null) return 'missing';
  const found = await copy(content, target, object);
  if (found === null) return 'damaged';
  if (!(await isWhole(target, { ...object, sha256: found.sha256 }))) {
    throw new Error(`The target does not give back what it was given: ${object.documentKey}`);
  }
  return 'copied';
}

interface Measured {
  size: number;
  sha256: string;
}

async function isWhole(storage: Pick<Storage, 'read'>, object: ObjectToMove): Promise<boolean> {
  // Without a digest nothing can tell a whole object from another of the same size: it is copied again.
  if (object.sha256 === null) return false;
  const content = await storage.read(object.documentKey);
  return content !== null && agrees(await measure(content), object);
}

function agrees(found: Measured, { size, sha256 }: ObjectToMove): boolean {
  return found.size === size && (sha256 === null || found.sha256 === sha256);
}

async function measure(content: Readable, onChunk?: (chunk: Uint8Array) => Promise<void>): Promise<Measured> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of content as AsyncIterable<Uint8Array>) {
    hash.update(chunk);
    size += chunk.byteLength;
    await onChunk?.(chunk);
  }
  return { size, sha256: hash.digest('hex') };
}

/** Null, and nothing is left, where the content is not what the object must be. */
async function copy(
  content: Readable,
  target: Pick<Storage, 'create'>,
  object: ObjectToMove,
): Promise<Measured | null> {
  const writer = await target.create(object.documentKey);
  const batch: Uint8Array[] = [];
  let batchSize = 0;
  const flush = async () => {
    await writer.write(batch.splice(0));
    batchSize = 0;
  };
  try {
    const measured = await measure(content, async (chunk) => {
      batch.push(chunk);
      batchSize += chunk.byteLength;
      if (batchSize >= chunkSize) await flush();
    });
    if (!agrees(measured, object)) {
      await writer.abort();
      return null;
    }
    await flush();
    await writer.commit();
    return measured;
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

export interface MoveBytesDependencies {
  /** Says which objects there are. */
  rows: EntityManager;
  source: Pick<Storage, 'read'>;
  target: Pick<Storage, 'read' | 'create'>;
  /** Called before each object; ends the move if it throws. */
  assertUnused(): Promise<void>;
  onProgress(bytes: number): void;
  /** Told of every object that the source has not as its row says. */
  onFault(documentKey: string, fault: 'missing' | 'damaged'): void;
}

export type MovedBytes = Record<MovedObject, number>;

const concurrency = 4;

/** Copies every object that a row names. A faulty one is told of and left out; what the target has whole already is only read. */
export async function moveBytes(deps: MoveBytesDependencies): Promise<MovedBytes> {
  const moved: MovedBytes = { copied: 0, present: 0, missing: 0, damaged: 0 };
  const objects = objectsOf(deps.rows);
  const moveInTurn = async () => {
    for (let next = await objects.next(); !next.done; next = await objects.next()) {
      await deps.assertUnused();
      const result = await moveObject(deps.source, deps.target, next.value);
      moved[result] += 1;
      if (result === 'missing' || result === 'damaged') deps.onFault(next.value.documentKey, result);
      deps.onProgress(next.value.size);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, moveInTurn));
  return moved;
}

/** How many bytes a move has to look at. */
export async function countBytes(rows: EntityManager): Promise<number> {
  return (await rows.sum(BlobRow, 'size')) ?? 0;
}

/** Those of blobs, and those that were sent directly and wait for their attachment. */
async function* objectsOf(rows: EntityManager): AsyncGenerator<ObjectToMove> {
  for await (const batch of readBatches(rows, rows.connection.getMetadata(BlobRow))) {
    for (const { documentKey, size, sha256 } of batch as BlobRow[]) yield { documentKey, size, sha256 };
  }
  for await (const batch of readBatches(rows, rows.connection.getMetadata(UploadTargetRow))) {
    for (const { documentKey, size, state } of batch as UploadTargetRow[]) {
      const isLoose = state === 'FINISHED' && !(await rows.existsBy(BlobRow, { documentKey }));
      if (isLoose) yield { documentKey, size, sha256: null };
    }
  }
}
