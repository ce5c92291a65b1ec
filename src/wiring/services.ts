import type { Logger } from 'typeorm';
import { createDownloadLog } from '../audit/download-log.js';
import { createAttachmentUrls, type SignedUrlsOptions } from '../auth/attachment-urls.js';
import { createArchiveUrls, createPreviewUrls } from '../auth/derived-urls.js';
import { createUploadTokens } from '../auth/secrets.js';
import type { Config } from '../config/config.js';
import type { Database } from '../database/database.js';
import type { ReadLimits } from '../database/sqlite-readers.js';
import { type LiveBounds, usualLiveBounds } from '../graphql/subscriptions/subscription-places.js';
import { createHasher } from '../intake/hash-content.js';
import { IntakeLeases, type IntakeLeaseTimes } from '../intake/intake-leases.js';
import { MarkdownRenderer } from '../markdown/markdown-renderer.js';
import { Changes } from '../model/changes.js';
import { loadPolicies } from '../policies/load-policies.js';
import { PictureRenderer } from '../previews/picture-renderer.js';
import { Previews, type PreviewsDependencies } from '../previews/previews.js';
import { type QuotaDependencies, Quotas } from '../quotas/quotas.js';
import { Reservations, type ReservationTimes } from '../quotas/reservations.js';
import { createReceiptSigner } from '../receipts/receipt.js';
import { createScanner } from '../scanner/create-scanner.js';
import type { Scanner } from '../scanner/scanner.js';
import { withInlined } from '../storage/document-key.js';
import type { Storage } from '../storage/storage.js';
import { inInnerSpan, isTracing } from '../tracing.js';
import { VerdictWatch } from '../verdicts/verdict-watch.js';
import { resolveName } from '../webhooks/check-webhooks.js';
import type { PausedEndpoint } from '../webhooks/endpoint-queue.js';
import { createWebhooks } from '../webhooks/fan-out.js';
import { relayConfiguredChanges, testScanner } from './background-work.js';
import { createIdentification, openLimits } from './limits.js';
import { createMetrics, type Metrics } from './metrics.js';
import {
  configuredInlining,
  configuredReceiptKeys,
  configuredSigningSecrets,
  configuredWebhookSecrets,
  createConfiguredAuthorizer,
  createConfiguredStorage,
  inlinedBodies,
  type Log,
  openConfiguredDatabase,
  openConfiguredJobs,
  warnOfUnsharedSecrets,
} from './open-stores.js';

/** Parts that tests and tools replace. */
export interface AppParts {
  clock?: () => Date;
  storage?: Storage;
  scanner?: Scanner;
  renderer?: MarkdownRenderer;
  pictures?: PictureRenderer;
  /** Sees every SQL statement. */
  statementLogger?: Logger;
  /** How long statements on the embedded database may take. */
  readLimits?: Partial<ReadLimits>;
  intakeLeaseTimes?: Partial<IntakeLeaseTimes>;
  reservationTimes?: Partial<ReservationTimes>;
  /** How many sockets and subscriptions there may be. */
  liveBounds?: Partial<LiveBounds>;
  logStream?: { write(line: string): void };
}

export type Services = Awaited<ReturnType<typeof createServices>>;

interface PreviewParts
  extends Pick<PreviewsDependencies, 'database' | 'storage' | 'clock' | 'quotas'>,
    SignedUrlsOptions {
  log: Log;
}

function createPreviews({ log, ...parts }: PreviewParts, pictures = new PictureRenderer()) {
  const onNotKept = (err: unknown) => log.warn({ err }, 'a preview is not kept');
  const previews = new Previews({ ...parts, pictures, onNotKept });
  return { pictures, previews, previewUrls: createPreviewUrls(parts) };
}

async function openDatabase(config: Config, parts: AppParts, log: Log) {
  const opened = await openConfiguredDatabase(config, {
    ...parts,
    onReplicaLost: (err) => log.warn({ err }, 'the replica cannot be read, the primary is'),
    onNamesUnindexed: () =>
      log.warn('the extension pg_trgm cannot be used: searches for rare names are refused'),
  });
  return traceTransactions(opened, config.postgres ? 'postgresql' : 'sqlite');
}

/** All that entrances and background work stand on. `publicUrl` is asked whenever a URL is handed out. */
export async function createServices(config: Config, parts: AppParts, log: Log, publicUrl: () => string) {
  const policies = await loadPolicies(config.policiesFile, config.maxFileSize);
  const webhookSecrets = await configuredWebhookSecrets(config);
  const secrets = await configuredSigningSecrets(config);
  warnOfUnsharedSecrets(config, log);
  const database = await openDatabase(config, parts, log);
  const store = parts.storage ?? (await createConfiguredStorage(config));
  const clock = parts.clock ?? database.clock;
  const jobs = await openConfiguredJobs(config, { database, clock, log });
  const scanner = testScanner(parts.scanner ?? createScanner(config.scanner), log);
  const changes = new Changes();
  const metrics = createMetrics();
  const identification = createIdentification(config, { database, clock, log });
  const stopRelay = await relayConfiguredChanges(config, { changes, ...identification }, log);
  const storage = withInlined(store, inlinedBodies(database));
  const quotas = createQuotas(config, { database, clock }, parts);
  return {
    ...config,
    ...(await openLimits(config, { ...identification, database })),
    ...identification,
    recordAuthorizer: await createConfiguredAuthorizer(config, metrics, log),
    database,
    storage,
    inlining: configuredInlining(config),
    clock,
    policies,
    ...quotas,
    jobs,
    scanner,
    changes,
    stopRelay,
    ...metrics,
    verdictWatch: new VerdictWatch({ database, changes }),
    resolveName,
    webhooks: createWebhooks({ ...config, jobs, resolveName }),
    webhookSecrets,
    liveBounds: { ...usualLiveBounds, ...parts.liveBounds },
    hasher: createHasher(),
    renderer: parts.renderer ?? new MarkdownRenderer(),
    ...createPreviews({ database, storage, clock, log, publicUrl, secrets, ...quotas }, parts.pictures),
    leases: new IntakeLeases(database, parts.intakeLeaseTimes),
    downloads: createDownloadLog({
      database,
      clock,
      onDownloadsLost: (err) => log.warn({ err }, 'downloads not recorded'),
    }),
    ...(await createSigners(config, { publicUrl, secrets, clock })),
    ...createDelayLog(log, metrics),
    onEndpointPaused: (endpoint: PausedEndpoint) => {
      metrics.onEndpointPaused(endpoint);
      log.warn({ endpoint }, 'a webhook endpoint is paused');
    },
  };
}

interface Signing {
  publicUrl: () => string;
  secrets: [string, ...string[]];
  clock: () => Date;
}

/** Whatever is signed and handed out: URLs, upload tokens, receipts. */
async function createSigners(config: Config, { publicUrl, secrets, clock }: Signing) {
  const receiptKeys = await configuredReceiptKeys(config);
  const tokens = createUploadTokens(secrets);
  return {
    tokens,
    receipts: createReceiptSigner({ keys: receiptKeys, publicUrl, clock }),
    receiptKeys: receiptKeys.known,
    urls: {
      ...createAttachmentUrls({ publicUrl, secrets, clock }),
      ...createArchiveUrls({ publicUrl, secrets, clock }),
    },
    uploadUrl: (targetId: string) => `${publicUrl()}/uploads/${tokens.issue(targetId)}`,
    shareUrl: (token: string) => `${publicUrl()}/s/${token}`,
  };
}

function createQuotas(
  { quotaDefaults }: Config,
  deps: Pick<QuotaDependencies, 'database' | 'clock'>,
  { reservationTimes }: AppParts,
) {
  const reservations = new Reservations(deps.database, reservationTimes);
  return { reservations, quotas: new Quotas({ ...deps, reservations, quotaDefaults }) };
}

/** Counts every blob that is read again, and logs each that is not as it was. */
function tellOfDamage({ onVerified }: Metrics, log: Pick<Log, 'error' | 'info'>): Metrics['onVerified'] {
  return (finding, verified) => {
    onVerified(finding, verified);
    const { documentKey, organizationId } = verified.blob;
    const reason = verified.fault?.reason;
    if (reason !== undefined) log.error({ documentKey, organizationId, reason }, 'stored bytes are damaged');
    if (finding === 'repaired') log.info({ documentKey, organizationId }, 'damaged bytes are whole again');
  };
}

/** Told of what is found in the background, and of work there that is tried again. */
function createDelayLog(log: Pick<Log, 'error' | 'info' | 'warn'>, metrics: Metrics) {
  return {
    onVerified: tellOfDamage(metrics, log),
    onRenderingDelayed: (err: unknown) => log.warn({ err }, 'descriptions not rendered yet'),
    onNamesDelayed: (err: unknown) => log.warn({ err }, 'names not indexed yet: searches take longer'),
    onUsageDelayed: (err: unknown) => log.warn({ err }, 'counters of usage not folded yet'),
    onEventsDelayed: (err: unknown) => log.warn({ err }, 'events not told to webhook endpoints yet'),
    onScrubDelayed: (err: unknown) => log.warn({ err }, 'stored bytes not read again yet'),
    onRemovalDelayed: (err: unknown) => log.warn({ err }, 'bytes not removed yet'),
  };
}

/** Has each transaction of a request or job make a span, from its wait for a turn to the durable commit. */
function traceTransactions(database: Database, system: 'sqlite' | 'postgresql'): Database {
  if (!isTracing()) return database;
  const attributes = { 'db.system.name': system, 'db.operation.name': 'TRANSACTION' };
  const inTransaction = <T>(work: () => Promise<T>) => inInnerSpan('transaction', attributes, work, 'CLIENT');
  return {
    ...database,
    write: (work) => inTransaction(() => database.write(work)),
    create: (creation, work) => inTransaction(() => database.create(creation, work)),
  };
}
