import {
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  type SelectionNode,
  type SelectionSetNode,
  visit,
} from 'graphql';
import { hasManyComparisons, maxComparisons } from './comparisons.js';
import { introspectionLimits, type QueryLimits, tooComplex } from './query-limits.js';

/** The facts about selections that need no schema. Fragments count as often as they are spread. */
interface Shape {
  aliases: number;
  depth: number;
  introspectionDepth: number;
}

const flat: Shape = { aliases: 0, depth: 0, introspectionDepth: 0 };

/**
 * Throws QUERY_TOO_COMPLEX for a document with too many aliases, repeated selections or levels. To be called before
 * validation, which compares every two fields of one name. Takes time in proportion to the document.
 */
export function assertShape(document: DocumentNode, limits: QueryLimits): void {
  if (countRepeats(document) > limits.aliases) throw tooComplex(limits, 'aliases');
  const shapeOf = createMeasure(document);
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION) continue;
    const { aliases, depth, introspectionDepth } = shapeOf(definition.selectionSet);
    if (aliases > limits.aliases) throw tooComplex(limits, 'aliases');
    if (depth > limits.depth) throw tooComplex(limits, 'depth');
    const allowed = Math.max(limits.depth, introspectionLimits.depth);
    if (introspectionDepth > allowed) throw tooComplex({ depth: allowed }, 'depth');
  }
  if (hasManyComparisons(document)) throw tooComplex({ comparisons: maxComparisons }, 'comparisons');
}

/** Selections that name the same thing as an earlier one beside them, as no client needs to. */
function countRepeats(document: DocumentNode): number {
  let repeats = 0;
  visit(document, {
    SelectionSet: ({ selections }) => {
      repeats += selections.length - new Set(selections.map(nameOf)).size;
    },
  });
  return repeats;
}

function nameOf(selection: SelectionNode): string {
  if (selection.kind === Kind.FIELD) return selection.alias?.value ?? selection.name.value;
  return selection.kind === Kind.FRAGMENT_SPREAD ? `...${selection.name.value}` : '...';
}

function createMeasure(document: DocumentNode): (selectionSet: SelectionSetNode) => Shape {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  }
  const known = new Map<SelectionSetNode, Shape>();
  const shapeOf = (selectionSet: SelectionSetNode): Shape => {
    const found = known.get(selectionSet);
    if (found) return found;
    // A fragment that spreads itself is refused by validation.
    known.set(selectionSet, flat);
    const shape = selectionSet.selections.map(shapeOfSelection).reduce(combine, flat);
    known.set(selectionSet, shape);
    return shape;
  };
  const shapeOfSelection = (selection: SelectionNode): Shape => {
    if (selection.kind === Kind.INLINE_FRAGMENT) return shapeOf(selection.selectionSet);
    if (selection.kind === Kind.FRAGMENT_SPREAD) {
      const fragment = fragments.get(selection.name.value);
      return fragment ? shapeOf(fragment.selectionSet) : flat;
    }
    const inner = selection.selectionSet ? shapeOf(selection.selectionSet) : flat;
    const aliases = inner.aliases + (selection.alias ? 1 : 0);
    const isIntrospection = ['__schema', '__type'].includes(selection.name.value);
    return isIntrospection
      ? { aliases, depth: 1, introspectionDepth: 1 + inner.depth }
      : { aliases, depth: 1 + inner.depth, introspectionDepth: inner.introspectionDepth };
  };
  return shapeOf;
}

const combine = (one: Shape, other: Shape): Shape => ({
  aliases: one.aliases + other.aliases,
  depth: Math.max(one.depth, other.depth),
  introspectionDepth: Math.max(one.introspectionDepth, other.introspectionDepth),
});
