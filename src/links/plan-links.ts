export type LinkMode = 'REPLACE' | 'ADD' | 'REMOVE';

/** The new content of a field, and the difference to its present one. All three are in order. */
export interface LinkPlan {
  next: string[];
  added: string[];
  removed: string[];
  /** False where the field already holds exactly `next`. */
  changes: boolean;
}

/** `current` is what the field holds, `given` what the caller named; neither holds an id twice. */
export function planLinks(mode: LinkMode, current: readonly string[], given: readonly string[]): LinkPlan {
  const next = nextLinks(mode, current, given);
  const before = new Set(current);
  const after = new Set(next);
  return {
    next,
    added: next.filter((id) => !before.has(id)),
    removed: current.filter((id) => !after.has(id)),
    changes: next.length !== current.length || next.some((id, position) => current[position] !== id),
  };
}

function nextLinks(mode: LinkMode, current: readonly string[], given: readonly string[]): string[] {
  switch (mode) {
    case 'REPLACE':
      return [...given];
    case 'ADD':
      return [...new Set([...current, ...given])];
    case 'REMOVE': {
      const gone = new Set(given);
      return current.filter((id) => !gone.has(id));
    }
  }
}
