import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  OperationTypeNode,
  type SelectionNode,
  type SelectionSetNode,
  SingleFieldSubscriptionsRule,
  validate,
  visit,
} from 'graphql';
import { fault } from '../../errors.js';
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

/**
 * Throws BAD_USER_INPUT for a subscription whose root has `@skip` or `@include` with anything else than true or false. The rule of
 * graphql-js that counts its fields knows no variables, and throws there instead of telling a fault.
 */
export function assertSubscriptionRoots(schema: GraphQLSchema, document: DocumentNode): void {
  const isSubscribing = document.definitions.some(
    (one) => one.kind === Kind.OPERATION_DEFINITION && one.operation === OperationTypeNode.SUBSCRIPTION,
  );
  if (!isSubscribing) return;
  try {
    validate(schema, document, [SingleFieldSubscriptionsRule]);
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error;
    const { line = 1, column = 1 } = error.locations?.[0] ?? {};
    const msg = 'The root of a subscription takes @skip and @include with true or false alone.';
    throw fault('graphql_validation_failed', ['query', line, column], msg, { message: msg });
  }
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

/** Comparisons of two fields or fragments that validation may make of a document: it compares every two in one place. */
const maxComparisons = 5_000;

/** Selections that are looked at to count them. */
const maxSteps = 20_000;

/** Deeper than any operation may be: a fragment that is spread within itself, which validation tells. */
const maxDepth = 1_000;

/** Selections that are merged in one place: every field by the name it is answered under, and the fragments they come from. */
interface Merged {
  fields: Map<string, FieldNode[]>;
  fragments: Set<string>;
}

/**
 * Whether validation would compare more pairs of a document's fields and fragments than it may. Fields meet in one place where
 * fragments that are spread there select them again, and what is selected of them meets as well.
 */
function hasManyComparisons(document: DocumentNode): boolean {
  return new ComparisonCount(document).isTooHigh();
}

class ComparisonCount {
  readonly #fragments = new Map<string, FragmentDefinitionNode>();
  readonly #document: DocumentNode;
  #comparisons = 0;
  #steps = 0;

  constructor(document: DocumentNode) {
    this.#document = document;
    for (const definition of document.definitions) {
      if (definition.kind === Kind.FRAGMENT_DEFINITION)
        this.#fragments.set(definition.name.value, definition);
    }
  }

  isTooHigh(): boolean {
    const roots = this.#document.definitions.flatMap((definition) =>
      'selectionSet' in definition ? [definition.selectionSet] : [],
    );
    return !roots.every((selectionSet) => this.#count([selectionSet], 0));
  }

  /** False once there are too many. */
  #count(selectionSets: readonly SelectionSetNode[], depth: number): boolean {
    if (depth > maxDepth) return true;
    const merged: Merged = { fields: new Map(), fragments: new Set() };
    for (const selectionSet of selectionSets) if (!this.#merge(selectionSet, merged)) return false;
    this.#comparisons += pairs(merged.fragments.size);
    for (const nodes of merged.fields.values()) this.#comparisons += pairs(nodes.length);
    if (this.#comparisons > maxComparisons) return false;
    return [...merged.fields.values()].every((nodes) => {
      const inner = nodes.flatMap(({ selectionSet }) => (selectionSet ? [selectionSet] : []));
      return inner.length === 0 || this.#count(inner, depth + 1);
    });
  }

  #merge({ selections }: SelectionSetNode, merged: Merged): boolean {
    return selections.every((selection) => {
      this.#steps += 1;
      if (this.#steps > maxSteps) return false;
      if (selection.kind === Kind.INLINE_FRAGMENT) return this.#merge(selection.selectionSet, merged);
      if (selection.kind === Kind.FIELD) {
        const name = (selection.alias ?? selection.name).value;
        const nodes = merged.fields.get(name);
        if (nodes) nodes.push(selection);
        else merged.fields.set(name, [selection]);
        return true;
      }
      const name = selection.name.value;
      const fragment = this.#fragments.get(name);
      if (!fragment || merged.fragments.has(name)) return true;
      merged.fragments.add(name);
      return this.#merge(fragment.selectionSet, merged);
    });
  }
}

const pairs = (count: number) => (count * (count - 1)) / 2;
