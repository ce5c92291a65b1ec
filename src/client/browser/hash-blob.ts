import { sha256 } from '@noble/hashes/sha2.js';
import { chunksOf } from '../platform.js';

/** Lowercase hexadecimal. Reads in parts, so it takes little memory whatever the size. */
export async function hashBlob(blob: Blob, signal?: AbortSignal): Promise<string> {
  const hash = sha256.create();
  for await (const chunk of chunksOf(blob.stream())) {
    signal?.throwIfAborted();
    hash.update(chunk);
  }
  return Array.from(hash.digest(), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
