import { join } from 'node:path';
import type { Limit } from './limit.js';
import { type LoadRequest, runLoad } from './load.js';
import { type PageQuery, pageQueries, type SeededService } from './page-queries.js';
import { formatNumber, formatTable } from './report.js';
import { makeScratchDirectory, removeScratchDirectory } from './scratch.js';
import { seedSqlite } from './seed-sqlite.js';
import { createApiKey, startService } from './server-process.js';
import { ask, createOwner } from './service-requests.js';
import { median } from './statistics.js';

/** Milliseconds that one page took, as the median of many, from few attachments and from many. */
export interface PageTiming {
  query: PageQuery;
  few: number;
  many: number;
  /** Attachments on the page from many. */
  rows: number;
}

/** A page from many attachments may take this much longer than the same page from few. */
const boundRatio = 1.3;
/** Pages of one kind are asked for no longer than this. */
const seconds = 3;

/** Times every kind of page of two services, in turn, page by page. */
export async function measurePages(
  counts: { few: number; many: number },
  times: number,
): Promise<PageTiming[]> {
  const services: SeededService[] = [];
  try {
    const few = await startSeeded(counts.few);
    services.push(few);
    const many = await startSeeded(counts.many);
    services.push(many);
    const timings: PageTiming[] = [];
    for (const query of pageQueries) timings.push(await timePage(query, few, many, times));
    return timings;
  } finally {
    await Promise.all(services.map(stopSeeded));
  }
}

export function pageLimits(timings: readonly PageTiming[]): Limit[] {
  return timings
    .filter(({ query }) => query.isLimited)
    .map(({ query, few, many }) => ({
      name: `time by number of attachments: ${query.name}`,
      measured: many / few,
      bound: boundRatio,
      kind: 'at most',
      unit: '',
    }));
}

export function formatPages(timings: readonly PageTiming[], counts: { few: number; many: number }): string {
  const number = (count: number) => count.toLocaleString('en');
  return formatTable(
    ['page', `ms of ${number(counts.few)}`, `ms of ${number(counts.many)}`, 'ratio', 'rows'],
    timings.map(({ query, few, many, rows }) => [
      query.name,
      formatNumber(few),
      formatNumber(many),
      (many / few).toFixed(2),
      String(rows),
    ]),
  );
}

async function startSeeded(count: number): Promise<SeededService> {
  const dataDirectory = makeScratchDirectory(`pages-${count}`);
  const options = { dataDirectory, apiKey: createApiKey() };
  const owner = await createOwner(options);
  const path = join(dataDirectory, 'claimcheck.sqlite');
  await seedSqlite(path, { count, ...owner });
  return { service: await startService(options), path, count };
}

async function stopSeeded({ service, path }: SeededService): Promise<void> {
  await service.stop();
  removeScratchDirectory(join(path, '..'));
}

async function timePage(
  query: PageQuery,
  few: SeededService,
  many: SeededService,
  times: number,
): Promise<PageTiming> {
  const ofFew = await openTimer(query, few);
  const ofMany = await openTimer(query, many);
  const end = performance.now() + seconds * 1000;
  for (let time = 0; time < times && performance.now() < end; time += 1) {
    await ofFew.run();
    await ofMany.run();
  }
  return { query, few: median(ofFew.latencies), many: median(ofMany.latencies), rows: ofMany.rows };
}

interface Timer {
  latencies: number[];
  rows: number;
  run(): Promise<void>;
}

/** Asks `query` of one service again and again; the first answers do not count. */
async function openTimer(query: PageQuery, { service, ...rest }: SeededService): Promise<Timer> {
  const request = await query.request({ service, ...rest });
  const rows = await countRows(service.origin, request);
  const latencies: number[] = [];
  const bounds = { requests: 5, concurrency: 1, seconds: 1 };
  await runLoad(service.origin, request, bounds);
  const run = async () => {
    latencies.push(...(await runLoad(service.origin, request, bounds)).latencies);
  };
  return { latencies, rows, run };
}

async function countRows(origin: string, request: LoadRequest): Promise<number> {
  const { data } = JSON.parse(await ask(origin, request)) as { data: { attachments: { edges: unknown[] } } };
  return data.attachments.edges.length;
}
