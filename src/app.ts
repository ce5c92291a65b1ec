import type { FastifyInstance } from 'fastify';
import type { Logger } from 'typeorm';
import { Changes } from './attachments/changes.js';
import { cleanUp } from './attachments/clean-up.js';
import { discardIntake } from './attachments/discard-intake.js';
import { findDownload } from './attachments/find-download.js';
import { createHasher } from './attachments/hash-content.js';
import { loadPolicies } from './attachments/load-policies.js';
import { scanJob } from './attachments/queue-scan.js';
import { receiveUpload } from './attachments/receive-upload.js';
import { createScanBlob, type ScanBlobDependencies } from './attachments/scan-blob.js';
import { VerdictWatch } from './attachments/verdict-watch.js';
import { createFirstApiKey } from './auth/api-keys.js';
import { assertPermitted } from './auth/assert-permitted.js';
import { createAttachmentUrls } from './auth/attachment-urls.js';
import { type Authenticate, createAuthenticate, type Identify } from './auth/authenticate.js';
import { createIdentifyKey } from './auth/identify-key.js';
import { createIdentifyToken } from './auth/identify-token.js';
import { createKeyUsage } from './auth/key-usage.js';
import { createMeetPrincipal } from './auth/meet-principal.js';
import { keepSecret } from './auth/secrets.js';
import { createUploadTokens, type UploadTokens } from './auth/upload-tokens.js';
import { createTokenVerifier } from './auth/verify-token.js';
import type { Config } from './config.js';
import { type Database, openDatabase } from './database/database.js';
import { AttachmentError } from './errors.js';
import { createApollo } from './graphql/apollo.js';
import { GraphqlContext, type GraphqlDependencies } from './graphql/context.js';
import { createJsonReader, createMultipartReader } from './graphql/read-request.js';
import { createSchema } from './graphql/schema.js';
import { registerDirectUpload } from './http/direct-upload.js';
import { registerDownload } from './http/download.js';
import { registerGraphql } from './http/graphql-route.js';
import { registerHealth } from './http/health.js';
import { createServer } from './http/server.js';
import { EmbeddedJobs } from './jobs/embedded.js';
import type { JobHandlers } from './jobs/jobs.js';
import { createScanner } from './scanner/create-scanner.js';
import type { Scanner } from './scanner/scanner.js';
import { ScannerTrust } from './scanner/trust.js';
import { createLocalStorage } from './storage/local.js';
import type { Storage } from './storage/storage.js';
import { createWebhooks } from './webhooks/create-webhooks.js';
import { createDeliverWebhook, type DeliverWebhookDependencies } from './webhooks/deliver.js';
import { deliverWebhookKind } from './webhooks/delivery-job.js';
import { resolveName } from './webhooks/resolve-name.js';
import { makeWebhookSecret } from './webhooks/sign.js';

export interface App {
  /** The first API key, where this start has made it; nobody can read it again. */
  readonly firstApiKey: string | null;
  /** Accepts requests from now on. Resolves with the base of the URLs handed out. */
  listen(): Promise<string>;
  /** Scans, delivers and cleans from now on. Any number of processes may do so on the same rows. */
  work(): Promise<void>;
  /** Lets running requests finish, within the configured time, and stops. */
  close(): Promise<void>;
}

/** What tests and tools put in the place of the usual parts. */
export interface AppParts {
  clock?: () => Date;
  storage?: Storage;
  scanner?: Scanner;
  /** Sees every SQL statement. */
  statementLogger?: Logger;
  logStream?: { write(line: string): void };
}

const cleaningIntervalMs = 60_000;

/** The one place where things are wired. */
export async function createApp(config: Config, parts: AppParts = {}): Promise<App> {
  const { clock = () => new Date(), storage = createLocalStorage(config.storageDirectory) } = parts;
  const policies = await loadPolicies(config.policiesFile, config.maxFileSize);
  const database = await openDatabase(config.dataDirectory, parts.statementLogger);
  const firstApiKey = await createFirstApiKey({ database, clock }, config.bootstrapApiKey);
  const hasher = createHasher();
  const server = await createServer({ ...config, logStream: parts.logStream ?? process.stderr });
  let publicUrl = config.publicUrl ?? '';
  const secrets = await signingSecrets(config);
  const tokens = createUploadTokens(secrets);
  const jobs = createJobs({ database, clock }, server);
  const scanner = parts.scanner ?? createScanner(config.scanner);
  const changes = new Changes();
  const deps = {
    ...config,
    database,
    storage,
    clock,
    jobs,
    scanner,
    changes,
    resolveName,
    verdicts: createWebhooks({ jobs, resolveName, webhookAllowPrivate: config.webhookAllowPrivate }),
    verdictWatch: new VerdictWatch({ database, changes }),
    hasher,
    policies,
    tokens,
    urls: createAttachmentUrls({ publicUrl: () => publicUrl, secrets, clock }),
    uploadUrl: (targetId: string) => `${publicUrl}/uploads/${tokens.issue(targetId)}`,
    onRemovalDelayed: (err: unknown) => server.log.warn({ err }, 'bytes not removed yet'),
  };
  const assertTrusted = testScanner(scanner, server);
  const { authenticate, usage } = createIdentification(config, { database, clock, log: server.log });
  const apollo = await addRoutes(server, config, { ...deps, assertTrusted, authenticate });
  const handlers = createHandlers({ ...deps, assertTrusted, webhookSecrets: await webhookSecrets(config) });
  let stopCleaning = async () => {};

  return {
    firstApiKey,
    listen: async () => {
      const address = await server.listen({ host: config.host, port: config.port });
      publicUrl ||= address;
      return publicUrl;
    },
    work: async () => {
      stopCleaning = startCleaning(deps);
      await jobs.work(handlers);
    },
    close: async () => {
      await closeServer(server, config.shutdownTimeoutMs);
      await jobs.stop(config.shutdownTimeoutMs);
      await stopCleaning();
      await apollo.stop();
      await hasher.close();
      await usage.close();
      await database.close();
    },
  };
}

/** What is done after an answer. */
function createHandlers(deps: ScanBlobDependencies & DeliverWebhookDependencies): JobHandlers {
  return { [scanJob]: createScanBlob(deps), [deliverWebhookKind]: createDeliverWebhook(deps) };
}

/** Cleans at once and then regularly; what fails is logged and tried again the next time. The result ends it. */
function startCleaning(deps: GraphqlDependencies): () => Promise<void> {
  let running = Promise.resolve();
  const clean = () => {
    running = running.then(() => cleanUp(deps)).catch(deps.onRemovalDelayed);
  };
  const timer = setInterval(clean, cleaningIntervalMs);
  clean();
  return () => {
    clearInterval(timer);
    return running;
  };
}

type RouteDependencies = GraphqlDependencies & {
  tokens: UploadTokens;
  authenticate: Authenticate;
  assertTrusted(): Promise<void>;
};

async function addRoutes(server: FastifyInstance, config: Config, deps: RouteDependencies) {
  const { database, storage, authenticate } = deps;
  const schema = createSchema();
  const apollo = createApollo(schema);
  await apollo.start();
  registerGraphql(server, {
    apollo,
    authenticate,
    createContext: (facts) => new GraphqlContext(deps, facts),
    readMultipart: createMultipartReader({ ...deps, schema }, config),
    readJson: createJsonReader({ ...deps, schema }, config),
    discard: (intake) => discardIntake(deps, intake),
  });
  registerDirectUpload(server, { tokens: deps.tokens, receive: (upload) => receiveUpload(deps, upload) });
  registerDownload(server, {
    ...deps,
    viewerOf: async ({ headers: { authorization } }) => {
      if (authorization === undefined) throw new AttachmentError('UNAUTHENTICATED');
      return assertPermitted(await authenticate(authorization), 'attachments:read');
    },
    findDownload: (id, viewer) => findDownload(database.read, id, viewer),
  });
  registerHealth(server, {
    database: () => database.read.query('SELECT 1'),
    storage: () => storage.check(),
    scanner: deps.assertTrusted,
  });
  return apollo;
}

/** Tests the scanner now; the result throws while it has not passed. */
function testScanner(scanner: Scanner, { log }: FastifyInstance): () => Promise<void> {
  const trust = new ScannerTrust(scanner, (err) =>
    log.error({ err }, 'the scanner has failed its self-test: nothing is approved'),
  );
  void trust.assertTrusted().catch(() => undefined);
  return () => trust.assertTrusted();
}

/** What fails is logged under the kind of its job; retries are the engine's. */
function createJobs(deps: { database: Database; clock: () => Date }, { log }: FastifyInstance): EmbeddedJobs {
  return new EmbeddedJobs({
    ...deps,
    onFailure: (err, job) => {
      if (job?.isLast) log.error({ err, job }, 'a job has used up its attempts');
      else log.warn({ err, job }, 'a job has failed and runs again');
    },
  });
}

interface IdentityDependencies {
  database: Database;
  clock: () => Date;
  log: FastifyInstance['log'];
}

/** Finds out who asks, by a key or a token. */
function createIdentification(config: Config, deps: IdentityDependencies) {
  const { database, clock, log } = deps;
  const onUsageLost = (err: unknown) => log.warn({ err }, 'use of keys not noted');
  const usage = createKeyUsage({ database, clock, onUsageLost });
  const identifyKey = createIdentifyKey({ database, clock, usage });
  return {
    authenticate: createAuthenticate({ identifyKey, identifyToken: identifyTokens(config, deps) }),
    usage,
  };
}

/** Null where no tokens are taken. */
function identifyTokens({ jwt }: Config, { database, clock, log }: IdentityDependencies): Identify | null {
  if (jwt === null) return null;
  const onKeysUnusable = (err: unknown) => log.warn({ err }, 'no keys to verify tokens with');
  const verify = createTokenVerifier(jwt, { clock, onKeysUnusable });
  return createIdentifyToken({ verify, meet: createMeetPrincipal({ database, clock }), clock });
}

async function signingSecrets({ signingSecrets, dataDirectory }: Config): Promise<[string, ...string[]]> {
  const [first, ...others] = signingSecrets ?? [];
  return first === undefined ? [await keepSecret(dataDirectory, 'signing-secret')] : [first, ...others];
}

async function webhookSecrets({ webhookSecrets, dataDirectory }: Config): Promise<readonly string[]> {
  return webhookSecrets ?? [await keepSecret(dataDirectory, 'webhook-secret', makeWebhookSecret)];
}

/** Stops accepting, waits for requests under way, and cuts those off that take longer than `timeoutMs`. */
async function closeServer(server: FastifyInstance, timeoutMs: number): Promise<void> {
  const timer = setTimeout(() => server.server.closeAllConnections(), timeoutMs);
  await server.close();
  clearTimeout(timer);
}
