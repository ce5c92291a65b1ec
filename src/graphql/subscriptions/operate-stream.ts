import { type ExecutionResult, GraphQLError, type GraphQLFormattedError, type GraphQLSchema } from 'graphql';
import type { Viewer } from '../../auth/viewer.js';
import { AttachmentError, fault } from '../../errors.js';
import type { Release } from '../../limits/places.js';
import { type AnswerOperation, traceOperation } from '../answer-operation.js';
import type { RequestFacts } from '../context.js';
import { type Operation, readOperation, type ScreenedOperation } from '../screen-operation.js';
import { variableErrors } from '../variable-faults.js';
import { hold, type Operate, type Stream, type StreamedOperation } from './stream-protocol.js';
import { maxOnConnection, tooManyOnConnection } from './subscription-places.js';
import { explain, type Subscriptions } from './subscriptions.js';

export interface StreamOperationDependencies {
  subscriptions: Subscriptions;
  introspection: boolean;
  /** Null for what cannot be executed. Throws for what must not be. */
  screen(parameters: unknown, viewer: Viewer | null): Promise<ScreenedOperation | null>;
  /** Throws for variables that are not of their types. */
  checkVariables(screened: ScreenedOperation, parameters: unknown): void;
  answerOperation: AnswerOperation;
}

/** An operation that can be executed, and where its events go. */
interface Screened extends StreamedOperation {
  screened: ScreenedOperation;
  operation: Operation;
  frame: { before: Buffer; after: Buffer };
}

/** HTTP tells whether somebody may ask at all; each other fault is an event, after which clients do not try again. */
const statusesOfHttp: ReadonlySet<number> = new Set([401, 403, 429, 503]);

/** Executes operations for event streams under the limits of `POST /graphql`, and subscribes under those of WebSockets. */
export function createStreamOperations(schema: GraphQLSchema, deps: StreamOperationDependencies): Operate {
  const screen = async (streamed: StreamedOperation): Promise<Screened | readonly GraphQLError[]> => {
    const { parameters, viewer } = streamed.request;
    const operation = readOperation(parameters) ?? {};
    const screened = await deps.screen(parameters, viewer);
    if (!screened) return explain(schema, operation.query ?? '', deps.introspection);
    deps.checkVariables(screened, parameters);
    return { ...streamed, screened, operation, frame: frameOf(streamed.id) };
  };
  return async (streamed) => {
    const { events } = streamed.stream;
    const tellFaults = (errors: readonly GraphQLError[]) =>
      onlyFaults(deps.subscriptions.mask(errors, events.logError));
    try {
      const screened = await screen(streamed);
      if (!('screened' in screened)) return tellFaults(screened);
      const result = await begin(schema, deps, screened);
      if (Symbol.asyncIterator in result) return endWith(streamed.stream, result, tellFaults);
      return tellFaults(result.errors ?? []);
    } catch (error) {
      const isOfHttp = error instanceof AttachmentError && statusesOfHttp.has(error.status);
      if (isOfHttp && streamed.id === null) throw error;
      return tellFaults([toGraphqlError(error)]);
    }
  };
}

type Begun = AsyncIterableIterator<never> | ExecutionResult;

async function begin(
  schema: GraphQLSchema,
  deps: StreamOperationDependencies,
  screened: Screened,
): Promise<Begun> {
  const kind = screened.screened.operation.operation;
  if (kind === 'subscription') return subscribe(schema, deps, screened);
  if (kind === 'mutation' && screened.request.method === 'GET') {
    const msg = 'Mutations go by POST.';
    throw fault('transport', ['query'], msg, { message: msg });
  }
  return execute(schema, deps, screened);
}

async function subscribe(
  schema: GraphQLSchema,
  { subscriptions }: StreamOperationDependencies,
  { stream, request, screened: { document }, operation, frame }: Screened,
): Promise<Begun> {
  // Its client may have gone meanwhile; nothing would give the session back.
  if (!stream.events.isOpen()) return { errors: [] };
  if (stream.endings.size >= maxOnConnection) return { errors: [tooManyOnConnection()] };
  stream.session ??= hold(subscriptions, stream, request);
  const { session, events } = stream;
  const tooOften = await subscriptions.count(session);
  if (tooOften) return { errors: [tooOften] };
  const { query = '', variables = {}, operationName = null } = operation;
  const place = subscriptions.take(session, { query, variables }, document);
  if (place instanceof GraphQLError) return { errors: [place] };
  const args = { schema, document, operationName, variableValues: variables };
  return subscriptions.begin({ frame, session, connection: events, args, place });
}

/** The answer is there, with all that it has changed, before the result is. */
async function execute(
  schema: GraphQLSchema,
  { answerOperation, introspection }: StreamOperationDependencies,
  { stream: { events }, request, screened, operation, frame: { before, after } }: Screened,
): Promise<Begun> {
  const releases: Release[] = [];
  const release = () => {
    for (const each of releases.splice(0)) each();
  };
  const onClosed = (each: Release) => void releases.push(each);
  const facts: RequestFacts = { ...request.facts, screened, onClosed };
  try {
    const answer = await traceOperation(screened.operation, () =>
      answerOperation(screened, operation, facts),
    );
    if (!answer) {
      const options = { hideSuggestions: !introspection };
      return { errors: variableErrors(schema, screened.operation, operation.variables ?? {}, options) };
    }
    const { errors, data } = answer.result.take();
    const pieces = facts.pieces?.slice(0, -1) ?? [Buffer.from(JSON.stringify({ errors, data }))];
    const send = () => events.sendPieces([before, ...pieces, after]).finally(release);
    return afterwards(send, release);
  } catch (error) {
    release();
    throw error;
  }
}

/** The event of a result, around it. */
function frameOf(id: string | null): Screened['frame'] {
  const data = id === null ? '' : `{"id":${JSON.stringify(id)},"payload":`;
  return {
    before: Buffer.from(`event: next\ndata: ${data}`),
    after: Buffer.from(id === null ? '\n\n' : '}\n\n'),
  };
}

/** Yields nothing, but does something before its end. */
function afterwards(act: () => Promise<void>, abandon: () => void): AsyncIterableIterator<never> {
  const done = async (): Promise<IteratorReturnResult<undefined>> => ({ done: true, value: undefined });
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next: () => act().then(done),
    return: () => {
      abandon();
      return done();
    },
    throw: (error) => Promise.reject(error),
  };
}

async function* onlyFaults(errors: readonly GraphQLFormattedError[]): AsyncGenerator<object> {
  yield { errors };
}

/** Tells what it throws in the end, and ends with its stream. */
function endWith(
  { events, endings }: Stream,
  live: AsyncIterableIterator<never>,
  tellFaults: (errors: readonly GraphQLError[]) => AsyncGenerator<object>,
): AsyncIterableIterator<object> {
  let faults: AsyncGenerator<object> | null = null;
  const end = () => void live.return?.().catch(events.logError);
  const settle = (step: IteratorResult<object>): IteratorResult<object> => {
    if (step.done) endings.delete(end);
    return step;
  };
  endings.add(end);
  // It may have ended before this has begun.
  if (!events.isOpen()) end();
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next: async () => {
      if (faults) return settle(await faults.next());
      try {
        return settle(await live.next());
      } catch (error) {
        faults = tellFaults([toGraphqlError(error)]);
        return faults.next();
      }
    },
    return: async () => {
      endings.delete(end);
      await live.return?.();
      return { done: true, value: undefined };
    },
    throw: (error) => Promise.reject(error),
  };
}

function toGraphqlError(error: unknown): GraphQLError {
  if (error instanceof GraphQLError) return error;
  const originalError = error instanceof Error ? error : new Error('Something was thrown.', { cause: error });
  return new GraphQLError(originalError.message, { originalError });
}
