import type { Limit } from './limit.js';
import { runLoad } from './load.js';
import { readProcessUsage, sampleRss } from './process-usage.js';
import { textContent } from './scenarios.js';
import { startService } from './server-process.js';
import { uploadRequest } from './service-requests.js';
import { median } from './statistics.js';

const mebibyte = 1024 * 1024;

export interface Footprint {
  /** Physical memory in bytes; null where the system does not tell. */
  idle: number | null;
  typical: number | null;
  peak: number | null;
}

/** The memory of a fresh service while it takes four uploads of 256 MiB at once. */
export async function measureFootprint(): Promise<Footprint> {
  const service = await startService();
  try {
    const idle = await readProcessUsage(service.pid);
    const request = uploadRequest(service, { content: textContent(256 * mebibyte), fileName: 'ticket.txt' });
    const stopSampling = sampleRss(service.pid, 50);
    await runLoad(service.origin, request, { requests: 8, concurrency: 4, seconds: 30 });
    const samples = stopSampling();
    const loaded = await readProcessUsage(service.pid);
    return {
      idle: idle?.rssBytes ?? null,
      typical: idle && median(samples),
      peak: loaded?.peakRssBytes ?? null,
    };
  } finally {
    await service.stop();
  }
}

export function footprintLimit({ peak }: Footprint): Limit {
  return {
    name: 'memory at its peak, four uploads of 256 MiB at once',
    measured: peak && peak / mebibyte,
    bound: 200,
    kind: 'at most',
    unit: 'MiB',
  };
}
