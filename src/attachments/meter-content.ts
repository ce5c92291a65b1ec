import { addAbortSignal, finished, type Readable } from 'node:stream';
import { finished as whenFinished } from 'node:stream/promises';
import { ContentSink } from './content-sink.js';

export interface MeteredContent {
  /** In bytes. */
  size: number;
  /** The first 4 KiB, or all where there is less. */
  head: Uint8Array;
  /** What `handle` has not been given: all of a content that fits into one batch. */
  lastBatch: Uint8Array[];
}

/**
 * Reads content to its end, handing it on in batches of about 1 MiB. Fails with FILE_TOO_LARGE at the first byte past
 * `maxSize`, with what the content or `handle` failed with, or once `signal` is aborted; it reads no further then.
 */
export async function meterContent(
  content: Readable,
  maxSize: number,
  handle: (batch: Uint8Array[]) => Promise<void>,
  signal?: AbortSignal,
): Promise<MeteredContent> {
  const sink = new ContentSink(maxSize, handle);
  if (signal) addAbortSignal(signal, sink);
  finished(content, { writable: false }, (error) => error && sink.destroy(error));
  content.pipe(sink);
  await whenFinished(sink);
  return { size: sink.size, head: sink.head, lastBatch: sink.takeBatch() };
}
