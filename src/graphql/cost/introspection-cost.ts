import {
  type FieldNode,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  isObjectType,
  Kind,
  SchemaMetaFieldDef,
  type SelectionNode,
  type SelectionSetNode,
  TypeMetaFieldDef,
} from 'graphql';
import { introspectionLimits, tooComplex } from './query-limits.js';

/** The most that a part of an answer costs. */
export interface Cost {
  values: number;
  bytes: number;
}

export const free: Cost = { values: 0, bytes: 0 };

export const addCosts = (one: Cost, other: Cost): Cost => ({
  values: one.values + other.values,
  bytes: one.bytes + other.bytes,
});

/** Throws QUERY_TOO_COMPLEX for more than an introspection may answer. */
export function assertIntrospection({ values, bytes }: Cost): void {
  if (values > introspectionLimits.cost) throw tooComplex(introspectionLimits, 'cost');
  if (bytes > introspectionLimits.bytes) throw tooComplex(introspectionLimits, 'bytes');
}

/** Bytes around a value: quotation marks, colon, comma, and a number or a word. */
const framing = 10;

/** The selections of a fragment of the document. */
export type FragmentOf = (name: string) => SelectionSetNode | undefined;

/**
 * Counts what an introspection answers: the schema is known, so the lists have their true lengths. Deprecated members count
 * whether or not they are asked for. Each object of the schema is counted once for each selection set; throws
 * QUERY_TOO_COMPLEX as soon as more has been counted than an answer may have.
 */
export class IntrospectionCost {
  readonly #known = new Map<SelectionSetNode, Map<unknown, Cost>>();
  #steps = 0;

  constructor(
    private readonly schema: GraphQLSchema,
    private readonly fragmentOf: FragmentOf,
  ) {}

  /** The cost of the field `__schema` or `__type`; `name` is that of the type. */
  of(node: FieldNode, name: unknown): Cost {
    const isSchema = node.name.value === SchemaMetaFieldDef.name;
    const source = isSchema ? this.schema : this.schema.getType(String(name));
    const type = getNamedType((isSchema ? SchemaMetaFieldDef : TypeMetaFieldDef).type);
    return this.#costOfValue(node, type, source);
  }

  #costOfValue(node: FieldNode, type: unknown, value: unknown): Cost {
    const outer = { values: 1, bytes: framing + (node.alias ?? node.name).value.length };
    if (value === null || value === undefined) return outer;
    if (!node.selectionSet || !isObjectType(type)) {
      return { values: 1, bytes: outer.bytes + (typeof value === 'string' ? Buffer.byteLength(value) : 0) };
    }
    const { selectionSet } = node;
    if (!Array.isArray(value)) return addCosts(outer, this.#costOfObject(selectionSet, type, value));
    return value.reduce<Cost>(
      (sum, item) =>
        addCosts(addCosts(sum, { values: 1, bytes: 2 }), this.#costOfObject(selectionSet, type, item)),
      outer,
    );
  }

  #costOfObject(selectionSet: SelectionSetNode, type: GraphQLObjectType, source: unknown): Cost {
    const known = this.#known.get(selectionSet) ?? new Map<unknown, Cost>();
    this.#known.set(selectionSet, known);
    const found = known.get(source);
    if (found) return found;
    const cost = selectionSet.selections.reduce<Cost>((sum, selection) => {
      const next = addCosts(sum, this.#costOfSelection(selection, type, source));
      this.#steps += 1;
      assertIntrospection({ ...next, values: Math.max(this.#steps, next.values) });
      return next;
    }, free);
    known.set(source, cost);
    return cost;
  }

  #costOfSelection(selection: SelectionNode, type: GraphQLObjectType, source: unknown): Cost {
    if (selection.kind === Kind.FIELD) return this.#costOfField(selection, type, source);
    const inner =
      selection.kind === Kind.INLINE_FRAGMENT
        ? selection.selectionSet
        : this.fragmentOf(selection.name.value);
    return inner ? this.#costOfObject(inner, type, source) : free;
  }

  #costOfField(node: FieldNode, type: GraphQLObjectType, source: unknown): Cost {
    const field: GraphQLField<unknown, unknown> | undefined = type.getFields()[node.name.value];
    if (!field) return this.#costOfValue(node, null, type.name);
    return this.#costOfValue(node, getNamedType(field.type), read(field, source, this.schema));
  }
}

/** graphql-js's own resolvers of these types need no more than the schema. */
function read(field: GraphQLField<unknown, unknown>, source: unknown, schema: GraphQLSchema): unknown {
  const info = { schema } as Parameters<NonNullable<typeof field.resolve>>[3];
  return field.resolve?.(source, { includeDeprecated: true }, null, info);
}
