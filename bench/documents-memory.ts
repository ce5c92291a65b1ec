import { setTimeout as sleep } from 'node:timers/promises';
import type { Limit } from './limit.js';
import { Client, type LoadRequest } from './load.js';
import { readProcessUsage } from './process-usage.js';
import { formatNumber, formatTable, toMebibytes } from './report.js';
import { type ServiceProcess, startService } from './server-process.js';
import { queryRequest } from './service-requests.js';
import { anonymous } from './stall-clients.js';

/** Memory of a service at rest, before and after many documents that nobody sends twice. */
export interface DocumentsMemory {
  client: string;
  documents: number;
  /** After as many requests with one document. */
  beforeBytes: number;
  afterBytes: number;
}

const connections = 8;
const restMs = 10_000;
const mebibyte = 1024 * 1024;

/** Bytes that remembered documents may have, with what the process itself keeps of memory it has had. */
const maxGrowth = 30 * mebibyte;

/** Garbage is collected before each look at a process at rest, so that the figure says what it holds. */
export const collectingNode = ['--expose-gc', '--import', collectOnSignal()];

export async function measureDocumentsMemory(documents: number): Promise<DocumentsMemory[]> {
  const measured: DocumentsMemory[] = [];
  for (const client of ['with a credential', 'without a credential']) {
    const service = await startService({
      nodeArguments: collectingNode,
      environment: { ANONYMOUS_RATE_LIMIT_PER_MINUTE: '0' },
    });
    try {
      const sender = client === 'with a credential' ? service : { ...service, apiKey: '' };
      await send(sender, documents, () => documentOf(0));
      const beforeBytes = await bytesAtRest(service);
      await send(sender, documents, (index) => documentOf(index + 1));
      measured.push({ client, documents, beforeBytes, afterBytes: await bytesAtRest(service) });
    } finally {
      await service.stop();
    }
  }
  return measured;
}

export function formatDocumentsMemory(measured: readonly DocumentsMemory[]): string {
  const rows = measured.map(({ client, documents, beforeBytes, afterBytes }) => [
    `${documents} documents ${client}`,
    formatNumber(toMebibytes(beforeBytes)),
    formatNumber(toMebibytes(afterBytes)),
  ]);
  return formatTable(['memory at rest', 'before, MiB', 'after, MiB'], rows);
}

export function documentsLimits(measured: readonly DocumentsMemory[]): Limit[] {
  return measured.map(({ client, beforeBytes, afterBytes }) => ({
    name: `growth by distinct documents ${client}`,
    measured: toMebibytes(afterBytes - beforeBytes) ?? 0,
    bound: toMebibytes(maxGrowth) ?? 0,
    kind: 'at most',
    unit: 'MiB',
  }));
}

/** A module that collects garbage at SIGUSR2. */
function collectOnSignal(): string {
  const text = 'process.on("SIGUSR2", () => { gc(); gc(); });';
  return `data:text/javascript,${encodeURIComponent(text)}`;
}

function documentOf(index: number): string {
  return `{ ${`x${index}`.padEnd(160, 'y')}: viewer { organizationId } }`;
}

async function send(
  service: ServiceProcess,
  count: number,
  documentAt: (index: number) => string,
): Promise<void> {
  const clients = Array.from({ length: connections }, () => new Client(service.origin));
  let next = 0;
  const sendInTurn = async (client: Client) => {
    while (next < count) {
      const query = documentAt(next);
      next += 1;
      const request: LoadRequest = service.apiKey === '' ? anonymous(query) : queryRequest(service, query);
      await client.exchange(request);
    }
  };
  await Promise.all(clients.map(sendInTurn));
  for (const client of clients) client.close();
}

/** The memory of a service that nobody asks anything, garbage aside. It must be started with `collectingNode`. */
export async function bytesAtRest({ pid }: ServiceProcess): Promise<number> {
  await sleep(restMs);
  process.kill(pid, 'SIGUSR2');
  await sleep(restMs / 2);
  return (await readProcessUsage(pid))?.rssBytes ?? 0;
}
