import { costLimitRule } from '@escape.tech/graphql-armor-cost-limit';
import { maxAliasesRule } from '@escape.tech/graphql-armor-max-aliases';
import { maxDepthRule } from '@escape.tech/graphql-armor-max-depth';
import { MaxTokensParserWLexer } from '@escape.tech/graphql-armor-max-tokens';
import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  type OperationDefinitionNode,
  validate,
} from 'graphql';
import { LRUCache } from 'lru-cache';
import { AttachmentError } from '../errors.js';
import { limitRepeats } from './limit-repeats.js';
import { pageSizeVariables, writePageSizes } from './page-sizes.js';
import { type QueryLimits, tooComplex } from './query-limits.js';

/** Characters of the documents that are remembered: an application's own; a hostile client's must not fill the memory. */
const maxRemembered = 500_000;

/** Of each document: few page sizes are in use. */
const maxAffordable = 20;
const maxKeyLength = 200;

export interface Operation {
  query?: string;
  operationName?: string | undefined;
  variables?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * Tells, before anything is done for it, whether an operation can be executed at all. Where it cannot, the server's own answer
 * says why. Throws QUERY_TOO_COMPLEX for one that passes a limit, the cheapest limits first.
 */
export type Screen = (operation: Operation) => boolean;

/** What is known of a document. */
interface Screened {
  /** Null where it cannot be executed. */
  document: DocumentNode | null;
  /** The variables on which its cost depends. */
  sizeVariables: readonly string[];
  /** Operations of it, with the values of these variables, that were found to cost no more than allowed. */
  affordable: Set<string>;
  /** The limit that it passes in itself. */
  fault: AttachmentError | null;
}

export function createScreen(schema: GraphQLSchema, limits: QueryLimits): Screen {
  const known = new LRUCache<string, Screened>({
    maxSize: maxRemembered,
    sizeCalculation: (_, query) => query.length + 1,
  });
  const examine = createExamination(schema, limits);
  const assertAffordable = createCostCheck(schema, limits);
  return ({ query, operationName, variables }) => {
    if (query === undefined) return false;
    const screened = known.get(query) ?? examine(query);
    known.set(query, screened);
    if (screened.fault) throw screened.fault;
    const operation = screened.document && getOperationAST(screened.document, operationName);
    if (!operation) return false;
    assertAffordable(screened, operation, variables);
    return true;
  };
}

/** All that can be said of a document without its variables. */
function createExamination(schema: GraphQLSchema, limits: QueryLimits): (query: string) => Screened {
  const shapeRules = [
    maxAliasesRule({ n: limits.aliases, ...refusal(limits, 'aliases') }),
    limitRepeats(limits),
    maxDepthRule({ n: limits.depth, flattenFragments: true, ...refusal(limits, 'depth') }),
  ];
  const examine = (query: string): DocumentNode | null => {
    const document = parseWithin(limits, query);
    validate(schema, document, shapeRules);
    return validate(schema, document).length === 0 ? document : null;
  };
  return (query) => {
    try {
      const document = examine(query);
      const sizeVariables = document ? pageSizeVariables(document) : [];
      return { document, sizeVariables, affordable: new Set(), fault: null };
    } catch (error) {
      return { document: null, sizeVariables: [], affordable: new Set(), fault: toFault(error, limits) };
    }
  };
}

/** Null for what the server's own answer explains best. */
function toFault(error: unknown, limits: QueryLimits): AttachmentError | null {
  if (error instanceof AttachmentError) return error;
  // The parser has gone too deep into brackets within brackets.
  if (error instanceof RangeError) return tooComplex(limits, 'depth');
  if (error instanceof GraphQLError) return null;
  throw error;
}

/** Every value counts one, each as often as the lists around it are long. */
function createCostCheck(schema: GraphQLSchema, limits: QueryLimits) {
  const rule = costLimitRule({
    maxCost: limits.cost,
    objectCost: 1,
    scalarCost: 1,
    depthCostFactor: 1,
    flattenFragments: true,
    ...refusal(limits, 'cost'),
  });
  return (
    { document, sizeVariables, affordable }: Screened,
    operation: OperationDefinitionNode,
    variables: Operation['variables'] = {},
  ): void => {
    // What is null is no default, as what is absent may be.
    const sizes = sizeVariables.map((name) => (Object.hasOwn(variables, name) ? [variables[name]] : []));
    const key = JSON.stringify([operation.name?.value, sizes]);
    if (document === null || affordable.has(key)) return;
    validate(schema, writePageSizes(schema, document, operation, variables), [rule]);
    if (affordable.size < maxAffordable && key.length < maxKeyLength) affordable.add(key);
  };
}

function parseWithin(limits: QueryLimits, query: string): DocumentNode {
  const refuse = () => {
    throw tooComplex(limits, 'tokens');
  };
  return new MaxTokensParserWLexer(query, { n: limits.tokens, onReject: [refuse] }).parseDocument();
}

/** The rules' own errors would be told as syntax errors. */
function refusal(limits: QueryLimits, passed: keyof QueryLimits) {
  const refuse = () => {
    throw tooComplex(limits, passed);
  };
  return { onReject: [refuse], exposeLimits: false };
}
