import { ApolloServer, type ApolloServerPlugin } from '@apollo/server';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginLandingPageDisabled,
} from '@apollo/server/plugin/disabled';
import { ApolloServerPluginLandingPageLocalDefault } from '@apollo/server/plugin/landingPage/default';
import type { GraphQLSchema } from 'graphql';
import { challenge, errorTable } from '../errors.js';
import type { GraphqlContext } from './context.js';
import { formatError, formatWithoutSuggestions, internalCause } from './format-error.js';
import { validationOptions } from './screen-operation.js';

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
    ],
  });
}
