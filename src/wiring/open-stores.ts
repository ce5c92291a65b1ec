import { resolve } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { Counter, Gauge } from 'prom-client';
import type { Logger } from 'typeorm';
import { allowAll, type RecordAuthorizer } from '../access/record-authorizer.js';
import { keepSecret, type SecretKind } from '../auth/secrets.js';
import { type Config, ConfigError, loadConfig } from '../config/config.js';
import { inFolderOf, sizeInFolderOf } from '../config/folders.js';
import { isWebhookSecret } from '../config/setting-formats.js';
import { bodySize, readBody } from '../database/blob-bodies.js';
import { type Database, openDatabase } from '../database/database.js';
import type { DatabaseState } from '../database/database-state.js';
import type { PostgresObservers } from '../database/postgres.js';
import { databaseFile } from '../database/sqlite.js';
import type { ReadLimits } from '../database/sqlite-readers.js';
import type { Inlining } from '../intake/from-stream.js';
import { EmbeddedJobs } from '../jobs/embedded.js';
import type { Jobs, OnJobFailure } from '../jobs/jobs.js';
import { keepReceiptKeys, type ReceiptKeys, readReceiptKeys } from '../receipts/receipt-keys.js';
import { type InlinedBodies, withInlined } from '../storage/document-key.js';
import { createLocalStorage } from '../storage/local.js';
import { ReservedSpace, usualReserve } from '../storage/local-disk.js';
import type { Storage } from '../storage/storage.js';
import { makeWebhookSecret } from '../webhooks/sign-webhook.js';
import type { Metrics } from './metrics.js';

export interface DatabaseObservers extends PostgresObservers {
  /** Sees every SQL statement. */
  statementLogger?: Logger | undefined;
  /** Other time limits than usual, of the embedded database. */
  readLimits?: Partial<ReadLimits> | undefined;
}

/** Opens the database that the settings name, creating and migrating it as needed. */
export async function openConfiguredDatabase(
  config: Config,
  { statementLogger, readLimits, ...observers }: DatabaseObservers = {},
): Promise<Database> {
  if (config.postgres === null) {
    const { dataDirectory } = config;
    return inFolderOf('DATA_DIR', dataDirectory, () =>
      openDatabase(dataDirectory, statementLogger, readLimits),
    );
  }
  const { openPostgres } = await import('../database/postgres.js');
  return openPostgres(config.postgres, statementLogger, observers);
}

/** The storage that the settings name, and the bytes that `database` keeps itself. */
export async function openConfiguredStorage(
  config: Pick<Config, 'storage'>,
  database: Pick<Database, 'read'>,
): Promise<Storage> {
  return withInlined(await createConfiguredStorage(config), inlinedBodies(database));
}

export const inlinedBodies = ({ read }: Pick<Database, 'read'>): InlinedBodies => ({
  read: (blobId) => readBody(read, blobId),
  size: (blobId) => bodySize(read, blobId),
});

/** Small content is kept in the database, for which the embedded one needs room on the disk. */
export function configuredInlining(
  config: Pick<Config, 'inlineMaxBytes' | 'postgres' | 'dataDirectory'>,
): Inlining {
  const reserved = config.postgres ? null : new ReservedSpace(config.dataDirectory, usualReserve);
  return { maxSize: config.inlineMaxBytes, reserved };
}

/** The storage that the settings name, for objects alone. */
export async function createConfiguredStorage({ storage }: Pick<Config, 'storage'>): Promise<Storage> {
  if (typeof storage === 'string') return createLocalStorage(storage);
  const { createS3Storage } = await import('../storage/s3.js');
  return createS3Storage(storage);
}

/** Asks if the settings say so; else everybody may see and change every record of the organization. */
export async function createConfiguredAuthorizer(
  { recordAuthorizerUrl: url, recordAuthorizerBatch: batch }: Config,
  { registry }: Pick<Metrics, 'registry'>,
  log: Log,
): Promise<RecordAuthorizer> {
  if (url === null) return allowAll;
  const { OpaAuthorizer } = await import('../access/opa-authorizer.js');
  const questions = new Counter({
    name: 'claimcheck_authorizer_questions_total',
    help: 'Questions to the record authorizer, by what became of them; turned_away were not sent.',
    labelNames: ['outcome'],
    registers: [registry],
  });
  const authorizer = new OpaAuthorizer({
    url,
    batch,
    onQuestion: (outcome) => questions.inc({ outcome }),
    onOutage: (err) => log.warn({ err }, 'no answer of the record authorizer: what needs one fails'),
    onRecovery: (unanswered) => log.info({ unanswered }, 'the record authorizer answers again'),
  });
  new Gauge({
    name: 'claimcheck_authorizer_waiting',
    help: 'Questions to the record authorizer that have not been sent yet.',
    registers: [registry],
    collect() {
      this.set(authorizer.waiting);
    },
  });
  return authorizer;
}

const webhookSecret: SecretKind = { make: makeWebhookSecret, isGood: isWebhookSecret };

/** The first signs URLs and upload tokens, all are accepted. Made and kept in the data directory where none is set. */
export async function configuredSigningSecrets(config: Config): Promise<[string, ...string[]]> {
  const [first, ...others] = config.signingSecrets ?? [];
  return first === undefined
    ? [await keepSecret(config.dataDirectory, 'signing-secret')]
    : [first, ...others];
}

/** Every one signs each delivery. Made and kept in the data directory where none is set. */
export async function configuredWebhookSecrets(config: Config): Promise<readonly string[]> {
  return config.webhookSecrets ?? [await keepSecret(config.dataDirectory, 'webhook-secret', webhookSecret)];
}

/** The first signs receipts, all verify them. Made and kept in the data directory where no file is named. */
export async function configuredReceiptKeys(
  config: Pick<Config, 'receiptKeysFile' | 'dataDirectory'>,
): Promise<ReceiptKeys> {
  const { receiptKeysFile, dataDirectory } = config;
  return receiptKeysFile === null ? keepReceiptKeys(dataDirectory) : readReceiptKeys(receiptKeysFile);
}

/** Several processes may share a database: then each secret must be the same in all of them. */
export function warnOfUnsharedSecrets(
  { postgres, signingSecrets, webhookSecrets, receiptKeysFile }: Config,
  log: Pick<Log, 'info' | 'warn'>,
): void {
  if (postgres === null) return;
  if (receiptKeysFile === null) {
    log.info(
      'RECEIPT_KEYS_FILE is not set: each process verifies only the receipts of its own keys, in DATA_DIR',
    );
  }
  const unset = [
    ...(signingSecrets ? [] : ['SIGNING_SECRET']),
    ...(webhookSecrets ? [] : ['WEBHOOK_SECRET']),
  ];
  for (const name of unset) {
    log.warn(
      `${name} is not set: it is kept in DATA_DIR, and processes with another one do not work together`,
    );
  }
}

/** For taking jobs of two kinds, and hearing of new ones of each. */
const connections = 6;

interface JobDependencies {
  database: Database;
  clock: () => Date;
  log: Pick<Log, 'error' | 'warn'>;
}

/** The engine that goes with the database. What fails is logged under the kind of its job; retries are the engine's. */
export async function openConfiguredJobs({ postgres }: Config, deps: JobDependencies): Promise<Jobs> {
  const { log } = deps;
  const onFailure: OnJobFailure = (err, job) => {
    if (job?.isLast) log.error({ err, job }, 'a job has used up its attempts');
    else log.warn({ err, job }, 'a job has failed and runs again');
  };
  const options = { ...deps, onFailure };
  if (postgres === null) return new EmbeddedJobs(options);
  const { createPostgresPool } = await import('../database/postgres-pool.js');
  const { longestAnswerMs } = await import('../database/postgres.js');
  const { GraphileJobs, migrateGraphileJobs } = await import('../jobs/graphile.js');
  const { url, statementTimeoutMs } = postgres;
  await migrateGraphileJobs({ ...options, createPool: () => createPostgresPool(url, connections, 0) });
  const createPool = () => createPostgresPool(url, connections, longestAnswerMs(statementTimeoutMs));
  return new GraphileJobs({ ...options, createPool });
}

/** The database that the settings name, as it is found. Changes nothing, and loads nothing if there is no embedded one. */
export async function stateOfDatabase({ postgres, dataDirectory }: Config): Promise<DatabaseState> {
  if (postgres !== null) {
    const { postgresState } = await import('../database/postgres-state.js');
    return postgresState(postgres);
  }
  if (!(await sizeInFolderOf('DATA_DIR', databaseFile(dataDirectory)))) return 'missing';
  const { sqliteState } = await import('../database/database-state.js');
  return sqliteState(dataDirectory);
}

/** The settings of a process that serves or works. Throws ConfigError with every fault of them and of the files that they name. */
export async function loadServiceConfig(): Promise<Config> {
  const { POLICIES_FILE: policies, RECEIPT_KEYS_FILE: keys } = process.env;
  const { loadPolicies } = await import('../policies/load-policies.js');
  const read = await Promise.allSettled([
    (async () => loadConfig(process.env))(),
    policies ? loadPolicies(resolve(policies), Number.MAX_SAFE_INTEGER) : null,
    keys ? readReceiptKeys(resolve(keys)) : null,
  ]);
  const faults = read.flatMap((one) => {
    if (one.status === 'fulfilled') return [];
    if (one.reason instanceof ConfigError) return one.reason.faults;
    throw one.reason;
  });
  if (faults.length > 0) throw new ConfigError(faults);
  return loadConfig(process.env);
}

/** The settings in the environment, for commands that only make sense on a database that is there, made by any version. */
export async function loadExistingConfig(): Promise<Config> {
  const config = loadConfig(process.env);
  assertThere(config, await stateOfDatabase(config));
  return config;
}

/** The settings in the environment, for commands that must not change the tables of a database: one of an older version is not for them. */
export async function loadCurrentConfig(): Promise<Config> {
  const config = loadConfig(process.env);
  await assertCurrent(config);
  return config;
}

/** Throws unless the database is there and has the tables of this version. Makes nothing. */
export async function assertCurrent(config: Config): Promise<void> {
  const state = await stateOfDatabase(config);
  assertThere(config, state);
  if (state === 'current') return;
  throw new Error(
    'The database is of an older version: run claimcheck migrate, or start the service, and then this again.',
  );
}

function assertThere({ postgres, dataDirectory }: Config, state: DatabaseState): void {
  if (state !== 'missing') return;
  throw new Error(
    postgres === null
      ? `There is no database in ${dataDirectory}: is DATA_DIR the folder of the service?`
      : 'The database in DATABASE_URL has no tables of Claimcheck: is it the one of the service?',
  );
}

/** Logger for events that belong to no request. */
export type Log = FastifyInstance['log'];

/** For commands, which tell what has failed by their own end. */
export const silentLog = { error: () => {}, warn: () => {} };
