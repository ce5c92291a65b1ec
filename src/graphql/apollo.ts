import { ApolloServer, type ApolloServerPlugin } from '@apollo/server';
import { ApolloServerPluginLandingPageLocalDefault } from '@apollo/server/plugin/landingPage/default';
import type { GraphQLSchema } from 'graphql';
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

export function createApollo(schema: GraphQLSchema): ApolloServer<GraphqlContext> {
  return new ApolloServer<GraphqlContext>({
    schema,
    formatError,
    introspection: true,
    includeStacktraceInErrorResponses: false,
    persistedQueries: false,
    stopOnTerminationSignals: false,
    plugins: [ApolloServerPluginLandingPageLocalDefault({ embed: true, footer: false }), logInternalErrors],
  });
}
