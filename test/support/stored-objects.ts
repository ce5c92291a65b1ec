import { randomUUID } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { createDocumentKey, hourPartition } from '../../src/storage/document-key.js';
import type { ByteRange, Storage } from '../../src/storage/storage.js';

export const mebibyte = 1024 * 1024;
export const hour = new Date('2026-03-04T05:30:00Z');

/** The partition in which `newKey` makes its keys, unless told otherwise. */
export const partition = hourPartition(hour);

export const newKey = (organizationId: string = randomUUID(), now = hour) =>
  createDocumentKey(organizationId, now);

export async function put(storage: Storage, key: string, ...content: Uint8Array[]): Promise<void> {
  const writer = await storage.create(key);
  await writer.write(content);
  await writer.commit();
}

/** The object's bytes; null where there is none. */
export async function get(storage: Storage, key: string, range?: ByteRange): Promise<Buffer | null> {
  const stream = await storage.read(key, range);
  return stream && buffer(stream);
}

export async function listed(storage: Storage, ofPartition = partition): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of storage.list(ofPartition)) keys.push(key);
  return keys.sort();
}
