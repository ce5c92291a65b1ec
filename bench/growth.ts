import { type CleaningTiming, timeCleaning } from './growth-cleaning.js';
import type { GrowthEngine } from './growth-engines.js';
import type { Limit } from './limit.js';
import { formatNumber, formatTable } from './report.js';
import { recordType, type Seed } from './seed-attachments.js';
import { createApiKey, type ServiceProcess, startService } from './server-process.js';
import { askData, queryRequest } from './service-requests.js';
import { median } from './statistics.js';

/** Milliseconds for one of each, as the median of many, by the number of attachments there are. */
export interface GrowthTiming extends CleaningTiming {
  engine: string;
  count: number;
  page: number;
  get: number;
  claim: number;
  link: number;
}

const steps = ['page', 'get', 'claim', 'link', 'purge', 'sweep'] as const;
/** What a page, a get and a claim may cost among many, by what they cost among few. */
const limited = ['page', 'get', 'claim'] as const;
const boundRatio = 1.5;
const samples = 25;

/** Starts a service on a database with `count` attachments and times what its users and its cleaning do. */
export async function measureGrowth(engine: GrowthEngine, count: number): Promise<GrowthTiming> {
  const options = { environment: engine.environment, apiKey: createApiKey() };
  const seed = await prepareSeed(options, count);
  await engine.seed(seed);
  const service = await startService(options);
  const timings: Omit<GrowthTiming, keyof CleaningTiming> = {
    engine: engine.name,
    count,
    ...(await timeUse(service, engine, seed)),
  };
  await service.stop();
  return { ...timings, ...(await timeCleaning(engine, seed)) };
}

export function growthLimits(timings: readonly GrowthTiming[]): Limit[] {
  return timings.flatMap((many) => {
    const few = timings.find(({ engine }) => engine === many.engine);
    if (few === undefined || few === many) return [];
    return limited.map((step) => ({
      name: `${step} among ${many.count.toLocaleString('en')} by ${few.count.toLocaleString('en')}, ${many.engine}`,
      measured: many[step] / few[step],
      bound: boundRatio,
      kind: 'at most' as const,
      unit: '',
    }));
  });
}

export function formatGrowth(timings: readonly GrowthTiming[]): string {
  return formatTable(
    ['database', 'attachments', ...steps.map((step) => `${step}, ms`)],
    timings.map((timing) => [
      timing.engine,
      timing.count.toLocaleString('en'),
      ...steps.map((step) => formatNumber(timing[step])),
    ]),
  );
}

/** The first start makes the schema, the organization and its first principal; what belongs to them is then filled in. */
async function prepareSeed(options: Parameters<typeof startService>[0], count: number): Promise<Seed> {
  const empty = await startService(options);
  type Data = { viewer: { organizationId: string; principal: { id: string } } };
  const { viewer } = await askData<Data>(
    empty.origin,
    queryRequest(empty, '{ viewer { organizationId principal { id } } }'),
  );
  await empty.stop();
  return { count, organizationId: viewer.organizationId, viewerId: viewer.principal.id };
}

async function timeUse(service: ServiceProcess, engine: GrowthEngine, { viewerId }: Seed) {
  const some = await engine.query<{ id: string }>(
    `SELECT id FROM attachments WHERE record_id = '4' OR record_id = '7' ORDER BY id`,
  );
  const unclaimed = await engine.query<{ id: string }>(
    `SELECT id FROM attachments WHERE created_by_id = '${viewerId}' AND record_id IS NULL
     ORDER BY id LIMIT ${2 * (samples + warmUps)}`,
  );
  const ids = unclaimed.map(({ id }) => id);
  const claimed = ids.slice(0, ids.length / 2);
  const linked = ids.slice(ids.length / 2);
  return {
    page: await timeEach(service, some, () => [page, {}]),
    get: await timeEach(service, some, ({ id }) => [get, { id }]),
    claim: await timeEach(service, claimed, (id) => [
      claim,
      { input: { attachmentId: id, record: { type: recordType, id: '5' } } },
    ]),
    link: await timeEach(service, linked, (id, index) => [
      link,
      { input: { record: { type: recordType, id: `new-${index}` }, attachmentIds: [id], mode: 'ADD' } },
    ]),
  };
}

const page = `{ attachments(first: 50) {
  edges { cursor node { id fileName contentType size status createdAt record { type id } createdBy { id name } } }
  pageInfo { hasNextPage endCursor } } }`;
const get = 'query ($id: ID!) { attachment(id: $id) { id fileName size status record { type id } } }';
const claim = `mutation ($input: ClaimAttachmentInput!) {
  claimAttachment(input: $input) { attachment { id record { id } } } }`;
const link = `mutation ($input: LinkAttachmentsInput!) {
  linkAttachments(input: $input) { links { position attachment { id } } } }`;

const warmUps = 10;

/** The median of `samples`, after those that warm caches and compilers up. */
async function timeEach<Thing>(
  service: ServiceProcess,
  things: readonly Thing[],
  toQuery: (thing: Thing, index: number) => [query: string, variables: object],
): Promise<number> {
  const latencies: number[] = [];
  for (let index = 0; index < samples + warmUps; index += 1) {
    const thing = things[index % things.length];
    if (thing === undefined) throw new Error('there is nothing to ask for');
    const request = queryRequest(service, ...toQuery(thing, index));
    const begun = performance.now();
    const data = await askData<object | null | undefined>(service.origin, request);
    if (!data) throw new Error('the service refused');
    if (index >= warmUps) latencies.push(performance.now() - begun);
  }
  return median(latencies);
}
