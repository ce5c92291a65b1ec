import { ApolloServer, type ApolloServerPlugin } from '@apollo/server';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginLandingPageDisabled,
} from '@apollo/server/plugin/disabled';
import { ApolloServerPluginLandingPageLocalDefault } from '@apollo/server/plugin/landingPage/default';
import type { GraphQLSchema } from 'graphql';
import { beginOperation, endOperation, logInternalErrors } from './answer-operation.js';
import type { GraphqlContext } from './context.js';
import { formatError, formatWithoutSuggestions } from './format-error.js';
import { validationOptions } from './screen-operation.js';

/** Hands Apollo what has been parsed and validated already. Apollo parses only what it has to refuse. */
const reuseDocument: ApolloServerPlugin<GraphqlContext> = {
  requestDidStart: async () => ({
    didResolveSource: async (requestContext) => {
      const { document } = requestContext.contextValue;
      if (document?.loc?.source.body === requestContext.source) Object.assign(requestContext, { document });
    },
  }),
};

/** Does before and after an operation what is done for those that Apollo does not execute. */
const answerAlike: ApolloServerPlugin<GraphqlContext> = {
  requestDidStart: async () => ({
    didResolveOperation: ({ operation, contextValue }) => beginOperation(contextValue, operation),
    didEncounterErrors: async ({ errors, contextValue }) => logInternalErrors(contextValue, errors),
    willSendResponse: async ({ contextValue, operation, response }) => {
      const { body, http } = response;
      if (body.kind !== 'single') return;
      const { result, status, headers } = await endOperation(contextValue, operation, body.singleResult);
      body.singleResult = result;
      if (status !== undefined) http.status = status;
      for (const [name, value] of Object.entries(headers)) http.headers.set(name, value);
    },
  }),
};

export interface ApolloOptions {
  introspection: boolean;
  /** Whether browsers get Apollo Sandbox. */
  sandbox: boolean;
}

/** Apollo Server says what is wrong with requests, negotiates, and shows the Sandbox. */
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
      answerAlike,
    ],
  });
}
