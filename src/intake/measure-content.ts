import type { Readable } from 'node:stream';
import type { Digests, Hasher } from './hash-content.js';
import { type MeteredContent, meterContent } from './meter-content.js';

/** Content that was read to its end. */
export type Measured = MeteredContent & Digests;

/** Reads content that is not to be stored. Throws FILE_TOO_LARGE for more than `maxSize` bytes. */
export async function measure(
  hasher: Hasher,
  content: Readable,
  maxSize: number,
  signal?: AbortSignal,
): Promise<Measured> {
  const hash = hasher.start();
  try {
    const metered = await meterContent(content, maxSize, (batch) => hash.update(batch), signal);
    return { ...metered, ...(await hash.finish(metered.lastBatch)) };
  } finally {
    hash.forget();
  }
}
