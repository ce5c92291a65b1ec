/** A bound that a run must keep. */
export interface Limit {
  name: string;
  /** Null where it could not be measured on this system. */
  measured: number | null;
  bound: number;
  /** Whether `bound` is the least or the most that will do. */
  kind: 'at least' | 'at most';
  unit: string;
}

export function isMissed({ measured, bound, kind }: Limit): boolean {
  if (measured === null) return false;
  return kind === 'at least' ? !(measured >= bound) : !(measured <= bound);
}
