import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { openBrowser } from '../test/support/browser.js';
import { findProgram } from '../test/support/skip-without.js';
import type { Limit } from './limit.js';
import { formatNumber, formatTable } from './report.js';
import { makeScratchDirectory, removeScratchDirectory } from './scratch.js';
import { seedSqlite } from './seed-sqlite.js';
import { createApiKey, type ServiceProcess, startService } from './server-process.js';
import { createOwner } from './service-requests.js';
import { median } from './statistics.js';

/** A page of the console, and what is there once it shows its first row. */
const views = [
  { name: 'files', query: '', row: '.rows .row' },
  { name: 'files by name', query: '?order=byName', row: '.rows .row' },
  { name: 'files called "invoice 12"', query: '?q=invoice 12', row: '.rows .row' },
  { name: 'unused files', query: '?use=expiring', row: '.rows .row' },
  { name: 'the fields of a record', query: '?page=records&record=WorkPackage/7', row: '.field-row' },
  { name: 'quarantine', query: '?page=quarantine', row: '.cards li' },
] as const;

/** A phone of some years ago computes so much more slowly than this machine. */
const slowdown = 4;
/** Compressed, with all that the first row needs. */
const maxFirstLoad = 250_000;
/** Many rows may cost so much more than few. */
const maxRatio = 1.3;

export interface ConsoleTiming {
  name: string;
  /** Milliseconds until the first row, with an empty cache, as a median. */
  few: number;
  many: number;
  /** Bytes over the wire until then. */
  bytes: number;
}

/** Times the console's pages in Chromium, with the processor slowed down. Empty where there is no Chromium. */
export async function measureConsole(
  counts: { few: number; many: number },
  rounds: number,
): Promise<ConsoleTiming[]> {
  const program = findProgram('chromium');
  if (program === null) return [];
  const directory = makeScratchDirectory('console');
  const browser = await openBrowser(program);
  const services: ServiceProcess[] = [];
  try {
    const few = await startSeeded(join(directory, 'few'), counts.few);
    services.push(few);
    const many = await startSeeded(join(directory, 'many'), counts.many);
    services.push(many);
    const timings: ConsoleTiming[] = [];
    for (const view of views) timings.push(await timeView(browser, { few, many }, view, rounds));
    return timings;
  } finally {
    await browser.close();
    await Promise.all(services.map((service) => service.stop()));
    removeScratchDirectory(directory);
  }
}

export function consoleLimits(timings: readonly ConsoleTiming[]): Limit[] {
  const [files] = timings;
  if (!files) return [];
  const firstLoad: Limit = {
    name: 'first load of the console',
    measured: files.bytes / 1_000,
    bound: maxFirstLoad / 1_000,
    kind: 'at most',
    unit: 'KB',
  };
  const growth = timings.map(
    ({ name, few, many }): Limit => ({
      name: `first row by number of attachments: ${name}`,
      measured: many / few,
      bound: maxRatio,
      kind: 'at most',
      unit: '',
    }),
  );
  return [firstLoad, ...growth];
}

export function formatConsole(
  timings: readonly ConsoleTiming[],
  counts: { few: number; many: number },
): string {
  const number = (count: number) => count.toLocaleString('en');
  return formatTable(
    [
      `page, processor ${slowdown} times slower`,
      `ms of ${number(counts.few)}`,
      `ms of ${number(counts.many)}`,
      'KB',
    ],
    timings.map(({ name, few, many, bytes }) => [
      name,
      formatNumber(few),
      formatNumber(many),
      formatNumber(bytes / 1_000),
    ]),
  );
}

async function startSeeded(dataDirectory: string, count: number): Promise<ServiceProcess> {
  const options = { dataDirectory, apiKey: createApiKey() };
  const owner = await createOwner(options);
  await seedSqlite(join(dataDirectory, 'claimcheck.sqlite'), { count, ...owner });
  return startService(options);
}

async function timeView(
  browser: Browser,
  { few, many }: { few: ServiceProcess; many: ServiceProcess },
  view: (typeof views)[number],
  rounds: number,
): Promise<ConsoleTiming> {
  const times = { few: [] as number[], many: [] as number[] };
  let bytes = 0;
  for (let round = 0; round <= rounds; round += 1) {
    const ofFew = await openView(browser, few, view);
    const ofMany = await openView(browser, many, view);
    if (round === 0) continue;
    times.few.push(ofFew.ms);
    times.many.push(ofMany.ms);
    bytes = ofMany.bytes;
  }
  return { name: view.name, few: median(times.few), many: median(times.many), bytes };
}

/** Opens a page in a browser that has nothing kept but the credential, until its first row is there. */
async function openView(
  browser: Browser,
  { origin, apiKey }: ServiceProcess,
  { query, row }: (typeof views)[number],
): Promise<{ ms: number; bytes: number }> {
  const context = await browser.newContext({ viewport: { width: 1200, height: 800 } });
  try {
    const content = `sessionStorage.setItem("claimcheck:credential", ${JSON.stringify(apiKey)})`;
    await context.addInitScript({ content });
    const page = await context.newPage();
    const arrived = await slowDown(context, page);
    const begun = performance.now();
    await page.goto(`${origin}/${query}`, { waitUntil: 'commit' });
    await page.locator(row).first().waitFor();
    return { ms: performance.now() - begun, bytes: arrived() };
  } finally {
    await context.close();
  }
}

/** Returns how many bytes have come over the wire so far. */
async function slowDown(context: BrowserContext, page: Page): Promise<() => number> {
  const session = await context.newCDPSession(page);
  let bytes = 0;
  session.on('Network.dataReceived', ({ encodedDataLength }) => {
    bytes += encodedDataLength;
  });
  await session.send('Network.enable');
  await session.send('Emulation.setCPUThrottlingRate', { rate: slowdown });
  return () => bytes;
}
