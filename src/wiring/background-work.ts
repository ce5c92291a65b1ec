import { type RenderStoredDependencies, renderStored } from '../attachments/descriptions.js';
import { type CleanUpDependencies, cleanUp } from '../cleaning/clean-up.js';
import { type ScrubDependencies, scrub } from '../cleaning/scrub.js';
import { keepNames } from '../database/stored-names.js';
import type { JobHandlers } from '../jobs/jobs.js';
import type { Reservations } from '../quotas/reservations.js';
import { foldUsage } from '../quotas/usage.js';
import type { Scanner } from '../scanner/scanner.js';
import { ScannerTrust } from '../scanner/trust.js';
import { noteInSpan } from '../tracing.js';
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
import { deliverWebhookKind } from '../webhooks/delivery-job.js';
import { type TellEndpointsDependencies, tellEndpoints } from '../webhooks/tell-endpoints.js';
import type { Log } from './log.js';
import { traceJob } from './traced.js';

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
