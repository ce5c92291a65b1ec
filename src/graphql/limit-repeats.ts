import { Kind, type SelectionNode, type ValidationRule } from 'graphql';
import { type QueryLimits, tooComplex } from './query-limits.js';

/**
 * Refuses documents whose selections name the same thing over and over, as no client needs to. Without an alias each such
 * field means the same, but validation compares every two of them.
 */
export function limitRepeats(limits: QueryLimits): ValidationRule {
  return () => {
    let repeats = 0;
    return {
      SelectionSet: ({ selections }) => {
        repeats += selections.length - new Set(selections.map(nameOf)).size;
        if (repeats > limits.aliases) throw tooComplex(limits, 'aliases');
      },
    };
  };
}

function nameOf(selection: SelectionNode): string {
  if (selection.kind === Kind.FIELD) return selection.alias?.value ?? selection.name.value;
  return selection.kind === Kind.FRAGMENT_SPREAD ? `...${selection.name.value}` : '...';
}
