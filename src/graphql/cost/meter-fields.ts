import {
  defaultFieldResolver,
  type FieldNode,
  type GraphQLField,
  type GraphQLFieldResolver,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  getNamedType,
  isCompositeType,
  isNonNullType,
  isObjectType,
  Kind,
  type SelectionSetNode,
} from 'graphql';
import type { AnswerBudget } from './answer-budget.js';
import { weightOf } from './operation-cost.js';

interface MeteredContext {
  budget: AnswerBudget;
}

type Field = GraphQLField<unknown, MeteredContext>;
type Resolve = GraphQLFieldResolver<unknown, MeteredContext>;

/** An error costs as much as so many values: it has a path, a place, details, and a line in the log. */
const errorWeight = 100;
const errorBytes = 500;

/** Shorter lists, and as many items of longer ones, are completed in one go, as long as there is time. */
export const shortList = 16;

/** Bytes around a value beside its name: quotation marks, colon, comma, and a number or a word. */
export const framing = 12;

/**
 * Counts every value of every answer as it is made, and hands the items of long lists and the results of statements on in turns.
 * Once the budget is used up, no resolver runs any more: nullable fields are null, others fail.
 */
export function meterFields(schema: GraphQLSchema): void {
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith('__')) continue;
    const begin = beginnings.get(type.name) ?? null;
    for (const field of Object.values(type.getFields())) meterField(field, type.name, begin);
  }
}

type Begin = (budget: AnswerBudget) => void;

/** Called before a root field, by the name of its type: each is about the rows as they are by then. */
const beginnings: ReadonlyMap<string, Begin> = new Map([
  ['Mutation', (budget) => budget.forget()],
  ['Subscription', (budget) => budget.restart()],
]);

/** Weights of fields that had no resolver: they are members of their objects. */
const memberWeights = new WeakMap<object, number>();

/** The weight of a metered field that is a member of its object; null for one with a resolver of its own. */
export const weightOfMember = (field: object): number | null => memberWeights.get(field) ?? null;

function meterField(field: Field, typeName: string, begin: Begin | null): void {
  const inner: Resolve = field.resolve ?? defaultFieldResolver;
  const weight = weightOf(typeName, field.name);
  if (!field.resolve) memberWeights.set(field, weight);
  const isRequired = isNonNullType(field.type);
  const settle = createSettle(field);
  const stop = ({ fault }: AnswerBudget): null => {
    if (isRequired && fault) throw fault;
    return null;
  };
  const fail = (budget: AnswerBudget, error: unknown): never => {
    budget.spend(errorWeight, errorBytes);
    throw error;
  };
  field.resolve = (source, args, context, info) => {
    const { budget } = context;
    begin?.(budget);
    if (!budget.spend(weight, framing + info.fieldName.length)) return stop(budget);
    const go = (value: unknown) => (budget.fault ? stop(budget) : settle(value, budget, info));
    try {
      const result = inner(source, args, context, info);
      if (!(result instanceof Promise)) return go(result);
      return result.then(
        (value) => {
          const turn = budget.turns.next(budget.key);
          return turn ? turn.then(() => go(value)) : go(value);
        },
        (error: unknown) => fail(budget, error),
      );
    } catch (error) {
      return fail(budget, error);
    }
  };
}

/** Counts what a field has resolved to. */
function createSettle(field: Field) {
  const isComposite = isCompositeType(getNamedType(field.type));
  return (value: unknown, budget: AnswerBudget, { fieldNodes, fragments }: GraphQLResolveInfo): unknown => {
    if (value === null || value === undefined) return value;
    if (!isComposite) {
      budget.spend(Array.isArray(value) ? value.length : 0, bytesOf(value));
      return value;
    }
    const typenames = fieldNodes.reduce((sum, node) => sum + countTypenames(node, fragments), 0);
    if (!Array.isArray(value)) {
      budget.spend(typenames, typenames * 30);
      return value;
    }
    budget.spend(value.length * (1 + typenames), value.length * (2 + typenames * 30));
    if (budget.fault) throw budget.fault;
    if (!budget.handsItemsOut) return value;
    // graphql-js loses the promises of a list in which one item throws at once, and a rejection of one ends the process.
    if (value.length <= shortList && !budget.turns.isOver())
      return value.map((item) => Promise.resolve(item));
    return handOut(value, budget);
  };
}

/** Each item becomes a promise that resolves when it is its turn; graphql-js completes it then. */
function handOut(items: readonly unknown[], budget: AnswerBudget): Promise<unknown>[] {
  return items.map(
    (item) =>
      new Promise((resolve, reject) => {
        budget.turns.enqueue(budget.key, () => (budget.fault ? reject(budget.fault) : resolve(item)));
      }),
  );
}

export function bytesOf(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (typeof value !== 'object' || value instanceof Date) return 24;
  return Buffer.byteLength(JSON.stringify(value) ?? '');
}

/** Per selection of a field: graphql-js answers `__typename` by itself. */
const knownTypenames = new WeakMap<FieldNode, number>();

function countTypenames(node: FieldNode, fragments: GraphQLResolveInfo['fragments']): number {
  const known = knownTypenames.get(node);
  if (known !== undefined) return known;
  const seen = new Set<SelectionSetNode>();
  const count = (selectionSet: SelectionSetNode | undefined): number => {
    if (!selectionSet || seen.has(selectionSet)) return 0;
    seen.add(selectionSet);
    return selectionSet.selections.reduce((sum, selection) => {
      if (selection.kind === Kind.FIELD) return sum + (selection.name.value === '__typename' ? 1 : 0);
      if (selection.kind === Kind.INLINE_FRAGMENT) return sum + count(selection.selectionSet);
      return sum + count(fragments[selection.name.value]?.selectionSet);
    }, 0);
  };
  const counted = count(node.selectionSet);
  knownTypenames.set(node, counted);
  return counted;
}
