import { resolve } from 'node:path';
import * as z from 'zod';
import {
  shapeStorage,
  shapeTokens,
  storageFaults,
  storageSettings,
  tokenFaults,
  tokenSettings,
} from './integration-settings.js';
import { lifetimeSettings, limitSettings, shapeLifetimes, shapeLimits } from './limit-settings.js';
import {
  baseUrl,
  delays,
  findMisspelled,
  flag,
  httpUrl,
  integer,
  isAddress,
  isScanner,
  isWebhookSecret,
  optionalInteger,
  origins,
  postgresUrl,
  presetOf,
} from './setting-formats.js';

/** The settings, from the environment, a documented line each. */
const settings = {
  HOST: z
    .string()
    .default('127.0.0.1')
    .refine(isAddress, 'must be an IP address or the name of a host')
    .describe('Address to listen on.'),
  PORT: integer('4000', 0, 65_535).describe('Port to listen on; 0 picks a free one.'),
  PUBLIC_URL: baseUrl.optional().describe('Base of every URL handed out; default: from HOST and PORT.'),
  DATA_DIR: z
    .string()
    .min(1)
    .default('./data')
    .describe('Folder of the embedded database, files and secrets.'),
  DATABASE_URL: postgresUrl
    .optional()
    .describe(
      'Where rows are kept, postgres://user:password@host:port/database; default: SQLite in DATA_DIR.',
    ),
  DATABASE_READ_URL: postgresUrl
    .optional()
    .describe('A streaming replica that queries are read from; default: none.'),
  DATABASE_POOL_SIZE: integer('10', 2, 1_000).describe(
    'Connections of this process to PostgreSQL, beside up to 9 for jobs, notices and health.',
  ),
  DATABASE_STATEMENT_TIMEOUT_SECONDS: integer('30', 1, 3_600).describe(
    'Statements on PostgreSQL that take longer are cancelled, and connections that answer nothing for 5 seconds more given up.',
  ),
  ...storageSettings,
  SCANNER: z
    .string()
    .default('none')
    .refine(isScanner, 'must be none, eicar, clamd://host:port or clamd:///path/of/socket')
    .describe(
      'What looks for malware: none approves everything, eicar finds only the EICAR test file, clamd://host:port and clamd:///socket ask ClamAV.',
    ),
  SCAN_RETRY_SECONDS: delays('5,30,120,600,3600').describe(
    'Delays between the attempts of a scan that gives no verdict, comma-separated.',
  ),
  MAX_FILE_SIZE: integer('268435456', 1, 2 ** 40).describe('Bytes a file may have.'),
  MAX_INLINE_SIZE: integer('16777216', 1, 2 ** 28).describe(
    'Decoded bytes of content as base64 or data URL; more comes as a file part or by an upload target.',
  ),
  INLINE_MAX_BYTES: optionalInteger(0, 2 ** 20).describe(
    'Files of up to so many bytes are kept in the database, with their rows; 0 keeps all in the storage; default: 65536, or 16384 with PostgreSQL.',
  ),
  MAX_FILES: integer('20', 1, 1_000).describe('File parts in one request.'),
  POLICIES_FILE: z
    .string()
    .min(1)
    .optional()
    .describe('JSON file of upload policies; default: built-in ones.'),
  ...lifetimeSettings,
  BOOTSTRAP_API_KEY: z
    .string()
    .regex(/^cck_[A-Za-z0-9_-]{32,128}$/, 'must be cck_ and 32 to 128 letters, digits, - or _')
    .optional()
    .describe('First API key, if the database has none yet; default: a random one, printed once.'),
  ...tokenSettings,
  RECORD_AUTHORIZER_URL: httpUrl
    .optional()
    .describe('Decision of Open Policy Agent that says who may see and change which record; default: off.'),
  RECORD_AUTHORIZER_BATCH: flag('false').describe(
    'Whether that decision takes an array of questions and answers with an array: true or false.',
  ),
  SIGNING_SECRET: z
    .string()
    .transform((list) => list.split(',').map((secret) => secret.trim()))
    .pipe(z.array(z.string().min(16, 'each secret must have at least 16 characters')))
    .optional()
    .describe('Signs URLs; several, comma-separated, while rotating; default: random, kept in DATA_DIR.'),
  WEBHOOK_SECRET: z
    .string()
    .transform((list) => list.split(',').map((secret) => secret.trim()))
    .pipe(z.array(z.string().refine(isWebhookSecret, 'each must be whsec_ and 24 to 64 bytes in base64')))
    .optional()
    .describe('Signs webhooks; several, comma-separated, while rotating; default: random, kept in DATA_DIR.'),
  WEBHOOK_ALLOW_PRIVATE: flag('false').describe(
    'Lets webhooks reach private and loopback addresses: true or false.',
  ),
  WEBHOOK_RETRY_SECONDS: delays('5,300,1800,7200,18000,36000,50400,72000,86400').describe(
    'Delays between the attempts at a webhook, comma-separated.',
  ),
  RECEIPT_KEYS_FILE: z
    .string()
    .min(1)
    .optional()
    .describe(
      'JSON file of the Ed25519 keys that sign receipts, a JWK set whose first one signs; default: random, kept in DATA_DIR.',
    ),
  CORS_ORIGINS: origins('*').describe('Origins a browser may call from, comma-separated; * is any.'),
  HEADERS_TIMEOUT_SECONDS: integer('10', 1, 3_600).describe('A request must have sent its headers by then.'),
  OPERATIONS_TIMEOUT_SECONDS: integer('10', 1, 3_600).describe(
    'A request must have sent its operation (a JSON body, or the fields before the first file) by then.',
  ),
  STALL_TIMEOUT_SECONDS: integer('30', 1, 3_600).describe(
    'Over any such span, an upload must bring, and an answer be taken at, 1 KiB a second on average.',
  ),
  SHUTDOWN_TIMEOUT_SECONDS: integer('30', 0, 3_600).describe(
    'Running requests get this long to finish at shutdown.',
  ),
  ...limitSettings,
  LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info')
    .describe('Least severe kind of log line written to stderr.'),
} as const;

const schema = z.object(settings);

type Settings = z.infer<typeof schema>;

/** The settings as the rest of the program uses them: frozen, durations in milliseconds, paths absolute. */
export type Config = ReturnType<typeof shape>;

/** Every fault of the environment at once, one line each. */
export class ConfigError extends Error {
  constructor(
    readonly faults: string[],
    options?: ErrorOptions,
  ) {
    super(`The settings are not valid:\n${faults.map((fault) => `  ${fault}`).join('\n')}`, options);
    this.name = 'ConfigError';
  }
}

function shape(env: Settings, misspelled: ReturnType<typeof findMisspelled>) {
  const dataDirectory = resolve(env.DATA_DIR);
  return Object.freeze({
    host: env.HOST,
    port: env.PORT,
    publicUrl: env.PUBLIC_URL ?? null,
    dataDirectory,
    storage: shapeStorage(env, dataDirectory),
    redirectDownloads: env.DOWNLOADS === 'redirect',
    postgres: shapePostgres(env),
    scanner: env.SCANNER,
    scanRetryMs: env.SCAN_RETRY_SECONDS.map((seconds) => seconds * 1_000),
    maxFileSize: env.MAX_FILE_SIZE,
    maxInlineSize: Math.min(env.MAX_INLINE_SIZE, env.MAX_FILE_SIZE),
    inlineMaxBytes: env.INLINE_MAX_BYTES ?? (env.DATABASE_URL === undefined ? 65_536 : 16_384),
    maxFiles: env.MAX_FILES,
    policiesFile: env.POLICIES_FILE ? resolve(env.POLICIES_FILE) : null,
    ...shapeLifetimes(env),
    bootstrapApiKey: env.BOOTSTRAP_API_KEY ?? null,
    jwt: shapeTokens(env),
    recordAuthorizerUrl: env.RECORD_AUTHORIZER_URL ?? null,
    recordAuthorizerBatch: env.RECORD_AUTHORIZER_BATCH,
    signingSecrets: env.SIGNING_SECRET ?? null,
    webhookSecrets: env.WEBHOOK_SECRET ?? null,
    webhookAllowPrivate: env.WEBHOOK_ALLOW_PRIVATE,
    webhookRetryDelaysMs: env.WEBHOOK_RETRY_SECONDS.map((seconds) => seconds * 1_000),
    receiptKeysFile: env.RECEIPT_KEYS_FILE ? resolve(env.RECEIPT_KEYS_FILE) : null,
    corsOrigins: env.CORS_ORIGINS,
    headersTimeoutMs: env.HEADERS_TIMEOUT_SECONDS * 1_000,
    operationsTimeoutMs: env.OPERATIONS_TIMEOUT_SECONDS * 1_000,
    stallTimeoutMs: env.STALL_TIMEOUT_SECONDS * 1_000,
    shutdownTimeoutMs: env.SHUTDOWN_TIMEOUT_SECONDS * 1_000,
    ...shapeLimits(env),
    logLevel: env.LOG_LEVEL,
    misspelled,
  });
}

/** Null for the embedded database. */
function shapePostgres(env: Settings) {
  if (env.DATABASE_URL === undefined) return null;
  return {
    url: env.DATABASE_URL,
    readUrl: env.DATABASE_READ_URL ?? null,
    poolSize: env.DATABASE_POOL_SIZE,
    statementTimeoutMs: env.DATABASE_STATEMENT_TIMEOUT_SECONDS * 1_000,
  };
}

/** Reads the settings from an environment; an empty value counts as not set. Throws ConfigError with every fault. */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const given = Object.keys(settings).flatMap((name) => (env[name] ? [[name, env[name]]] : []));
  const parsed = schema.safeParse(Object.fromEntries(given));
  const issues = parsed.error?.issues ?? [];
  const faults = issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  if (env['DATABASE_READ_URL'] && !env['DATABASE_URL']) {
    faults.push('DATABASE_READ_URL: must not be given without DATABASE_URL');
  }
  faults.push(...tokenFaults(env), ...storageFaults(env));
  if (!parsed.success || faults.length > 0) throw new ConfigError(faults);
  return shape(parsed.data, findMisspelled(Object.keys(env), Object.keys(settings)));
}

/** Names, meanings and defaults of all settings, for the command's help and the documentation. */
export const settingDescriptions = Object.entries(settings).map(([name, setting]) => ({
  name,
  meaning: setting.description ?? '',
  /** As it would be in the environment; null if the meaning says it, or there is none. */
  preset: presetOf(setting),
}));
