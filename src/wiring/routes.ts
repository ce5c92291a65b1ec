import { join } from 'node:path';
import type { ApolloServer } from '@apollo/server';
import type { FastifyInstance } from 'fastify';
import type { GraphQLSchema } from 'graphql';
import { assertCreatable } from '../attachments/create-attachment.js';
import type { KnownKeys } from '../auth/api-keys.js';
import type { Admit, Authenticate } from '../auth/authenticate.js';
import type { UploadTokens } from '../auth/secrets.js';
import { assertListedRoute } from '../auth/viewer.js';
import { countDamaged } from '../cleaning/scrub.js';
import type { Config } from '../config/config.js';
import { packageRoot } from '../config/files.js';
import { storeOrigin } from '../config/integration-settings.js';
import { createAnswerOperation } from '../graphql/answer-operation.js';
import { createApollo } from '../graphql/apollo.js';
import { GraphqlContext, type GraphqlDependencies, type RequestFacts, turnOf } from '../graphql/context.js';
import { answerMemory } from '../graphql/cost/answer-budget.js';
import { createMultipartReader } from '../graphql/multipart/process-multipart.js';
import { maxJsonBody, readJson } from '../graphql/read-json.js';
import { createSchema } from '../graphql/schema.js';
import { createScreen, readOperation, type Screen } from '../graphql/screen-operation.js';
import { createStreamOperations } from '../graphql/subscriptions/operate-stream.js';
import { createSocketProtocol } from '../graphql/subscriptions/socket-protocol.js';
import { StreamProtocol } from '../graphql/subscriptions/stream-protocol.js';
import type { LiveBounds } from '../graphql/subscriptions/subscription-places.js';
import { Subscriptions } from '../graphql/subscriptions/subscriptions.js';
import { checkVariables } from '../graphql/variable-faults.js';
import { type GraphqlRouteDependencies, registerGraphql } from '../http/graphql-route.js';
import { registerStreams } from '../http/live-routes.js';
import { measureRequests } from '../http/observe-requests.js';
import { registerDirectUpload } from '../http/open-upload.js';
import { explorerPath, registerConsole, registerExplorer, registerIndex } from '../http/page-routes.js';
import { registerHealth, registerMetrics, registerReceiptKeys } from '../http/status-routes.js';
import { registerTus } from '../http/tus-route.js';
import { registerWebSockets } from '../http/websocket-route.js';
import { appendToUpload } from '../intake/append-upload.js';
import { createResumable } from '../intake/create-resumable.js';
import { measureFailure, measureUpload, type UploadMeter } from '../intake/hash-content.js';
import { discardIntake } from '../intake/intake.js';
import { type DirectUpload, type ReceiveUploadDependencies, receiveUpload } from '../intake/receive.js';
import {
  findUpload,
  inspectUpload,
  type ResumableDependencies,
  terminateUpload,
} from '../intake/resumable.js';
import { RunningDigests } from '../intake/running-digests.js';
import { UploadAttempts } from '../intake/upload-attempts.js';
import type { Jobs } from '../jobs/jobs.js';
import { AnswerSpace } from '../limits/answer-space.js';
import type { NetworkRate } from '../limits/networks.js';
import { minBytesPerSecond } from '../limits/pace.js';
import type { BodyMemory, UploadConcurrency } from '../limits/places.js';
import type { RateLimiter } from '../limits/rate-limiter.js';
import { sumUsage } from '../quotas/usage.js';
import type { PublicKey } from '../receipts/receipt-keys.js';
import type { ScannerTrust } from '../scanner/scanner.js';
import { inSpan } from '../tracing.js';
import { scanJob } from '../verdicts/scan-blob.js';
import { deliverWebhookKind } from '../webhooks/endpoint-queue.js';
import { addContentRoutes, type ContentDependencies } from './content-routes.js';
import { measureJobs } from './job-metrics.js';
import { type Metrics, measureDamage, measureSockets, measureStreams, measureUsage } from './metrics.js';

export type RouteDependencies = Omit<GraphqlDependencies, 'jobs' | 'answerSpace'> &
  ContentDependencies &
  Metrics & {
    jobs: Jobs;
    tokens: UploadTokens;
    subscribing: RateLimiter | null;
    liveBounds: LiveBounds;
    uploadConcurrency: UploadConcurrency;
    bodies: BodyMemory;
    receiptKeys: readonly PublicKey[];
    authenticate: Authenticate;
    scanner: Pick<ScannerTrust, 'check' | 'isActive'>;
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
  addContentRoutes(server, config, deps);
  registerHealth(server, {
    database: () => deps.database.check(),
    storage: () => deps.storage.check(),
    scanner: () => deps.scanner.check(),
  });
  addMetrics(server, deps);
  const page = { dist: join(packageRoot(), 'dist'), anonymous: deps.anonymous };
  if (config.explorer) await registerExplorer(server, page);
  if (config.console) await registerConsole(server, { ...page, origins: otherOrigins(config) });
  else registerIndex(server, config, deps.anonymous);
  registerReceiptKeys(server, deps.anonymous, deps.receiptKeys);
  return apollo;
}

/** The origin of URLs handed out, and that of the store which takes bytes from pages. */
function otherOrigins({ publicUrl, storage }: Pick<Config, 'publicUrl' | 'storage'>): string[] {
  const own = publicUrl === null ? [] : [new URL(publicUrl).origin];
  return typeof storage === 'string' ? own : [...own, storeOrigin(storage)];
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
  const createContext = (facts: RequestFacts) => new GraphqlContext(deps, facts);
  const requests: GraphqlRouteDependencies = {
    apollo,
    admit: deps.admit,
    anonymous: deps.anonymous,
    uploadConcurrency: deps.uploadConcurrency,
    bodies: deps.bodies,
    limits: { ...config, minBytesPerSecond, maxSize: maxJsonBody(config.maxInlineSize) },
    assertRoom: async (organizationId, bytes) =>
      (await deps.quotas.of(organizationId))?.assertRoom(bytes, ['input', 'content']),
    assertCreatable: (viewer, keys) =>
      measureFailure(deps.uploadMeter, 'multipart', () => assertCreatable(deps, viewer, keys)),
    isKeyGood: deps.keys.isKeyGood,
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
    createContext,
    answerOperation: createAnswerOperation(schema, createContext, config.introspection),
    readMultipart: createMultipartReader(deps, config),
    readJson: async (bytes, viewer, permitContent) => {
      const key = turnOf(viewer);
      await deps.turns.next(key);
      return readJson(bytes, permitContent, { ...config, nextTurn: () => deps.turns.alone(key) });
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
  const streams = new StreamProtocol({ subscriptions, turns, operate });
  registerStreams(server, streams, requests);
  measureSockets(deps, countSockets);
  measureStreams(deps, () => streams.count);
}

/** Told by this process alone; the jobs are those of all. */
function addMetrics(server: FastifyInstance, deps: RouteDependencies): void {
  const kinds = [scanJob, deliverWebhookKind];
  const onCountFailed = (err: unknown) => server.log.warn({ err }, 'jobs not counted');
  measureJobs({ ...deps, kinds, onCountFailed });
  const onSumFailed = (err: unknown) => server.log.warn({ err }, 'usage not summed');
  measureUsage(deps, () => sumUsage(deps.database.read), onSumFailed);
  const onDamageUncounted = (err: unknown) => server.log.warn({ err }, 'damaged files not counted');
  measureDamage(deps, () => countDamaged(deps.database), onDamageUncounted);
  registerMetrics(server, deps.anonymous, deps.scrape);
}

export interface UploadRouteDependencies
  extends Omit<
    ReceiveUploadDependencies & ResumableDependencies,
    'pace' | 'attempts' | 'digests' | 'isKeyGood'
  > {
  tokens: UploadTokens;
  admit: Admit;
  keys: KnownKeys;
  /** Counts wrong tokens; null for no limit. */
  anonymous: NetworkRate | null;
  uploadMeter: UploadMeter;
  uploadUrl(targetId: string): string;
}

/** Adds the entrances for bytes past GraphQL. One table of requests under way serves all of them. */
function addUploads(
  server: FastifyInstance,
  { stallTimeoutMs }: Pick<Config, 'stallTimeoutMs'>,
  deps: UploadRouteDependencies,
): void {
  const { tokens, anonymous, uploadMeter } = deps;
  const pace = { stallTimeoutMs, minBytesPerSecond };
  const attempts = new UploadAttempts(deps);
  const { isKeyGood } = deps.keys;
  addTus(server, { ...deps, isKeyGood, pace, attempts, digests: new RunningDigests(deps.hasher) });
  const receive = (upload: DirectUpload) =>
    inSpan('intake', {}, () =>
      measureUpload(uploadMeter, 'direct', async () => {
        const received = await receiveUpload({ ...deps, isKeyGood, pace, attempts }, upload);
        if (received.isNew) uploadMeter.onStored('direct', received.size);
        return received;
      }),
    );
  registerDirectUpload(server, { tokens, anonymous, receive });
}

function addTus(
  server: FastifyInstance,
  deps: UploadRouteDependencies & ResumableDependencies & Pick<ReceiveUploadDependencies, 'isKeyGood'>,
): void {
  const { uploadMeter } = deps;
  registerTus(server, {
    ...deps,
    find: (targetId) => findUpload(deps, targetId),
    create: (viewer, input) => measureFailure(uploadMeter, 'tus', () => createResumable(deps, viewer, input)),
    append: (upload, part) =>
      inSpan('intake', {}, async () => {
        const appended = await measureFailure(uploadMeter, 'tus', () => appendToUpload(deps, upload, part));
        uploadMeter.onStored('tus', appended.received - part.offset);
        if (appended.state === 'FINISHED') uploadMeter.onUpload('tus', 'accepted');
        return appended;
      }),
    inspect: (upload) => inspectUpload(deps, upload),
    terminate: (upload) => terminateUpload(deps, upload),
  });
}
