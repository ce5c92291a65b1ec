import type { Limit } from './limit.js';
import { runLoad } from './load.js';
import { readProcessUsage } from './process-usage.js';
import { scenarios } from './scenarios.js';
import { createApiKey } from './server-process.js';
import { startSide } from './sides.js';

const mebibyte = 1024 * 1024;

/** The dearest of the scenarios, one after the other in one process. */
const loads = ['upload-1k', 'upload-256m-four', 'get', 'list-100', 'list-100-linked', 'download-256m'];
const seconds = 4;

/** The memory of a fresh service, and at the peak of all that the scenarios ask of it. */
export async function measureFootprint(): Promise<Limit[]> {
  const service = await startSide('service', createApiKey());
  try {
    const idle = await readProcessUsage(service.pid);
    for (const { name, concurrency, prepare } of scenarios) {
      if (!loads.includes(name)) continue;
      const request = await prepare(service, null);
      await runLoad(service.origin, request, { concurrency, seconds });
    }
    const loaded = await readProcessUsage(service.pid);
    const limit = (name: string, bytes: number | undefined, bound: number): Limit => {
      return { name, measured: bytes ? bytes / mebibyte : null, bound, kind: 'at most', unit: 'MiB' };
    };
    return [
      limit('memory when idle', idle?.rssBytes, 110),
      limit('memory at its peak', loaded?.peakRssBytes, 200),
    ];
  } finally {
    await service.stop();
  }
}
