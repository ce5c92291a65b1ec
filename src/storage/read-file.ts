import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { type ByteRange, systemCode, toStorageFault } from './storage.js';

/** For what the file system is asked about a file that may not be there. */
export function nullWhereMissing(error: unknown): null {
  if (systemCode(error) === 'ENOENT') return null;
  throw error;
}

/** Large chunks are the fastest; the first ones are small, so that a client that takes none of them costs little memory. */
const firstChunkSize = 64 * 1024;
const maxChunkSize = 1024 * 1024;

/** Streams a range of an open file, which is closed with the stream. Fails with STORAGE_UNAVAILABLE where it cannot be read. */
export function readFileRange(file: FileHandle, { start, end }: ByteRange): Readable {
  let position = start;
  let chunkSize = firstChunkSize;

  async function nextChunk(): Promise<Uint8Array | null> {
    const length = Math.min(chunkSize, end - position + 1);
    if (length <= 0) return null;
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafeSlow(length), 0, length, position);
    position += bytesRead;
    chunkSize = Math.min(2 * chunkSize, maxChunkSize);
    return bytesRead === 0 ? null : buffer.subarray(0, bytesRead);
  }

  return new Readable({
    // One chunk ahead, however large.
    highWaterMark: firstChunkSize,
    read() {
      nextChunk().then(
        (chunk) => this.push(chunk),
        (error: unknown) => this.destroy(toStorageFault(error)),
      );
    },
    destroy(error, done) {
      file.close().then(
        () => done(error),
        (closeError) => done(error ?? closeError),
      );
    },
  });
}
