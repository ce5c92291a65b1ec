import { fill, type Grown } from './growth.js';
import type { GrowthEngine } from './growth-engines.js';
import type { Limit } from './limit.js';
import { Client } from './load.js';
import { findCursor, type Order, orders } from './page-queries.js';
import { formatNumber, formatTable } from './report.js';
import { otherCreatorId, recordType } from './seed-attachments.js';
import { type ServiceProcess, startService } from './server-process.js';
import { queryRequest } from './service-requests.js';
import { median } from './statistics.js';

/** Values of each filter: such as many attachments have, few, and none. */
type Values = Record<string, readonly unknown[]>;

/** One page by a filter, in an order. */
interface FilteredPage {
  engine: string;
  name: string;
  /** The median time until its answer, or its refusal. */
  ms: number;
  isRefused: boolean;
}

/** Every page is answered within so many milliseconds, or refused by type after it has looked at as many rows as it may. */
const boundMs = 50;
const samples = 3;
const hourMs = 3_600_000;

/** Asks a service on each database for the first page and one in the middle by every filter, and by every pair, in every order. */
export async function measureFilters(
  engines: readonly (() => Promise<GrowthEngine>)[],
  count: number,
): Promise<FilteredPage[]> {
  const pages: FilteredPage[] = [];
  for (const startEngine of engines) {
    const grown = await fill(await startEngine(), count);
    try {
      pages.push(...(await timePages(grown)));
    } finally {
      await grown.engine.stop();
    }
  }
  return pages;
}

export function filterLimits(pages: readonly FilteredPage[]): Limit[] {
  return enginesOf(pages).map((engine) => ({
    name: `the slowest page by filters, ${engine}`,
    measured: slowest(pages, engine, false)[0]?.ms ?? null,
    bound: boundMs,
    kind: 'at most',
    unit: 'ms',
  }));
}

/** How many there were, and the slowest of each database, answered and refused. */
export function formatFilters(pages: readonly FilteredPage[]): string {
  const counts = enginesOf(pages).map((engine) => {
    const [answered, refused] = [false, true].map((isRefused) => slowest(pages, engine, isRefused).length);
    return `${engine}: ${answered} pages answered, ${refused} refused`;
  });
  const shown = enginesOf(pages).flatMap((engine) => [
    ...slowest(pages, engine, false).slice(0, 10),
    ...slowest(pages, engine, true).slice(0, 3),
  ]);
  const table = formatTable(
    ['database', 'page', 'ms', ''],
    shown.map(({ engine, name, ms, isRefused }) => [
      engine,
      name,
      formatNumber(ms),
      isRefused ? 'refused' : '',
    ]),
  );
  return `${counts.join('\n')}\n\n${table}`;
}

const slowest = (pages: readonly FilteredPage[], engine: string, isRefused: boolean) =>
  pages
    .filter((page) => page.engine === engine && page.isRefused === isRefused)
    .toSorted((one, other) => other.ms - one.ms);

const enginesOf = (pages: readonly FilteredPage[]) => [...new Set(pages.map(({ engine }) => engine))];

async function timePages({ engine, options, seed }: Grown): Promise<FilteredPage[]> {
  const filters = filtersOf(await valuesOf(engine, seed.viewerId));
  const service = await startService(options);
  const pages: FilteredPage[] = [];
  try {
    for (const order of orders) {
      const after = await findCursor(service, engine.query, order, Math.floor(seed.count / 2));
      for (const filter of filters) {
        pages.push({ engine: engine.name, ...(await timePage(service, { filter, order, after: null })) });
        pages.push({ engine: engine.name, ...(await timePage(service, { filter, order, after })) });
      }
    }
  } finally {
    await service.stop();
  }
  return pages;
}

async function valuesOf(engine: GrowthEngine, viewerId: string): Promise<Values> {
  const blobs = await engine.query<{ sha256: string }>('SELECT sha256 FROM blobs LIMIT 1');
  const some = await engine.query<{ id: string }>('SELECT id FROM attachments ORDER BY size LIMIT 100');
  const ago = (hours: number) => new Date(Date.now() - hours * hourMs).toISOString();
  const tenYears = 10 * 365 * 24;
  return {
    claimed: [true, false],
    contentType: [['application/pdf'], ['image/*'], ['application/x-nobody-has-it']],
    createdAfter: [ago(1), ago(24), ago(tenYears)],
    createdBefore: [ago(1), ago(tenYears)],
    createdBy: [otherCreatorId, viewerId, 'nobody'],
    damaged: [true, false],
    fileNameContains: ['invoice', '19', '1234567', 'zebra'],
    ids: [some.map(({ id }) => id)],
    linked: [true, false],
    record: [{ type: recordType, id: '42' }],
    sha256: [blobs[0]?.sha256],
    status: [['APPROVED'], ['REJECTED'], ['PENDING']],
  };
}

/** Each value alone, and with each of every other filter. */
function filtersOf(values: Values): object[] {
  const single = Object.entries(values).flatMap(([name, own]) => own.map((value) => ({ [name]: value })));
  const nameOf = (filter: object) => Object.keys(filter)[0] ?? '';
  const pairs = single.flatMap((one) =>
    single.filter((other) => nameOf(one) < nameOf(other)).map((other) => ({ ...one, ...other })),
  );
  return [...single, ...pairs];
}

interface Asked {
  filter: object;
  order: Order;
  /** The cursor that the page is behind. */
  after: string | null;
}

async function timePage(service: ServiceProcess, { filter, order, after }: Asked) {
  const { field, direction } = order;
  const variables = { filter, after, orderBy: { field, direction } };
  const request = queryRequest(service, query, variables);
  const client = new Client(service.origin);
  const times: number[] = [];
  let answer: Answer = {};
  for (let sample = 0; sample < samples; sample += 1) {
    const begun = performance.now();
    const { body } = await client.exchange(request);
    times.push(performance.now() - begun);
    answer = JSON.parse(body.toString()) as Answer;
  }
  client.close();
  const code = answer.errors?.[0]?.extensions.code;
  if (code !== undefined && code !== 'QUERY_TOO_COMPLEX') throw new Error(`${code} for ${nameOf(filter)}`);
  const name = `${nameOf(filter)}, ${field}${after === null ? '' : ', in the middle'}`;
  return { name, ms: median(times), isRefused: code !== undefined };
}

interface Answer {
  errors?: { extensions: { code: string } }[];
}

const query = `query ($filter: AttachmentFilter, $after: String, $orderBy: AttachmentOrder) {
  attachments(first: 50, filter: $filter, after: $after, orderBy: $orderBy) { nodes { id fileName } } }`;

/** Without what is too long to read. */
function nameOf(filter: object): string {
  return JSON.stringify(filter, (key, value: unknown) =>
    key === 'ids' ? '100' : key === 'sha256' ? 'one' : value,
  ).slice(1, -1);
}
