import { join } from 'node:path';
import type { ApolloServer } from '@apollo/server';
import type { FastifyInstance } from 'fastify';
import type { GraphQLSchema } from 'graphql';
import { beforeLists, createAccessLoaders } from '../access/loaders.js';
import { RecordAccess } from '../access/record-access.js';
import { findDownload, findPreviewed, toDownload } from '../attachments/find-download.js';
import type { DownloadLog } from '../audit/download-log.js';
import type { Admit } from '../auth/admit.js';
import type { Authenticate } from '../auth/authenticate.js';
import type { KnownKeys } from '../auth/known-keys.js';
import { assertListedRoute, assertPermitted, routeNeeds } from '../auth/permission-table.js';
import type { UploadTokens } from '../auth/upload-tokens.js';
import type { UrlMaker } from '../auth/url-makers.js';
import type { Viewer } from '../auth/viewer.js';
import type { Config } from '../config/config.js';
import { packageRoot } from '../config/package-root.js';
import { AttachmentError } from '../errors.js';
import { createAnswerOperation } from '../graphql/answer-operation.js';
import { createApollo } from '../graphql/apollo.js';
import { checkVariables } from '../graphql/check-variables.js';
import { GraphqlContext, type GraphqlDependencies, turnOf } from '../graphql/context.js';
import { answerMemory } from '../graphql/cost/answer-budget.js';
import { maxJsonBody, readJson } from '../graphql/read-json.js';
import { createMultipartReader } from '../graphql/read-multipart.js';
import { createSchema } from '../graphql/schema.js';
import { createScreen, readOperation, type Screen } from '../graphql/screen-operation.js';
import { createStreamOperations } from '../graphql/subscriptions/operate-stream.js';
import { createSocketProtocol } from '../graphql/subscriptions/socket-protocol.js';
import { StreamProtocol } from '../graphql/subscriptions/stream-protocol.js';
import type { LiveBounds } from '../graphql/subscriptions/subscription-places.js';
import { Subscriptions } from '../graphql/subscriptions/subscriptions.js';
import { admitAnonymous, admitRequest } from '../http/admit-request.js';
import { type LiveMaker, registerDownload } from '../http/download.js';
import { explorerPath, registerExplorer } from '../http/explorer-route.js';
import { type GraphqlRouteDependencies, registerGraphql } from '../http/graphql-route.js';
import { registerHealth } from '../http/health.js';
import { measureRequests, registerMetrics } from '../http/metrics-route.js';
import { registerShareLinks } from '../http/share-route.js';
import { registerPreviews } from '../http/preview-route.js';
import { registerStreams } from '../http/stream-route.js';
import { registerWebSockets } from '../http/websocket-route.js';
import { discardIntake } from '../intake/discard-intake.js';
import type { Jobs } from '../jobs/jobs.js';
import { AnswerSpace } from '../limits/answer-space.js';
import type { DownloadPlaces } from '../limits/download-places.js';
import type { NetworkRate } from '../limits/network-rate.js';
import { minBytesPerSecond } from '../limits/pace.js';
import type { RateLimiter } from '../limits/rate-limiter.js';
import type { BodyMemory, UploadConcurrency } from '../limits/upload-concurrency.js';
import type { ScannerTrust } from '../scanner/trust.js';
import { countDownload, findShared } from '../sharing/use-share-link.js';
import { scanJob } from '../verdicts/scan-blob.js';
import { deliverWebhookKind } from '../webhooks/delivery-job.js';
import { measureJobs } from './job-metrics.js';
import { type Metrics, measureSockets, measureStreams } from './metrics.js';
import { addUploads } from './upload-routes.js';

export type RouteDependencies = Omit<GraphqlDependencies, 'jobs' | 'answerSpace'> &
  Metrics & {
    jobs: Jobs;
    tokens: UploadTokens;
    admit: Admit;
    anonymous: NetworkRate | null;
    subscribing: RateLimiter | null;
    liveBounds: LiveBounds;
    uploadConcurrency: UploadConcurrency;
    bodies: BodyMemory;
    places: DownloadPlaces;
    authenticate: Authenticate;
    keys: KnownKeys;
    downloads: DownloadLog;
    scanner: Pick<ScannerTrust, 'check' | 'isActive'>;
    redirectDownloads: boolean;
  };

/** Adds every entrance. The GraphQL server is the caller's to stop. */
export async function addRoutes(
  server: FastifyInstance,
  config: Config,
  deps: RouteDependencies,
): Promise<ApolloServer<GraphqlContext>> {
  server.addHook('onRoute', ({ method, url }) => {
    const methods = [method].flat().filter((name) => name !== 'HEAD' && name !== 'OPTIONS');
    for (const name of methods) assertListedRoute(name, url);
  });
  measureRequests(server, deps.onAnswer);
  const apollo = await addGraphql(server, config, deps);
  addUploads(server, config, deps);
  addDownload(server, deps);
  addShareLinks(server, config, deps);
  addPreviews(server, deps);
  registerHealth(server, {
    database: () => deps.database.check(),
    storage: () => deps.storage.check(),
    scanner: () => deps.scanner.check(),
  });
  addMetrics(server, deps);
  if (config.explorer) {
    const folder = join(packageRoot(), 'dist/explorer');
    await registerExplorer(server, { folder, anonymous: deps.anonymous });
  }
  return apollo;
}

async function addGraphql(server: FastifyInstance, config: Config, services: RouteDependencies) {
  const { queryLimits } = config;
  const answerSpace = new AnswerSpace(queryLimits.bytes, answerMemory(queryLimits));
  const deps = { ...services, answerSpace };
  const schema = createSchema(config);
  const apollo = createApollo(schema, {
    ...config,
    explorerPath: config.explorer ? explorerPath(config.publicUrl) : null,
  });
  const screen = createScreen(schema, { limits: config.queryLimits, introspection: config.introspection });
  await apollo.start();
  const requests: GraphqlRouteDependencies = {
    apollo,
    admit: deps.admit,
    anonymous: deps.anonymous,
    uploadConcurrency: deps.uploadConcurrency,
    bodies: deps.bodies,
    limits: { ...config, minBytesPerSecond, maxSize: maxJsonBody(config.maxInlineSize) },
    isKeyGood: async (keyId) => (await deps.keys.byId(keyId)) !== null,
    // A document that nobody has sent before is work, too; and so is saying all that is wrong with one.
    screen: async (parameters, viewer) => {
      const key = turnOf(viewer);
      await deps.turns.next(key);
      const operation = readOperation(parameters);
      const screened = operation && screen(operation, viewer !== null);
      if (operation && !screened) await deps.turns.alone(key);
      return screened;
    },
    checkVariables: ({ operation }, parameters) => {
      const { variables } = readOperation(parameters) ?? {};
      if (variables) checkVariables(schema, operation, variables, { hideSuggestions: !config.introspection });
    },
    createContext: (facts) => new GraphqlContext(deps, facts),
    answerOperation: createAnswerOperation(schema, config.introspection),
    readMultipart: createMultipartReader(deps, config),
    readJson: async (bytes, viewer, permitContent) => {
      await deps.turns.next(turnOf(viewer));
      return readJson(bytes, permitContent, config);
    },
    discard: (intake) => discardIntake(deps, intake),
  };
  registerGraphql(server, requests);
  addSubscriptions(server, config, { ...deps, schema, screen, requests });
  return apollo;
}

/** Sockets and event streams share their bounds, and what they are told. */
function addSubscriptions(
  server: FastifyInstance,
  { introspection, trustedProxies }: Config,
  deps: RouteDependencies &
    GraphqlDependencies & { schema: GraphQLSchema; screen: Screen; requests: GraphqlRouteDependencies },
): void {
  const { admit, schema, screen, turns, requests } = deps;
  const subscriptions = new Subscriptions({ ...deps, introspection });
  const sockets = createSocketProtocol(schema, { admit, subscriptions, screen, introspection });
  const countSockets = registerWebSockets(server, { subscriptions: sockets, turns, trustedProxies });
  const operate = createStreamOperations(schema, { ...requests, subscriptions, introspection });
  const streams = new StreamProtocol(subscriptions, operate);
  registerStreams(server, streams, requests);
  measureSockets(deps, countSockets);
  measureStreams(deps, () => streams.count);
}

function accessOf({ recordAuthorizer, database }: RouteDependencies, viewer: Viewer): RecordAccess {
  const loaders = createAccessLoaders(beforeLists(database), database.read, viewer);
  return new RecordAccess(recordAuthorizer, viewer, loaders);
}

/** Told by this process alone; the jobs are those of all. */
function addMetrics(server: FastifyInstance, deps: RouteDependencies): void {
  const kinds = [scanJob, deliverWebhookKind];
  const onCountFailed = (err: unknown) => server.log.warn({ err }, 'jobs not counted');
  measureJobs({ ...deps, kinds, onCountFailed });
  registerMetrics(server, deps.anonymous, deps.scrape);
}

async function findMaker(
  { keys }: Pick<RouteDependencies, 'keys'>,
  maker: UrlMaker,
): Promise<LiveMaker | null> {
  if ('userId' in maker) return { principalId: maker.userId, keyId: null, expiresAt: null };
  const key = await keys.byId(maker.keyId);
  return key && { principalId: key.viewer.principal.id, keyId: key.id, expiresAt: key.expiresAt };
}

function addPreviews(server: FastifyInstance, deps: RouteDependencies): void {
  registerPreviews(server, {
    ...deps,
    countBadSignature: (request, reply) => admitAnonymous(deps.anonymous, request, reply),
    findMaker: (maker) => findMaker(deps, maker),
    findPreviewed: (id, blobId) => findPreviewed(deps.database.read, id, blobId),
  });
}

function addDownload(server: FastifyInstance, deps: RouteDependencies): void {
  registerDownload(server, {
    ...deps,
    viewerOf: async (request, reply) => {
      if (request.headers.authorization === undefined) await admitAnonymous(deps.anonymous, request, reply);
      return assertPermitted(
        await admitRequest(deps.admit, request, reply),
        routeNeeds['GET /attachments/:id'],
      );
    },
    countBadSignature: (request, reply) => admitAnonymous(deps.anonymous, request, reply),
    direct: deps.redirectDownloads ? deps.storage.direct : null,
    findDownload: async (id, viewer) => {
      const mayHide = viewer !== null && deps.recordAuthorizer.isActive;
      if (mayHide && (await accessOf(deps, viewer).hides(id))) return null;
      return findDownload(deps.database.read, id, viewer);
    },
    findMaker: (maker) => findMaker(deps, maker),
    onDownload: ({ id: attachmentId, organizationId }, receiver) => {
      const by = 'viewer' in receiver ? { principalId: receiver.viewer.principal.id } : { link: receiver };
      deps.downloads.note({ attachmentId, organizationId, by });
    },
  });
}

/** Switched off, no link leads anywhere. */
function addShareLinks(server: FastifyInstance, { shareLinks }: Config, deps: RouteDependencies): void {
  registerShareLinks(server, {
    ...deps,
    direct: deps.redirectDownloads ? deps.storage.direct : null,
    findShared: async (token) => {
      if (!shareLinks) throw new AttachmentError('NOT_FOUND');
      const shared = await findShared(deps, token);
      const { link, stored } = shared;
      const { id: shareLinkId, createdById: principalId, keyId, organizationId } = link;
      const by = { share: { shareLinkId, maker: { principalId, keyId } } };
      return {
        file: toDownload(stored),
        isLimited: link.maxDownloads !== null,
        count: async (range) => {
          await countDownload(deps, shared, range);
          deps.downloads.note({ attachmentId: stored.attachment.id, organizationId, by });
        },
      };
    },
  });
}
