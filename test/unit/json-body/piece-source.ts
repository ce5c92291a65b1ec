import { Readable } from 'node:stream';
import type { BodySource } from '../../../src/graphql/json-body/body-reader.js';
import {
  defaultJsonBodyLimits,
  type JsonBodyLimits,
} from '../../../src/graphql/json-body/json-body-limits.js';
import type { SeededRandom } from '../../support/seeded-random.js';

/** Strings are long early, so that small documents have them. */
export const testLimits: JsonBodyLimits = {
  ...defaultJsonBodyLimits,
  longTextThreshold: 64,
  maxFiles: 20,
  maxRequestSize: 16 * 1024 * 1024,
};

/** A request whose body comes in exactly these pieces. */
export function pieceSource(pieces: Iterable<Uint8Array>, headers: BodySource['headers'] = {}): BodySource {
  const iterator = pieces[Symbol.iterator]();
  const source = new Readable({
    highWaterMark: 1,
    read() {
      process.nextTick(() => {
        const { value, done } = iterator.next();
        if (!this.destroyed) this.push(done ? null : value);
      });
    },
  });
  return Object.assign(source, { headers });
}

/** `bytes` in pieces, `mean` bytes long on average, none of them empty. */
export function* cutRandomly(random: SeededRandom, bytes: Buffer, mean: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; ) {
    const size = random.integer(1, mean * 2 - 1);
    yield bytes.subarray(at, at + size);
    at += size;
  }
}
