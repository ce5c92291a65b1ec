import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  Kind,
  type SelectionSetNode,
} from 'graphql';

/** Comparisons of two fields or fragments that validation may make of a document: it compares every two in one place. */
export const maxComparisons = 5_000;

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
export function hasManyComparisons(document: DocumentNode): boolean {
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
