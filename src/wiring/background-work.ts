import * as z from 'zod';
import { type RenderStoredDependencies, renderStored } from '../attachments/descriptions.js';
import type { KeyRevocations } from '../auth/api-keys.js';
import { type CleanUpDependencies, cleanUp } from '../cleaning/clean-up.js';
import { type ScrubDependencies, scrub } from '../cleaning/scrub.js';
import type { Config } from '../config/config.js';
import { keepNames } from '../database/stored-names.js';
import type { JobHandler, JobHandlers } from '../jobs/jobs.js';
import type { Change, Changes } from '../model/changes.js';
import type { Reservations } from '../quotas/reservations.js';
import { foldUsage } from '../quotas/usage.js';
import { type Scanner, ScannerTrust } from '../scanner/scanner.js';
import { inSpan, noteInSpan } from '../tracing.js';
import {
  createScanBlob,
  type ScanBlobDependencies,
  scanJob,
  type VerdictOutcome,
} from '../verdicts/scan-blob.js';
import {
  createDeliverWebhook,
  type DeliverWebhookDependencies,
  type DeliveryOutcome,
} from '../webhooks/deliver.js';
import { deliverWebhookKind } from '../webhooks/endpoint-queue.js';
import { type TellEndpointsDependencies, tellEndpoints } from '../webhooks/tell-endpoints.js';
import type { Log } from './open-stores.js';

const intervalMs = 60_000;
/** A search looks one by one at the names that are not indexed yet. */
const nameIntervalMs = 5_000;
/** Whoever asks for the usage looks one by one at changes that are not folded yet. */
const usageIntervalMs = 1_000;
/** Receivers learn of events that much later. */
const eventIntervalMs = 500;

/** Work that is done after an answer. */
export function createHandlers(deps: ScanBlobDependencies & DeliverWebhookDependencies): JobHandlers {
  const onVerdict = (outcome: VerdictOutcome) => {
    deps.onVerdict?.(outcome);
    noteInSpan({ 'claimcheck.scan.outcome': outcome });
  };
  const onDelivery = (outcome: DeliveryOutcome) => {
    deps.onDelivery?.(outcome);
    noteInSpan({ 'claimcheck.delivery.outcome': outcome });
  };
  return {
    [scanJob]: traceJob('scan', createScanBlob({ ...deps, onVerdict })),
    [deliverWebhookKind]: traceJob('deliver webhook', createDeliverWebhook({ ...deps, onDelivery })),
  };
}

/** Tests the scanner now, and around each scan. */
export function testScanner(scanner: Scanner, log: Log): ScannerTrust {
  const trust = new ScannerTrust(scanner, (err) =>
    log.error({ err }, 'the scanner has failed its self-test: nothing is approved'),
  );
  void trust.assertTrusted().catch(() => undefined);
  return trust;
}

interface RepeatedDependencies
  extends CleanUpDependencies,
    RenderStoredDependencies,
    ScrubDependencies,
    Pick<TellEndpointsDependencies, 'jobs'> {
  database: CleanUpDependencies['database'];
  changes: CleanUpDependencies['changes'];
  storage: CleanUpDependencies['storage'] & ScrubDependencies['storage'];
  onRemovalDelayed(error: unknown): void;
  onRenderingDelayed(error: unknown): void;
  onNamesDelayed(error: unknown): void;
  onUsageDelayed(error: unknown): void;
  onEventsDelayed(error: unknown): void;
  onScrubDelayed(error: unknown): void;
  reservations: Pick<Reservations, 'dropDead'>;
}

/**
 * Cleans, renders what has not been, indexes names, folds counters, reads stored bytes again and tells endpoints, at once and then
 * regularly. The result ends it.
 */
export function startRepeatedWork(deps: RepeatedDependencies): () => Promise<void> {
  const stops = [
    repeat((signal) => cleanUp(deps, signal), deps.onRemovalDelayed),
    repeat((signal) => renderStored(deps, signal), deps.onRenderingDelayed),
    repeat((signal) => keepNames(deps.database, signal), deps.onNamesDelayed, nameIntervalMs),
    repeat((signal) => scrub(deps, signal), deps.onScrubDelayed),
    repeat(() => keepUsage(deps), deps.onUsageDelayed, usageIntervalMs),
    repeat((signal) => tellEndpoints(deps, signal), deps.onEventsDelayed, eventIntervalMs),
  ];
  return async () => {
    await Promise.all(stops.map((stop) => stop()));
  };
}

async function keepUsage({ database, reservations }: RepeatedDependencies): Promise<void> {
  await foldUsage(database);
  await reservations.dropDead();
}

/** A failure is told to `onFault`, and the work is tried again the next time. */
function repeat(
  work: (signal: AbortSignal) => Promise<unknown>,
  onFault: (error: unknown) => void,
  everyMs = intervalMs,
): () => Promise<unknown> {
  let running: Promise<unknown> = Promise.resolve();
  let isRunning = false;
  const stop = new AbortController();
  const run = () => {
    if (isRunning) return;
    isRunning = true;
    running = work(stop.signal)
      .catch(onFault)
      .finally(() => {
        isRunning = false;
      });
  };
  const timer = setInterval(run, everyMs);
  run();
  return () => {
    clearInterval(timer);
    stop.abort();
    return running;
  };
}

const changeText = z.object({
  organizationId: z.string(),
  attachmentId: z.string(),
  records: z.array(z.object({ type: z.string(), id: z.string() })),
});

const revocationText = z.object({ revokedKeyId: z.string() });

export interface Relayed {
  changes: Changes;
  revocations?: KeyRevocations;
}

/** Joins these with those of all other processes on the same database, if it can be shared. The result ends it. */
export async function relayConfiguredChanges(
  { postgres }: Config,
  { changes, revocations }: Relayed,
  log: Pick<Log, 'warn'>,
): Promise<() => Promise<void>> {
  if (postgres === null) return async () => {};
  const { maxTextBytes, PostgresChannel } = await import('../database/postgres-channel.js');
  const channel = new PostgresChannel({
    url: postgres.url,
    name: 'claimcheck_changes',
    onFault: (err) =>
      log.warn({ err }, 'changes in other processes are not heard until the database is back'),
    onReopened: () => changes.deliverGap(),
    onText: (text) => {
      const read = readText(text);
      if (read && 'revokedKeyId' in read) revocations?.deliver(read.revokedKeyId);
      else if (read) changes.deliver([read]);
    },
  });
  await channel.open();
  changes.relayTo((published) =>
    channel.send(published.flatMap((change) => writeChange(change, maxTextBytes))),
  );
  revocations?.relayTo((revokedKeyId) => channel.send([JSON.stringify({ revokedKeyId })]));
  return () => channel.close();
}

/** In several texts where it is about more records than one has room for. */
function writeChange(change: Change, maxTextBytes: number): string[] {
  const text = JSON.stringify(change);
  const { records } = change;
  if (Buffer.byteLength(text) <= maxTextBytes) return [text];
  if (records.length < 2) return [];
  const half = Math.ceil(records.length / 2);
  return [records.slice(0, half), records.slice(half)].flatMap((part) =>
    writeChange({ ...change, records: part }, maxTextBytes),
  );
}

/** Null for what no process of this version has sent. */
function readText(text: string): Change | z.infer<typeof revocationText> | null {
  try {
    return z.union([changeText, revocationText]).parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/** Has each attempt at a job make a span of this name. */
function traceJob(name: string, handler: JobHandler): JobHandler {
  return {
    ...handler,
    run: (payload, attempt) =>
      inSpan(
        name,
        { 'claimcheck.job.attempt': attempt.number },
        () => handler.run(payload, attempt),
        'CONSUMER',
      ),
  };
}
