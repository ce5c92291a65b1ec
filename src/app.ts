import type { FastifyInstance } from 'fastify';
import type { Logger } from 'typeorm';
import { cleanUp } from './attachments/clean-up.js';
import { discardIntake } from './attachments/discard-intake.js';
import { findDownload } from './attachments/find-download.js';
import { createHasher } from './attachments/hash-content.js';
import { loadPolicies } from './attachments/load-policies.js';
import { receiveUpload } from './attachments/receive-upload.js';
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
import { createLocalStorage } from './storage/local.js';
import type { Storage } from './storage/storage.js';

export interface App {
  /** The first API key, where this start has made it; nobody can read it again. */
  readonly firstApiKey: string | null;
  /** Accepts requests from now on. Resolves with the base of the URLs handed out. */
  listen(): Promise<string>;
  /** Lets running requests finish, within the configured time, and stops. */
  close(): Promise<void>;
}

/** What tests and tools put in the place of the usual parts. */
export interface AppParts {
  clock?: () => Date;
  storage?: Storage;
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
  const deps = {
    ...config,
    database,
    storage,
    clock,
    hasher,
    policies,
    tokens,
    urls: createAttachmentUrls({ publicUrl: () => publicUrl, secrets, clock }),
    uploadUrl: (targetId: string) => `${publicUrl}/uploads/${tokens.issue(targetId)}`,
    onRemovalDelayed: (err: unknown) => server.log.warn({ err }, 'bytes not removed yet'),
  };
  const usage = createKeyUsage({
    database,
    clock,
    onUsageLost: (err) => server.log.warn({ err }, 'use of keys not noted'),
  });
  const identifyKey = createIdentifyKey({ database, clock, usage });
  const identifyToken = identifyTokens(config, { database, clock, log: server.log });
  const authenticate = createAuthenticate({ identifyKey, identifyToken });
  const apollo = await addRoutes(server, config, { ...deps, authenticate });
  const stopCleaning = startCleaning(deps);

  return {
    firstApiKey,
    listen: async () => {
      const address = await server.listen({ host: config.host, port: config.port });
      publicUrl ||= address;
      return publicUrl;
    },
    close: async () => {
      await closeServer(server, config.shutdownTimeoutMs);
      await stopCleaning();
      await apollo.stop();
      await hasher.close();
      await usage.close();
      await database.close();
    },
  };
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

type RouteDependencies = GraphqlDependencies & { tokens: UploadTokens; authenticate: Authenticate };

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
  });
  return apollo;
}

interface IdentityDependencies {
  database: Database;
  clock: () => Date;
  log: FastifyInstance['log'];
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

/** Stops accepting, waits for requests under way, and cuts those off that take longer than `timeoutMs`. */
async function closeServer(server: FastifyInstance, timeoutMs: number): Promise<void> {
  const timer = setTimeout(() => server.server.closeAllConnections(), timeoutMs);
  await server.close();
  clearTimeout(timer);
}
