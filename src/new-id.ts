import { randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';

const idBytes = 16;

/** Asking the system for sixteen bytes takes longer than all else of an id, so they come from a store of many. */
const store = new Uint8Array(256 * idBytes);
let used = store.length;

/** The instant of the last id in milliseconds since 1970, and its number there. */
let msecs = 0;
let seq = 0;

/**
 * A new id: UUID version 7 (RFC 9562), lowercase. Those of one process are in order, also within a millisecond and when the clock
 * is set back.
 */
export function newId(): string {
  const random = takeRandom();
  const now = Date.now();
  if (now > msecs) {
    msecs = now;
    // Half of its range is left to count in.
    seq = new DataView(random.buffer, random.byteOffset).getUint32(0) >>> 1;
  } else {
    seq += 1;
  }
  return v7({ random, msecs, seq });
}

/** An id of this instant, in milliseconds since 1970, and of this number in it: 32 bits. All else is random unless it is given. */
export function idAt(msecs: number, parts: { seq?: number; random?: Uint8Array } = {}): string {
  return v7({ random: takeRandom(), ...parts, msecs });
}

function takeRandom(): Uint8Array {
  if (used === store.length) {
    randomFillSync(store);
    used = 0;
  }
  used += idBytes;
  return store.subarray(used - idBytes, used);
}
