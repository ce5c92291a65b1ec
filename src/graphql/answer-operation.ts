import {
  type ExecutionResult,
  execute,
  type FormattedExecutionResult,
  type GraphQLError,
  type GraphQLSchema,
  getVariableValues,
  type OperationDefinitionNode,
  OperationTypeNode,
} from 'graphql';
import { type AttachmentError, challenge, errorExtensions, errorTable, fault } from '../errors.js';
import { FairWork, type Owner } from '../limits/fair-queue.js';
import type { TurnKey } from '../limits/turns.js';
import { inSpan } from '../tracing.js';
import { type GraphqlContext, type RequestFacts, turnOf } from './context.js';
import { tooComplex } from './cost/query-limits.js';
import { executePlan } from './execution/execute-plan.js';
import { formatError, formatWithoutSuggestions, internalCause } from './format-error.js';
import type { Operation, ScreenedOperation } from './screen-operation.js';
import { writeAnswer } from './write-answer.js';

/**
 * Something to be taken once. A promise that was waited for long is old to V8, and keeps what it hands over, with all that this can
 * reach, until all of the heap is due: this is empty by then. See docs/architecture.md, "What a request leaves behind".
 */
export class Held<T> {
  #values: T[];

  constructor(value: T) {
    this.#values = [value];
  }

  take(): T {
    const [value] = this.#values.splice(0) as [T];
    return value;
  }
}

/** The answer to an operation. If it is large, its JSON is in the context's `pieces`. */
export interface OperationAnswer {
  result: Held<FormattedExecutionResult>;
  /** 200 if left out. */
  status?: number;
  headers: Readonly<Record<string, string>>;
}

/** An answer above this many bytes is written in pieces: to write so much in one go takes some milliseconds. */
const maxWhole = 512 * 1024;

/** JSON writes a character of one byte in as many at most. */
const bytesOfCharacter = 6;

/** Values of an introspection that fill a turn. */
const largeIntrospection = 1_000;

/** Prepares the context for an operation: queries may be read elsewhere than what is changed, and large introspections take turns. */
export async function beginOperation(
  context: GraphqlContext,
  operation: OperationDefinitionNode | undefined,
): Promise<void> {
  const { budget, introspection } = context;
  budget.addIntrospection(introspection);
  if (operation?.operation === 'query') await context.useReplica();
  else context.startWriting();
  if (introspection.values > largeIntrospection) await budget.turns.alone(budget.key);
}

/** Logs, with the request's id, what is masked in the answer. */
export function logInternalErrors(context: GraphqlContext, errors: readonly GraphQLError[]): void {
  for (const error of errors) {
    const cause = internalCause(error);
    if (cause) context.logError(cause);
  }
}

/**
 * The answer of a result: refuses queries that have used up their budget, writes large answers in pieces, and says to HTTP that
 * a credential is missing.
 */
export async function endOperation(
  context: GraphqlContext,
  operation: OperationDefinitionNode | undefined,
  result: FormattedExecutionResult,
): Promise<OperationAnswer> {
  const { budget } = context;
  const isQuery = operation?.operation === 'query';
  const { key, turns, limits } = budget;
  const known = budget.introspected.bytes;
  if (budget.bytes + known > Math.min(maxWhole, limits.bytes / bytesOfCharacter) && !budget.fault) {
    const maxBytes = isQuery ? limits.bytes + known : Number.POSITIVE_INFINITY;
    const pieces = await writeAnswer({ errors: result.errors, data: result.data }, turns, { key, maxBytes });
    if (pieces) context.pieces = [...pieces, Buffer.from('\n')];
    else budget.fault = tooComplex(limits, 'bytes');
  }
  // A mutation tells what it has done, however long its answer.
  if (budget.fault && isQuery) return refusal(budget.fault);
  const isUnauthenticated = result.errors?.some(
    ({ extensions }) => extensions?.['code'] === 'UNAUTHENTICATED',
  );
  if (!isUnauthenticated) return { result: new Held(result), headers: {} };
  return {
    result: new Held(result),
    status: errorTable.UNAUTHENTICATED.status,
    headers: { 'www-authenticate': challenge },
  };
}

/** Nothing of an answer that has become too much is sent. */
function refusal(fault: AttachmentError): OperationAnswer {
  const { message, status, retryAfterSeconds } = fault;
  return {
    result: new Held({ errors: [{ message, extensions: errorExtensions(fault) }] }),
    status,
    headers: retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) },
  };
}

/** Characters of a name in a span: a client chooses it. */
const maxNameInSpan = 100;

/** Has what is done for an operation make a span. */
export function traceOperation<T>(
  operation: OperationDefinitionNode | null | undefined,
  work: () => Promise<T>,
): Promise<T> {
  if (!operation) return work();
  const { operation: type, name } = operation;
  const attributes = {
    'graphql.operation.type': type,
    ...(name ? { 'graphql.operation.name': name.value.slice(0, maxNameInSpan) } : {}),
  };
  return inSpan(type, attributes, work);
}

/** Executes an operation; null, having executed nothing, for variables whose faults the server's own answer explains. */
export type AnswerOperation = (
  screened: ScreenedOperation,
  operation: Operation,
  facts: RequestFacts,
) => Promise<OperationAnswer | null>;

/** Executes operations that have been screened, as Apollo Server does, without its pipeline: that is a quarter of a small query. */
export function createAnswerOperation(
  schema: GraphQLSchema,
  createContext: (facts: RequestFacts) => GraphqlContext,
  introspection: boolean,
): AnswerOperation {
  const format = introspection ? formatError : formatWithoutSuggestions;
  const large = createLargeAnswers<OperationAnswer | null>();
  const answer: AnswerOperation = async (screened, operation, facts) => {
    const context = createContext(facts);
    await beginOperation(context, screened.operation);
    const { data, errors } = await executeScreened(schema, screened, operation, context);
    if (data === undefined) return null;
    if (!errors) return endOperation(context, screened.operation, { data });
    logInternalErrors(context, errors);
    const formatted = errors.map((error) => format(error.toJSON(), error));
    return endOperation(context, screened.operation, { errors: formatted, data });
  };
  return (screened, operation, facts) => {
    const work = () => answer(screened, operation, facts);
    return isLarge(screened) ? large.do(ownerOf(turnOf(facts.viewer)), work) : work();
  };
}

/** Values that the answer to a query may have, weighed, above which it is large. A list of a hundred has 1,200. */
const largeFrom = 2_500;

const isLarge = ({ operation, values }: ScreenedOperation): boolean =>
  operation.operation === 'query' && values > largeFrom;

const ownerOf = ({ group, id }: TurnKey): Owner => ({ organizationId: group, principalId: id });

/** Large answers that are made at once, if none waits for anything but its rows. */
const atOnce = 2;
const heldMs = 100;
const patienceMs = 10_000;
const capacity = 8_000;
const capacityOfOrganization = 2_000;

/**
 * Makes large answers, a few at once: more of them would only wait for each other, and V8 takes for lasting what lives so long. Of
 * sixteen lists with links, those that take turns are twice as fast, in half the memory.
 */
function createLargeAnswers<Answer>(): FairWork<() => Promise<Answer>, Answer> {
  return new FairWork({
    capacity,
    capacityOfOrganization,
    patienceMs,
    atOnce,
    heldMs,
    run: (work) => work(),
    whenFull: waitsTooLong,
    whenLate: waitsTooLong,
    whenClosed: waitsTooLong,
  });
}

function waitsTooLong(): AttachmentError {
  const msg = 'Too many large answers of your organization wait to be made.';
  return fault('lists_waiting', ['query'], msg, { retryAfterSeconds: 1 });
}

/** An operation is executed by its plan, if it has one. */
function executeScreened(
  schema: GraphQLSchema,
  { document, operation, plans }: ScreenedOperation,
  { operationName, variables = {} }: Operation,
  context: GraphqlContext,
): ExecutionResult | Promise<ExecutionResult> {
  if (plans && operation.operation !== OperationTypeNode.SUBSCRIPTION) {
    const { coerced, errors } = getVariableValues(schema, operation.variableDefinitions ?? [], variables);
    if (errors) return { errors };
    const plan = plans.planOf(operation, coerced);
    if (plan) return executePlan(plan, context, coerced);
  }
  return execute({
    schema,
    document,
    contextValue: context,
    operationName: operationName ?? null,
    variableValues: variables,
  });
}
