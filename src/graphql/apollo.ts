import { ApolloServer, type ApolloServerPlugin, HeaderMap } from '@apollo/server';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginInlineTraceDisabled,
  ApolloServerPluginLandingPageDisabled,
  ApolloServerPluginSchemaReportingDisabled,
  ApolloServerPluginUsageReportingDisabled,
} from '@apollo/server/plugin/disabled';
import { ApolloServerPluginLandingPageLocalDefault } from '@apollo/server/plugin/landingPage/default';
import type { GraphQLSchema } from 'graphql';
import { errorTable } from '../errors.js';
import { beginOperation, endOperation, logInternalErrors } from './answer-operation.js';
import type { GraphqlContext } from './context.js';
import { formatError, formatWithoutSuggestions } from './format-error.js';
import { exactLiterals } from './json-limits.js';
import { validationOptions } from './screen-operation.js';
import { variableErrors } from './variable-faults.js';

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
      body.singleResult = result.take();
      if (status !== undefined) http.status = status;
      for (const [name, value] of Object.entries(headers)) http.headers.set(name, value);
    },
  }),
};

export interface ApolloOptions {
  introspection: boolean;
  /** Whether browsers get Apollo Sandbox. */
  sandbox: boolean;
  /** Path of the explorer; null if there is none. */
  explorerPath: string | null;
}

/** Refuses variables that are not of their types, with the place of each: Apollo does not know it. */
function placeVariableFaults(introspection: boolean): ApolloServerPlugin<GraphqlContext> {
  const format = introspection ? formatError : formatWithoutSuggestions;
  return {
    requestDidStart: async () => ({
      responseForOperation: async ({ schema, operation, request: { variables = {} } }) => {
        // There is none if the document has several and the request names none of them.
        if (!operation) return null;
        const errors = variableErrors(schema, operation, variables, { hideSuggestions: !introspection });
        if (errors.length === 0) return null;
        const singleResult = { errors: errors.map((error) => format(error.toJSON(), error)) };
        const { status } = errorTable.BAD_USER_INPUT;
        return { body: { kind: 'single', singleResult }, http: { status, headers: new HeaderMap() } };
      },
    }),
  };
}

/** Apollo Sandbox. While Apollo's servers cannot be reached, its page leads to the explorer, which needs no network. */
function landingPage(explorerPath: string | null): ApolloServerPlugin<GraphqlContext> {
  const sandbox = ApolloServerPluginLandingPageLocalDefault({ embed: true, footer: false });
  return {
    serverWillStart: async (service) => {
      const listener = (await sandbox.serverWillStart?.(service)) ?? {};
      const rendered = await listener.renderLandingPage?.();
      if (!rendered || explorerPath === null) return listener;
      const { html } = rendered;
      const withLink = async () => addLink(typeof html === 'string' ? html : await html(), explorerPath);
      return { ...listener, renderLandingPage: async () => ({ html: withLink }) };
    },
  };
}

/** The Sandbox's own element lies over the words that are shown without it, as long as it is shown. */
function addLink(html: string, path: string): string {
  const link = `<p>The <a href="${path}">explorer</a> is in this service itself and needs no other.</p>`;
  return html
    .replace('</style>', '#embeddableSandbox:empty { display: none; }</style>')
    .replace('you might be offline.</p>', (words) => words + link);
}

/** Apollo Server says what is wrong with requests, negotiates, and shows the Sandbox. */
export function createApollo(
  schema: GraphQLSchema,
  { introspection, sandbox, explorerPath }: ApolloOptions,
): ApolloServer<GraphqlContext> {
  return new ApolloServer<GraphqlContext>({
    schema,
    // Apollo Server would take what is left out from the environment, and not start with some of it.
    apollo: { key: 'none', graphId: '', graphVariant: '' },
    formatError: introspection ? formatError : formatWithoutSuggestions,
    introspection,
    // Documents are remembered by the screen, within bounds.
    documentStore: null,
    validationRules: [exactLiterals],
    validationOptions: validationOptions(introspection),
    includeStacktraceInErrorResponses: false,
    persistedQueries: false,
    stopOnTerminationSignals: false,
    plugins: [
      sandbox ? landingPage(explorerPath) : ApolloServerPluginLandingPageDisabled(),
      // Unused here, and it would wrap every resolver of every field.
      ApolloServerPluginCacheControlDisabled(),
      // A subgraph would tell gateways, and whoever says to be one, of its resolvers and their errors.
      ApolloServerPluginInlineTraceDisabled(),
      // Nothing is told to Apollo, although the environment may have a key of another service.
      ApolloServerPluginSchemaReportingDisabled(),
      ApolloServerPluginUsageReportingDisabled(),
      reuseDocument,
      placeVariableFaults(introspection),
      answerAlike,
    ],
  });
}
