import type { ApolloServer } from '@apollo/server';
import type { FastifyInstance } from 'fastify';
import { discardIntake } from '../attachments/discard-intake.js';
import { findDownload } from '../attachments/find-download.js';
import { receiveUpload } from '../attachments/receive-upload.js';
import type { Admit } from '../auth/admit.js';
import { assertPermitted } from '../auth/assert-permitted.js';
import type { UploadTokens } from '../auth/upload-tokens.js';
import type { Config } from '../config.js';
import { createApollo } from '../graphql/apollo.js';
import { GraphqlContext, type GraphqlDependencies } from '../graphql/context.js';
import { createJsonReader, createMultipartReader } from '../graphql/read-request.js';
import { createSchema } from '../graphql/schema.js';
import { createScreen } from '../graphql/screen-operation.js';
import { screenRequest } from '../graphql/screen-request.js';
import { admitRequest } from '../http/admit-request.js';
import { registerDirectUpload } from '../http/direct-upload.js';
import { registerDownload } from '../http/download.js';
import { registerGraphql } from '../http/graphql-route.js';
import { registerHealth } from '../http/health.js';
import { minBytesPerSecond } from '../limits/pace-watch.js';
import type { UploadSlots } from '../limits/upload-slots.js';

export type RouteDependencies = GraphqlDependencies & {
  tokens: UploadTokens;
  admit: Admit;
  uploadSlots: UploadSlots;
  assertTrusted(): Promise<void>;
};

/** Adds every entrance. The GraphQL server is the caller's to stop. */
export async function addRoutes(
  server: FastifyInstance,
  config: Config,
  deps: RouteDependencies,
): Promise<ApolloServer<GraphqlContext>> {
  const apollo = await addGraphql(server, config, deps);
  const pace = { stallTimeoutMs: config.stallTimeoutMs, minBytesPerSecond };
  registerDirectUpload(server, {
    tokens: deps.tokens,
    receive: (upload) => receiveUpload({ ...deps, pace }, upload),
  });
  addDownload(server, deps);
  registerHealth(server, {
    database: () => deps.database.read.query('SELECT 1'),
    storage: () => deps.storage.check(),
    scanner: deps.assertTrusted,
  });
  return apollo;
}

async function addGraphql(server: FastifyInstance, config: Config, deps: RouteDependencies) {
  const schema = createSchema();
  const apollo = createApollo(schema, config);
  const screen = createScreen(schema, config.queryLimits);
  await apollo.start();
  registerGraphql(server, {
    apollo,
    admit: deps.admit,
    uploadSlots: deps.uploadSlots,
    screen: (parameters) => screenRequest(screen, parameters),
    createContext: (facts) => new GraphqlContext(deps, facts),
    readMultipart: createMultipartReader({ ...deps, screen }, config),
    readJson: createJsonReader(deps, config),
    discard: (intake) => discardIntake(deps, intake),
  });
  return apollo;
}

function addDownload(server: FastifyInstance, deps: RouteDependencies): void {
  registerDownload(server, {
    ...deps,
    viewerOf: async (request, reply) =>
      assertPermitted(await admitRequest(deps.admit, request, reply), 'attachments:read'),
    findDownload: (id, viewer) => findDownload(deps.database.read, id, viewer),
  });
}
