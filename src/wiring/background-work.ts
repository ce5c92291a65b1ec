import { type CleanUpDependencies, cleanUp } from '../attachments/clean-up.js';
import { scanJob } from '../attachments/queue-scan.js';
import { createScanBlob, type ScanBlobDependencies } from '../attachments/scan-blob.js';
import type { JobHandlers } from '../jobs/jobs.js';
import type { Scanner } from '../scanner/scanner.js';
import { ScannerTrust } from '../scanner/trust.js';
import { createDeliverWebhook, type DeliverWebhookDependencies } from '../webhooks/deliver.js';
import { deliverWebhookKind } from '../webhooks/delivery-job.js';
import type { Log } from './log.js';

const cleaningIntervalMs = 60_000;

/** What is done after an answer. */
export function createHandlers(deps: ScanBlobDependencies & DeliverWebhookDependencies): JobHandlers {
  return { [scanJob]: createScanBlob(deps), [deliverWebhookKind]: createDeliverWebhook(deps) };
}

/** Tests the scanner now; the result throws while it has not passed. */
export function testScanner(scanner: Scanner, log: Log): () => Promise<void> {
  const trust = new ScannerTrust(scanner, (err) =>
    log.error({ err }, 'the scanner has failed its self-test: nothing is approved'),
  );
  void trust.assertTrusted().catch(() => undefined);
  return () => trust.assertTrusted();
}

interface CleaningDependencies extends CleanUpDependencies {
  onRemovalDelayed(error: unknown): void;
}

/** Cleans at once and then regularly; what fails is logged and tried again the next time. The result ends it. */
export function startCleaning(deps: CleaningDependencies): () => Promise<void> {
  let running = Promise.resolve();
  const stop = new AbortController();
  const clean = () => {
    running = running.then(() => cleanUp(deps, stop.signal)).catch(deps.onRemovalDelayed);
  };
  const timer = setInterval(clean, cleaningIntervalMs);
  clean();
  return () => {
    clearInterval(timer);
    stop.abort();
    return running;
  };
}
