import { MaxTokensParserWLexer } from '@escape.tech/graphql-armor-max-tokens';
import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  Kind,
  NoSchemaIntrospectionCustomRule,
  type OperationDefinitionNode,
  OperationTypeNode,
  type SelectionNode,
  specifiedRules,
  type ValidationRule,
  validate,
  valueFromASTUntyped,
} from 'graphql';
import { LRUCache } from 'lru-cache';
import { costOf, costOfVariable, costVariables, type OperationCost } from './cost/operation-cost.js';
import { assertShape, assertSubscriptionRoots } from './cost/operation-shape.js';
import { type Cost, maxValidationErrors, type QueryLimits, tooComplex } from './cost/query-limits.js';
import { type Plans, planDocument } from './execution/plans.js';
import { assertExactNumbers, exactLiterals, findExcess, tooDeep } from './json-limits.js';

/** Documents that are remembered, and bytes of memory that they may take: an application's own. */
const maxRemembered = 1_000;
const maxRememberedBytes = 8 * 1024 * 1024;

/** Bytes of memory that a parsed document takes, measured: its nodes, tokens and places. */
const bytesPerToken = 400;
const bytesPerDocument = 1_000;

/** Sets of variables remembered for each document: few page sizes are in use. */
const maxAffordable = 20;
const maxKeyLength = 200;

export interface Operation {
  query?: string;
  operationName?: string | undefined;
  variables?: Readonly<Record<string, unknown>> | undefined;
}

/** An operation that can be executed. */
export interface ScreenedOperation {
  document: DocumentNode;
  operation: OperationDefinitionNode;
  /** Values that its answer may have, weighed. */
  values: number;
  /** The part of its cost that is introspection. */
  introspection: Cost;
  /** Null for a document that graphql-js has to execute. */
  plans: Plans | null;
}

/**
 * Tells, before anything is done for it, whether an operation can be executed at all. If it cannot, the result is null, and
 * the server's own answer says why. Throws QUERY_TOO_COMPLEX for one that passes a limit, the cheapest limits first. Remembers
 * documents only of those who are known.
 */
export type Screen = (operation: Operation, isKnown: boolean) => ScreenedOperation | null;

/** The facts known about a valid document. */
interface Screened {
  document: DocumentNode;
  /** The variables on which its cost depends. */
  variables: readonly string[];
  /** Costs of operations of it with the values of these variables, where they were found to be no more than allowed. */
  affordable: Map<string, OperationCost>;
  plans: Plans | null;
  /** Bytes of memory. */
  weight: number;
}

export interface ScreenOptions {
  limits: QueryLimits;
  introspection: boolean;
}

export function createScreen(schema: GraphQLSchema, { limits, introspection }: ScreenOptions): Screen {
  const known = new LRUCache<string, Screened>({
    max: maxRemembered,
    maxSize: maxRememberedBytes,
    sizeCalculation: ({ weight }) => weight,
  });
  const rules = validationRules(introspection);
  const examine = (query: string): Screened | null => {
    const document = tryParse(limits, query);
    if (!document) return null;
    assertShape(document, limits);
    assertSubscriptionRoots(schema, document);
    if (validate(schema, document, rules, { ...validationOptions(introspection), maxErrors: 0 }).length > 0) {
      return null;
    }
    const plans = planDocument(schema, document);
    return {
      document,
      variables: costVariables(document),
      affordable: new Map(),
      plans,
      weight: weighDocument(document) + (plans?.weight ?? 0),
    };
  };
  const screen: Screen = ({ query, operationName, variables = {} }, isKnown) => {
    if (query === undefined) return null;
    const screened = known.get(query) ?? examine(query);
    const operation = screened && getOperationAST(screened.document, operationName);
    if (!operation) return null;
    const cost = assertAffordable(schema, limits, { screened, operation, variables });
    if (isKnown && !known.has(query)) known.set(query, screened);
    const { document, plans } = screened;
    return { document, operation, values: cost.values, introspection: cost.introspection, plans };
  };
  return (operation, isKnown) => {
    try {
      return screen(operation, isKnown);
    } catch (error) {
      // Brackets within brackets, or fragments within fragments: the stack has an end, however many tokens are allowed.
      if (error instanceof RangeError) throw tooComplex(limits, 'depth');
      throw error;
    }
  };
}

export function validationRules(introspection: boolean): readonly ValidationRule[] {
  const rules = [...specifiedRules, exactLiterals];
  return introspection ? rules : [...rules, NoSchemaIntrospectionCustomRule];
}

/** For a document that is refused. Suggestions would tell of a schema that is kept back. */
export function validationOptions(introspection: boolean) {
  return { maxErrors: maxValidationErrors, hideSuggestions: !introspection };
}

/** Null for what the server's own answer explains best. */
function tryParse(limits: QueryLimits, query: string): DocumentNode | null {
  const refuse = () => {
    throw tooComplex(limits, 'tokens');
  };
  try {
    return new MaxTokensParserWLexer(query, { n: limits.tokens, onReject: [refuse] }).parseDocument();
  } catch (error) {
    if (error instanceof GraphQLError) return null;
    throw error;
  }
}

/** Bytes of memory that a parsed document takes. */
export function weighDocument({ loc }: DocumentNode): number {
  let tokens = 0;
  for (let token = loc?.startToken; token; token = token.next ?? undefined) tokens += 1;
  const characters = loc?.source.body.length ?? 0;
  const costs = maxAffordable * (maxKeyLength + 100);
  return bytesPerDocument + bytesPerToken * tokens + 2 * characters + costs;
}

interface Candidate {
  screened: Screened;
  operation: OperationDefinitionNode;
  variables: Readonly<Record<string, unknown>>;
}

function assertAffordable(
  schema: GraphQLSchema,
  limits: QueryLimits,
  { screened: { document, variables: names, affordable }, operation, variables }: Candidate,
): OperationCost {
  // A null is no default; an absent variable may have one.
  const sizes = names.map((name) =>
    Object.hasOwn(variables, name) ? [costOfVariable(variables[name])] : [],
  );
  const key = JSON.stringify([operation.name?.value, sizes]);
  const known = affordable.get(key);
  if (known) return known;
  const cost = costOf(schema, document, operation, variables);
  // Not even where so much was counted that it is no number any more.
  if (!(cost.values - cost.introspection.values <= limits.cost)) throw tooComplex(limits, 'cost');
  if (affordable.size < maxAffordable && key.length < maxKeyLength) affordable.set(key, cost);
  return cost;
}

/**
 * The idempotency key, or null, of each attachment that an operation asks to create, if it asks for nothing else: then nothing can
 * happen before that decides about them. Null if it may ask for something else.
 */
export function creationsOf(
  { operation }: Pick<ScreenedOperation, 'operation'>,
  variables: Operation['variables'],
): (string | null)[] | null {
  const { variableDefinitions = [], selectionSet } = operation;
  // A default may have a key in it.
  const isPlain = variableDefinitions.every(({ defaultValue }) => defaultValue === undefined);
  if (!isPlain || operation.operation !== OperationTypeNode.MUTATION) return null;
  const keys = selectionSet.selections.map((selection) => readCreation(selection, variables));
  return keys.every((key) => key !== undefined) ? keys : null;
}

/** Undefined for what is, or may be, no creation. */
function readCreation(
  selection: SelectionNode,
  variables: Operation['variables'],
): string | null | undefined {
  if (selection.kind !== Kind.FIELD || selection.name.value !== 'createAttachment') return undefined;
  const [argument] = selection.arguments ?? [];
  if (!argument || (selection.directives ?? []).length > 0) return undefined;
  const input = valueFromASTUntyped(argument.value, variables);
  const key: unknown =
    typeof input === 'object' && input !== null ? Reflect.get(input, 'idempotencyKey') : '';
  return typeof key === 'string' ? key : (key ?? null) === null ? null : undefined;
}

/**
 * The operation that a request asks for: the members of its body, or the parameters of its URL, where `variables` is JSON. Null
 * for what is no operation at all: the server refuses it. Throws BAD_USER_INPUT for variables in a URL that are nested too deeply, and
 * for numbers in them that would be changed.
 */
export function readOperation(parameters: unknown): Operation | null {
  if (!isObject(parameters)) return null;
  const { query, operationName, variables } = parameters;
  if (typeof query !== 'string') return null;
  const given = typeof variables === 'string' ? parseQuietly(variables) : variables;
  if (typeof variables === 'string' && given !== undefined) {
    if (findExcess(variables) === 'levels') throw tooDeep(['query', 'variables']);
    assertExactNumbers(variables, []);
  }
  return {
    query,
    operationName: typeof operationName === 'string' ? operationName : undefined,
    variables: isObject(given) ? given : undefined,
  };
}

function isObject(value: unknown): value is Record<'query' | 'operationName' | 'variables', unknown> {
  return typeof value === 'object' && value !== null;
}

function parseQuietly(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
