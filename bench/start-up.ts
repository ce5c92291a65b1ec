import type { Limit } from './limit.js';
import { startService } from './server-process.js';
import { ask } from './service-requests.js';
import { median } from './statistics.js';

/** Seconds from the command to the first good answer of /health/live, on an empty data directory; the median of `times`. */
export async function measureStart(times: number): Promise<number> {
  const seconds: number[] = [];
  for (let time = 0; time < times; time += 1) {
    const begun = performance.now();
    const service = await startService();
    try {
      await ask(service.origin, { method: 'GET', path: '/health/live', headers: {}, body: [] });
      seconds.push((performance.now() - begun) / 1000);
    } finally {
      await service.stop();
    }
  }
  return median(seconds);
}

export function startLimit(seconds: number): Limit {
  return {
    name: 'start until /health/live answers',
    measured: seconds,
    bound: 3,
    kind: 'at most',
    unit: 's',
  };
}
