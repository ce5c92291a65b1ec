import { ApolloServer, type ApolloServerPlugin } from '@apollo/server';
import { ApolloServerPluginCacheControlDisabled } from '@apollo/server/plugin/disabled';
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

export function createApollo(schema: GraphQLSchema): ApolloServer<GraphqlContext> {
  return new ApolloServer<GraphqlContext>({
    schema,
    formatError,
    introspection: true,
    includeStacktraceInErrorResponses: false,
    persistedQueries: false,
    stopOnTerminationSignals: false,
    plugins: [
      ApolloServerPluginLandingPageLocalDefault({ embed: true, footer: false }),
      // Unused here, and it would wrap every resolver of every field.
      ApolloServerPluginCacheControlDisabled(),
      logInternalErrors,
      challengeUnauthenticated,
    ],
  });
}
