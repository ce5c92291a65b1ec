import { ApolloServer, type ApolloServerPlugin } from '@apollo/server';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginLandingPageDisabled,
} from '@apollo/server/plugin/disabled';
import { ApolloServerPluginLandingPageLocalDefault } from '@apollo/server/plugin/landingPage/default';
import type { GraphQLSchema } from 'graphql';
import { challenge, errorTable } from '../errors.js';
import type { GraphqlContext } from './context.js';
import { formatError, internalCause } from './format-error.js';

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

/** Queries may be read elsewhere than what is changed. */
const readQueriesElsewhere: ApolloServerPlugin<GraphqlContext> = {
  requestDidStart: async () => ({
    didResolveOperation: async ({ operation, contextValue }) => {
      if (operation?.operation === 'query') await contextValue.readElsewhere();
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
    formatError,
    introspection,
    includeStacktraceInErrorResponses: false,
    persistedQueries: false,
    stopOnTerminationSignals: false,
    plugins: [
      sandbox
        ? ApolloServerPluginLandingPageLocalDefault({ embed: true, footer: false })
        : ApolloServerPluginLandingPageDisabled(),
      // Unused here, and it would wrap every resolver of every field.
      ApolloServerPluginCacheControlDisabled(),
      logInternalErrors,
      challengeUnauthenticated,
      readQueriesElsewhere,
    ],
  });
}
