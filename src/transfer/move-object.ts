import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { Storage } from '../storage/storage.js';

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
export async function moveObject(
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
