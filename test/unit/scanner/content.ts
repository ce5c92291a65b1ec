import { crc32, deflateRawSync } from 'node:zlib';
import { eicarString } from '../../../src/scanner/create-scanner.js';
import type { Scanner, ScanOutcome } from '../../../src/scanner/scanner.js';

export const eicar = Buffer.from(eicarString);
export const mebibyte = 1_048_576;

export const clean: ScanOutcome = { outcome: 'clean' };
export const noVerdict = (reason: string) => ({
  outcome: 'no verdict',
  reason: expect.stringContaining(reason),
});

/** Chunks as they are given, each when it is asked for. */
export async function* chunked(...chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void> {
  yield* chunks;
}

/** `count` times the same chunk, then the others. */
export async function* repeated(chunk: Uint8Array, count: number, ...others: Uint8Array[]) {
  for (let index = 0; index < count; index += 1) yield chunk;
  yield* others;
}

/** A chunk, then nothing, for good; `wasReleased` turns true when nobody wants the rest. */
export function hanging(first: Uint8Array) {
  const state = { wasReleased: false };
  const iterator: AsyncIterator<Uint8Array> = {
    next: () => {
      const next = new Promise<IteratorResult<Uint8Array>>((resolve) => {
        if (!hasBegun) resolve({ done: false, value: first });
      });
      hasBegun = true;
      return next;
    },
    return: async () => {
      state.wasReleased = true;
      return { done: true, value: undefined };
    },
  };
  let hasBegun = false;
  return Object.assign(state, { [Symbol.asyncIterator]: () => iterator });
}

/** A ZIP archive of one compressed file. */
export function zipped(name: string, content: Uint8Array): Buffer {
  const data = deflateRawSync(content);
  const common = Buffer.alloc(26);
  common.writeUInt16LE(20, 0);
  common.writeUInt16LE(8, 4);
  common.writeUInt32LE(crc32(content), 10);
  common.writeUInt32LE(data.length, 14);
  common.writeUInt32LE(content.length, 18);
  common.writeUInt16LE(name.length, 22);
  const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, Buffer.from(name), data]);
  const listed = [Buffer.from('PK\x01\x02\x14\x00'), common, Buffer.alloc(14), Buffer.from(name)];
  const directory = Buffer.concat(listed);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06');
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(local.length, 16);
  return Buffer.concat([local, directory, end]);
}

export const scan = (scanner: Scanner, content: AsyncIterable<Uint8Array>) =>
  scanner.scan(content, new AbortController().signal);
