/** A random source that can be run again: set SEED to the number that a failing run has printed. */
export interface SeededRandom {
  readonly seed: number;
  /** From 0 up to, not including, 1. */
  next(): number;
  /** A whole number, both bounds included. */
  integer(minimum: number, maximum: number): number;
}

/** How often a test at random repeats itself: ROUNDS, for longer runs than the usual. */
export const roundsOf = (usual: number) => Number(process.env['ROUNDS'] ?? usual);

/** mulberry32, small and good enough to spread test cases. */
export function seededRandom(seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31)): SeededRandom {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    seed,
    next,
    integer: (minimum, maximum) => minimum + Math.floor(next() * (maximum - minimum + 1)),
  };
}
