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
import { type AttachmentError, type FaultTypeOf, fault } from '../../errors.js';

/** Limits of an operation's document and of its answer. */
export interface QueryLimits {
  /** Lexical tokens of the whole document. */
  tokens: number;
  /** Levels of fields; introspection has a bound of its own. */
  depth: number;
  /** Also bounds fields and fragments that are given again in the same place. */
  aliases: number;
  /** Values of the answer, weighed by what each costs. */
  cost: number;
  /** Bytes of the answer. */
  bytes: number;
}

/** Limits of every introspection: its answer is made in one go. The usual queries need a third of it. */
export const introspectionLimits = { depth: 20, cost: 25_000, bytes: 2 * 1024 * 1024 } as const;

/** Validation errors that are told. Each one costs time, and nobody reads more. */
export const maxValidationErrors = 10;

/** A limit that may be passed. */
type Limited = Partial<QueryLimits> & {
  /** Pairs of fields and fragments in one place. */
  comparisons?: number;
};

const faults: Record<
  keyof Limited,
  (limit: number) => { msg: string; type: FaultTypeOf<'QUERY_TOO_COMPLEX'> }
> = {
  tokens: (limit) => ({ msg: `A document may have at most ${limit} tokens.`, type: 'too_many_tokens' }),
  depth: (limit) => ({ msg: `Fields may be nested at most ${limit} levels deep.`, type: 'too_deep' }),
  aliases: (limit) => ({
    msg: `An operation may have at most ${limit} aliases, or fields and fragments given again.`,
    type: 'too_many_aliases',
  }),
  comparisons: (limit) => ({
    msg: `The fields and fragments that meet in one place may make at most ${limit} pairs: spread fewer fragments there.`,
    type: 'too_many_comparisons',
  }),
  cost: (limit) => ({
    msg: `The answer might have more than ${limit} values: ask for smaller pages or fewer fields.`,
    type: 'too_costly',
  }),
  bytes: (limit) => ({
    msg: `The answer would have more than ${limit} bytes: ask for smaller pages or fewer fields.`,
    type: 'answer_too_large',
  }),
};

/** QUERY_TOO_COMPLEX, naming the limit that was passed. */
export function tooComplex(limits: Limited, passed: keyof Limited): AttachmentError {
  const limit = limits[passed] ?? 0;
  const { msg, type } = faults[passed](limit);
  return fault(type, ['query'], msg, { code: 'QUERY_TOO_COMPLEX', message: msg, limit });
}

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
