import type { Readable } from 'node:stream';
import { AttachmentError } from '../errors.js';
import type { ByteRange, Storage } from '../storage/storage.js';

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
