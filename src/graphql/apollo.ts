import {
  ApolloServer,
  type ApolloServerPlugin,
  type GraphQLRequestContextWillSendResponse,
} from '@apollo/server';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginLandingPageDisabled,
} from '@apollo/server/plugin/disabled';
import { ApolloServerPluginLandingPageLocalDefault } from '@apollo/server/plugin/landingPage/default';
import type { GraphQLSchema } from 'graphql';
import { type AttachmentError, challenge, errorExtensions, errorTable } from '../errors.js';
import type { GraphqlContext } from './context.js';
import { tooComplex } from './cost/query-limits.js';
import { formatError, formatWithoutSuggestions, internalCause } from './format-error.js';
import { validationOptions } from './screen-operation.js';
import { writeAnswer } from './write-answer.js';

/** Logs, with the request's id, what was masked in the answer. */
const logInternalErrors: ApolloServerPlugin<GraphqlContext> = {
  requestDidStart: async () => ({
    didEncounterErrors: async ({ errors, contextValue }) => {
      for (const error of errors) {
        const cause = internalCause(error);
        if (cause) contextValue.logError(cause);
      }
    },
  }),
};

/** Hands Apollo what has been parsed and validated already. Apollo parses only what it has to refuse. */
const reuseDocument: ApolloServerPlugin<GraphqlContext> = {
  requestDidStart: async () => ({
    didResolveSource: async (requestContext) => {
      const { document } = requestContext.contextValue;
      if (document?.loc?.source.body === requestContext.source) Object.assign(requestContext, { document });
    },
  }),
};

/** An answer above this many bytes is written in pieces. */
const maxWhole = 64 * 1024;

/** Values of an introspection that fill a turn. */
const largeIntrospection = 1_000;

/** Lets large introspections take turns, refuses queries that have used up their budget, and writes large answers in pieces. */
const boundAnswers: ApolloServerPlugin<GraphqlContext> = {
  requestDidStart: async () => ({
    didResolveOperation: async ({ contextValue: { budget, introspection } }) => {
      budget.addIntrospection(introspection);
      if (introspection.values > largeIntrospection) await budget.turns.alone(budget.key);
    },
    willSendResponse: async ({ contextValue, operation, response }) => {
      const { budget } = contextValue;
      const { body } = response;
      if (body.kind !== 'single') return;
      const known = budget.introspected.bytes;
      if (budget.bytes + known > maxWhole && !budget.fault) {
        const { key, turns, limits } = budget;
        const maxBytes = operation?.operation === 'query' ? limits.bytes + known : Number.POSITIVE_INFINITY;
        const { errors, data } = body.singleResult;
        const pieces = await writeAnswer({ errors, data }, turns, { key, maxBytes });
        if (pieces) contextValue.pieces = pieces;
        else budget.fault = tooComplex(limits, 'bytes');
      }
      // A mutation tells what it has done, however long its answer.
      if (budget.fault && operation?.operation === 'query') refuse(response, budget.fault);
    },
  }),
};

/** Nothing of an answer that has become too much is sent. */
function refuse(
  response: GraphQLRequestContextWillSendResponse<GraphqlContext>['response'],
  fault: AttachmentError,
): void {
  const { message, status, retryAfterSeconds } = fault;
  response.body = {
    kind: 'single',
    singleResult: { errors: [{ message, extensions: errorExtensions(fault) }] },
  };
  response.http.status = status;
  if (retryAfterSeconds !== undefined) response.http.headers.set('retry-after', String(retryAfterSeconds));
}

/** Queries may be read elsewhere than what is changed. */
const readQueriesElsewhere: ApolloServerPlugin<GraphqlContext> = {
  requestDidStart: async () => ({
    didResolveOperation: async ({ operation, contextValue }) => {
      if (operation?.operation === 'query') await contextValue.useReplica();
      else contextValue.startWriting();
    },
  }),
};

/** An answer that lacks a credential says so to HTTP too. */
const challengeUnauthenticated: ApolloServerPlugin<GraphqlContext> = {
  requestDidStart: async () => ({
    willSendResponse: async ({ response: { body, http } }) => {
      const errors = body.kind === 'single' ? (body.singleResult.errors ?? []) : [];
      if (!errors.some(({ extensions }) => extensions?.['code'] === 'UNAUTHENTICATED')) return;
      http.status = errorTable.UNAUTHENTICATED.status;
      http.headers.set('www-authenticate', challenge);
    },
  }),
};

export interface ApolloOptions {
  introspection: boolean;
  /** Whether browsers get Apollo Sandbox. */
  sandbox: boolean;
}

export function createApollo(
  schema: GraphQLSchema,
  { introspection, sandbox }: ApolloOptions,
): ApolloServer<GraphqlContext> {
  return new ApolloServer<GraphqlContext>({
    schema,
    formatError: introspection ? formatError : formatWithoutSuggestions,
    introspection,
    // Documents are remembered by the screen, within bounds.
    documentStore: null,
    validationOptions: validationOptions(introspection),
    includeStacktraceInErrorResponses: false,
    persistedQueries: false,
    stopOnTerminationSignals: false,
    plugins: [
      sandbox
        ? ApolloServerPluginLandingPageLocalDefault({ embed: true, footer: false })
        : ApolloServerPluginLandingPageDisabled(),
      // Unused here, and it would wrap every resolver of every field.
      ApolloServerPluginCacheControlDisabled(),
      reuseDocument,
      logInternalErrors,
      challengeUnauthenticated,
      readQueriesElsewhere,
      boundAnswers,
    ],
  });
}
