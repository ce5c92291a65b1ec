/** A line of the table that a run prints: a figure, and the bound that it must keep. */
export interface Limit {
  name: string;
  /** A ratio if there is a `reference`. Null if it could not be measured on this system. */
  measured: number | null;
  /** Null for a figure that has none. */
  bound: number | null;
  /** Whether `bound` is the least or the most that will do. */
  kind: 'at least' | 'at most';
  unit: string;
  /** The figure of the service, and the one that it is measured by. */
  ours?: string;
  reference?: string;
}

export function isMissed({ measured, bound, kind }: Limit): boolean {
  if (measured === null || bound === null) return false;
  return kind === 'at least' ? !(measured >= bound) : !(measured <= bound);
}
