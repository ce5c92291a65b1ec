import { Readable } from 'node:stream';
import { assertDocumentKey, blobIdOf, mayBeInlined } from './document-key.js';
import type { ByteRange, Storage } from './storage.js';

/** Bytes that are kept with the row of their blob. */
export interface InlinedBodies {
  /** Null where there are none. */
  read(blobId: string): Promise<Uint8Array | null>;
  /** In bytes; null where there are none. */
  size(blobId: string): Promise<number | null>;
}

/**
 * A storage that also reads bytes which are kept with their rows. They come and go with the rows, so nothing else of it knows
 * them: neither listing nor removing. Keys of objects in `store` are asked for there at once.
 */
export function withInlined(store: Storage, bodies: InlinedBodies): Storage {
  return {
    direct: store.direct,
    growing: store.growing,
    create: (key, options) => store.create(key, options),
    read: async (key, range) => {
      assertDocumentKey(key);
      const body = mayBeInlined(key) ? await bodies.read(blobIdOf(key)) : null;
      return body === null ? store.read(key, range) : streamOf(body, range);
    },
    size: async (key) => {
      assertDocumentKey(key);
      const size = mayBeInlined(key) ? await bodies.size(blobIdOf(key)) : null;
      return size ?? store.size(key);
    },
    remove: (key) => store.remove(key),
    list: (partition) => store.list(partition),
    removeUnfinished: (...unfinished) => store.removeUnfinished(...unfinished),
    check: () => store.check(),
  };
}

function streamOf(
  body: Uint8Array,
  { start, end }: ByteRange = { start: 0, end: body.byteLength - 1 },
): Readable {
  return Readable.from([body.subarray(start, end + 1)], { objectMode: false });
}
