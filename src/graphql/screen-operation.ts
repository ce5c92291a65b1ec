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
  type ValidationRule,
  validate,
} from 'graphql';
import { LRUCache } from 'lru-cache';
import { AttachmentError } from '../errors.js';
import { hasVariablePageSize, writePageSizes } from './page-sizes.js';
import { type QueryLimits, tooComplex } from './query-limits.js';

/** Characters of the documents that are remembered: an application's own; a hostile client's must not fill the memory. */
const maxRemembered = 500_000;

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

/** What is known of a document, whatever its variables. */
type Screened =
  | { document: DocumentNode; hasVariableCost: boolean; affordable: Set<string | undefined> }
  | { fault: AttachmentError | null };

export function createScreen(schema: GraphQLSchema, limits: QueryLimits): Screen {
  const known = new LRUCache<string, Screened>({
    maxSize: maxRemembered,
    sizeCalculation: (_, query) => query.length + 1,
  });
  const shapeRules = createShapeRules(limits);
  const costRule = createCostRule(limits);

  const examine = (query: string): Screened => {
    try {
      const document = parseWithin(limits, query);
      validate(schema, document, shapeRules);
      if (validate(schema, document).length > 0) return { fault: null };
      return { document, hasVariableCost: hasVariablePageSize(document), affordable: new Set() };
    } catch (error) {
      if (error instanceof AttachmentError) return { fault: error };
      if (error instanceof GraphQLError) return { fault: null };
      // The parser has gone too deep into brackets within brackets.
      if (error instanceof RangeError) return { fault: tooComplex(limits, 'depth') };
      throw error;
    }
  };

  const assertAffordable = (
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Operation['variables'] = {},
  ) => validate(schema, writePageSizes(schema, document, operation, variables), [costRule]);

  return ({ query, operationName, variables }) => {
    if (query === undefined) return false;
    const screened = known.get(query) ?? examine(query);
    known.set(query, screened);
    if ('fault' in screened) {
      if (screened.fault) throw screened.fault;
      return false;
    }
    const { document, hasVariableCost, affordable } = screened;
    const operation = getOperationAST(document, operationName);
    if (!operation) return false;
    if (!affordable.has(operation.name?.value)) {
      assertAffordable(document, operation, variables);
      if (!hasVariableCost) affordable.add(operation.name?.value);
    }
    return true;
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

function createShapeRules(limits: QueryLimits): ValidationRule[] {
  return [
    maxAliasesRule({ n: limits.aliases, ...refusal(limits, 'aliases') }),
    maxDepthRule({ n: limits.depth, flattenFragments: true, ...refusal(limits, 'depth') }),
  ];
}

/** Every value counts one, each as often as its lists are long. */
function createCostRule(limits: QueryLimits): ValidationRule {
  return costLimitRule({
    maxCost: limits.cost,
    objectCost: 1,
    scalarCost: 1,
    depthCostFactor: 1,
    flattenFragments: true,
    ...refusal(limits, 'cost'),
  });
}
