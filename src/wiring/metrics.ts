import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { NoteVerifiedDependencies } from '../cleaning/note-verified.js';
import type { AnsweredRequest } from '../http/observe-requests.js';
import type { UploadMeter } from '../intake/hash-content.js';
import type { Usage } from '../quotas/usage.js';
import type { VerdictOutcome } from '../verdicts/scan-blob.js';
import type { DeliveryOutcome } from '../webhooks/deliver.js';
import type { PausedEndpoint } from '../webhooks/endpoint-queue.js';

export type Metrics = ReturnType<typeof createMetrics>;

const secondsOfRequests = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** The metrics of the service, in a registry of their own. The values of all labels are fixed in the code: no name or id is one. */
export function createMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return {
    registry,
    uploadMeter: createUploadMeter(registry),
    onVerdict: countVerdicts(registry),
    onDelivery: countDeliveries(registry),
    onEndpointPaused: countPauses(registry),
    onVerified: countVerified(registry),
    onAnswer: measureAnswers(registry),
    scrape: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}

function createUploadMeter(registry: Registry): UploadMeter {
  const uploads = new Counter({
    name: 'claimcheck_uploads_total',
    help: 'Content that came in, by door and by what became of it.',
    labelNames: ['door', 'outcome'],
    registers: [registry],
  });
  const bytes = new Counter({
    name: 'claimcheck_upload_bytes_total',
    help: 'Bytes of content stored, by door.',
    labelNames: ['door'],
    registers: [registry],
  });
  return {
    onStored: (door, size) => bytes.inc({ door }, size),
    onUpload: (door, outcome) => uploads.inc({ door, outcome }),
  };
}

function countVerdicts(registry: Registry): (outcome: VerdictOutcome) => void {
  const verdicts = new Counter({
    name: 'claimcheck_verdicts_total',
    help: 'Verdicts of the scanner; failed where it gave none in all attempts.',
    labelNames: ['outcome'],
    registers: [registry],
  });
  return (outcome) => verdicts.inc({ outcome });
}

function countDeliveries(registry: Registry): (outcome: DeliveryOutcome) => void {
  const deliveries = new Counter({
    name: 'claimcheck_webhook_deliveries_total',
    help: 'Attempts at webhooks, by outcome; retrying where another follows.',
    labelNames: ['outcome'],
    registers: [registry],
  });
  return (outcome) => deliveries.inc({ outcome });
}

function countPauses(registry: Registry): (endpoint: PausedEndpoint) => void {
  const pauses = new Counter({
    name: 'claimcheck_webhook_endpoints_paused_total',
    help: 'Endpoints that were paused: failing for days, or gone by an answer of 410.',
    labelNames: ['reason'],
    registers: [registry],
  });
  return ({ reason }) => pauses.inc({ reason: reason.toLowerCase() });
}

function countVerified(registry: Registry): NonNullable<NoteVerifiedDependencies['onVerified']> {
  const files = new Counter({
    name: 'claimcheck_scrubbed_files_total',
    help: 'Stored files that were read again, by what was found.',
    labelNames: ['finding'],
    registers: [registry],
  });
  const bytes = new Counter({
    name: 'claimcheck_scrubbed_bytes_total',
    help: 'Bytes of stored files that were read again, as many as they should have.',
    registers: [registry],
  });
  return (finding, { blob }) => {
    files.inc({ finding });
    bytes.inc(blob.size);
  };
}

function measureAnswers(registry: Registry): (request: AnsweredRequest) => void {
  const requests = new Counter({
    name: 'claimcheck_http_requests_total',
    help: 'Answered requests, by method, route and class of status.',
    labelNames: ['method', 'route', 'status'],
    registers: [registry],
  });
  const durations = new Histogram({
    name: 'claimcheck_http_request_duration_seconds',
    help: 'From the headers of a request to the end of its answer.',
    labelNames: ['method', 'route'],
    buckets: secondsOfRequests,
    registers: [registry],
  });
  return ({ seconds, status, ...labels }) => {
    requests.inc({ ...labels, status });
    durations.observe(labels, seconds);
  };
}

/** Has open sockets counted at each scrape. */
export function measureSockets({ registry }: Pick<Metrics, 'registry'>, count: () => number): void {
  new Gauge({
    name: 'claimcheck_websockets_open',
    help: 'Open WebSockets.',
    registers: [registry],
    collect() {
      this.set(count());
    },
  });
}

/** Has open event streams counted at each scrape. */
export function measureStreams({ registry }: Pick<Metrics, 'registry'>, count: () => number): void {
  new Gauge({
    name: 'claimcheck_event_streams_open',
    help: 'Open and reserved event streams.',
    registers: [registry],
    collect() {
      this.set(count());
    },
  });
}

/** However often it is scraped, the database is asked once in so long. */
const keptForMs = 5_000;

/** Remembers the latest answer, and asks anew once it is old. Null if it could not be asked. */
export function askSeldom<Found>(
  ask: () => Promise<Found>,
  onFailed: (error: unknown) => void,
): () => Promise<Found | null> {
  let latest: Promise<Found | null> = Promise.resolve(null);
  let askedAt = Number.NEGATIVE_INFINITY;
  return () => {
    const now = performance.now();
    if (now - askedAt < keptForMs) return latest;
    askedAt = now;
    latest = ask().catch((error: unknown) => {
      onFailed(error);
      return null;
    });
    return latest;
  };
}

/** Sets a gauge at each scrape; if the value cannot be told, to none. */
const setFrom = (ask: () => Promise<number | null | undefined>) =>
  async function (this: Gauge): Promise<void> {
    const value = await ask();
    if (typeof value === 'number') this.set(value);
    else this.reset();
  };

/** Tells what all organizations together have stored. If that cannot be summed, nothing of it. */
export function measureUsage(
  { registry }: Pick<Metrics, 'registry'>,
  sum: () => Promise<Usage>,
  onFailed: (error: unknown) => void,
): void {
  const summed = askSeldom(sum, onFailed);
  new Gauge({
    name: 'claimcheck_stored_bytes',
    help: 'Bytes of distinct contents that all organizations have stored.',
    registers: [registry],
    collect: setFrom(async () => (await summed())?.bytes),
  });
  new Gauge({
    name: 'claimcheck_stored_attachments',
    help: 'Attachments of all organizations.',
    registers: [registry],
    collect: setFrom(async () => (await summed())?.attachments),
  });
}

/** Tells how many stored files are known to be damaged. */
export function measureDamage(
  { registry }: Pick<Metrics, 'registry'>,
  count: () => Promise<number>,
  onFailed: (error: unknown) => void,
): void {
  new Gauge({
    name: 'claimcheck_damaged_files',
    help: 'Stored files that are known to be gone or changed.',
    registers: [registry],
    collect: setFrom(askSeldom(count, onFailed)),
  });
}
