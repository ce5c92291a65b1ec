import { hashApiKey } from './api-keys.js';
import type { Identify } from './authenticate.js';
import type { KeyUsage } from './key-usage.js';
import type { KnownKeys } from './known-keys.js';

interface KeyDependencies {
  keys: KnownKeys;
  usage: KeyUsage;
}

/** The viewer of a key; null if it is unknown, revoked or expired. */
export function createIdentifyKey({ keys, usage }: KeyDependencies): Identify {
  return async (key) => {
    const known = await keys.byHash(hashApiKey(key));
    if (!known) return null;
    usage.note(known.id);
    return known.viewer;
  };
}
