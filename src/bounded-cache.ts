import { LRUCache } from 'lru-cache';

type Options<Value extends object | string | boolean> = Pick<
  LRUCache.Options<string, Value, unknown>,
  'ttl' | 'dispose'
>;

/**
 * A cache of the `maxEntries` that were used last, each for `ttl` milliseconds if that is given. Each counts as a size of one:
 * `max` would reserve memory for all of them at once, 0.7 MiB for 20,000.
 */
export function createBoundedCache<Value extends object | string | boolean>(
  maxEntries: number,
  options: Options<Value> = {},
): LRUCache<string, Value> {
  return new LRUCache<string, Value>({ ...options, maxSize: maxEntries, sizeCalculation: () => 1 });
}
