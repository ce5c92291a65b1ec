import {
  type ExecutionResult,
  execute,
  type FormattedExecutionResult,
  type GraphQLError,
  type GraphQLSchema,
  getVariableValues,
  type OperationDefinitionNode,
} from 'graphql';
import { type AttachmentError, challenge, errorExtensions, errorTable } from '../errors.js';
import type { TurnKey, Turns } from '../limits/turns.js';
import { inSpan } from '../tracing.js';
import type { GraphqlContext } from './context.js';
import { tooComplex } from './cost/query-limits.js';
import { executePlan } from './execution/execute-plan.js';
import { formatError, formatWithoutSuggestions, internalCause } from './format-error.js';
import type { Operation, ScreenedOperation } from './screen-operation.js';

/** The answer to an operation. If it is large, its JSON is in the context's `pieces`. */
export interface OperationAnswer {
  result: FormattedExecutionResult;
  /** 200 if left out. */
  status?: number;
  headers: Readonly<Record<string, string>>;
}

/** An answer above this many bytes is written in pieces. */
const maxWhole = 64 * 1024;

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
  const known = budget.introspected.bytes;
  if (budget.bytes + known > maxWhole && !budget.fault) {
    const { key, turns, limits } = budget;
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
  if (!isUnauthenticated) return { result, headers: {} };
  return { result, status: errorTable.UNAUTHENTICATED.status, headers: { 'www-authenticate': challenge } };
}

/** Nothing of an answer that has become too much is sent. */
function refusal(fault: AttachmentError): OperationAnswer {
  const { message, status, retryAfterSeconds } = fault;
  return {
    result: { errors: [{ message, extensions: errorExtensions(fault) }] },
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
  context: GraphqlContext,
) => Promise<OperationAnswer | null>;

/** Executes operations that have been screened, as Apollo Server does, without its pipeline: that is a quarter of a small query. */
export function createAnswerOperation(schema: GraphQLSchema, introspection: boolean): AnswerOperation {
  const format = introspection ? formatError : formatWithoutSuggestions;
  return async (screened, operation, context) => {
    await beginOperation(context, screened.operation);
    const { data, errors } = await executeScreened(schema, screened, operation, context);
    if (data === undefined) return null;
    if (!errors) return endOperation(context, screened.operation, { data });
    logInternalErrors(context, errors);
    const formatted = errors.map((error) => format(error.toJSON(), error));
    return endOperation(context, screened.operation, { errors: formatted, data });
  };
}

/** A query is executed by its plan, if it has one. */
function executeScreened(
  schema: GraphQLSchema,
  { document, operation, plans }: ScreenedOperation,
  { operationName, variables = {} }: Operation,
  context: GraphqlContext,
): ExecutionResult | Promise<ExecutionResult> {
  if (plans && operation.operation === 'query') {
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

/** Characters that are written in one go. */
const pieceLength = 64 * 1024;

interface Frame {
  source: Readonly<Record<string, unknown>>;
  /** Names of its members; indexes of a list. */
  keys: readonly string[];
  isList: boolean;
  next: number;
}

/** A value as JSON, as `JSON.stringify` writes it, but piece by piece. Values must be plain: nothing has a `toJSON`. */
class JsonWriter {
  readonly #frames: Frame[] = [];
  #text = '';

  constructor(value: unknown) {
    this.#open(value);
  }

  /** The next piece; null at the end. */
  next(): string | null {
    while (this.#text.length < pieceLength) {
      const frame = this.#frames.at(-1);
      if (!frame) break;
      this.#advance(frame);
    }
    const piece = this.#text;
    this.#text = '';
    return piece === '' ? null : piece;
  }

  #advance(frame: Frame): void {
    const key = frame.keys[frame.next];
    if (key === undefined) {
      this.#text += frame.isList ? ']' : '}';
      this.#frames.pop();
      return;
    }
    if (frame.next > 0) this.#text += ',';
    frame.next += 1;
    if (!frame.isList) this.#text += `${JSON.stringify(key)}:`;
    this.#open(frame.source[key]);
  }

  #open(value: unknown): void {
    if (!isObject(value) || !Object.values(value).some(isObject)) {
      this.#text += JSON.stringify(value) ?? 'null';
      return;
    }
    const isList = Array.isArray(value);
    const keys = Object.keys(value).filter((key) => isList || value[key] !== undefined);
    this.#frames.push({ source: value, keys, isList, next: 0 });
    this.#text += isList ? '[' : '{';
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/**
 * An answer as JSON in UTF-8, in pieces, made in turns. Null as soon as there are more than `maxBytes`.
 */
export async function writeAnswer(
  answer: unknown,
  turns: Turns,
  { key, maxBytes }: { key: TurnKey; maxBytes: number },
): Promise<Buffer[] | null> {
  const writer = new JsonWriter(answer);
  const pieces: Buffer[] = [];
  let size = 0;
  for (let text = writer.next(); text !== null; text = writer.next()) {
    const piece = Buffer.from(text);
    size += piece.length;
    if (size > maxBytes) return null;
    pieces.push(piece);
    await turns.next(key);
  }
  return pieces;
}
