import type { ServerResponse } from 'node:http';
import { pipeline, type Readable, Transform } from 'node:stream';
import { AttachmentError } from '../errors.js';
import type { ByteRange, Storage } from '../storage/storage.js';

/**
 * Opens a part of a stored object for sending and waits for its first bytes, so that a fault shows while an error can
 * still be answered: STORAGE_UNAVAILABLE where the object is missing or unreadable. Later the stream either gives every
 * byte of the range or fails, and it is closed with the client's connection.
 */
export async function openBody(
  storage: Pick<Storage, 'read'>,
  documentKey: string,
  range: ByteRange,
  client: ServerResponse,
): Promise<Readable> {
  const source = await storage.read(documentKey, range);
  if (source === null) throw unreadable(new Error('The storage has no such object.'));

  // Whatever fails, fails `body` too, and its reader learns of it there.
  const body = pipeline(source, exactly(range.end - range.start + 1), () => {});
  if (client.destroyed) body.destroy();
  client.once('close', () => body.destroy());
  await firstBytes(body);
  return body;
}

/** Passes `length` bytes on; fails where more or fewer come, since the header has promised that many. */
function exactly(length: number): Transform {
  let missing = length;
  return new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      missing -= chunk.byteLength;
      if (missing < 0) done(new Error('The stored object is longer than its row says.'));
      else done(null, chunk);
    },
    flush(done) {
      done(missing > 0 ? new Error('The stored object is shorter than its row says.') : null);
    },
  });
}

/** Settles with the first bytes, or once the client has gone. */
function firstBytes(body: Readable): Promise<void> {
  return new Promise((resolve, reject) => {
    body
      .once('readable', resolve)
      .once('close', resolve)
      .once('error', (error) => reject(error instanceof AttachmentError ? error : unreadable(error)));
  });
}

function unreadable(cause: unknown): AttachmentError {
  return new AttachmentError('STORAGE_UNAVAILABLE', { cause });
}
