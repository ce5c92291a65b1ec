import { spawnSync } from 'node:child_process';
import { type CleaningTiming, timeCleaning } from './growth-cleaning.js';
import type { GrowthEngine } from './growth-engines.js';
import type { Limit } from './limit.js';
import type { LoadRequest } from './load.js';
import { formatNumber, formatTable } from './report.js';
import { recordType, type Seed } from './seed-attachments.js';
import { createApiKey, type ServiceOptions, type ServiceProcess, startService } from './server-process.js';
import { askData, createOwner, queryRequest, uploadRequest } from './service-requests.js';
import { median } from './statistics.js';

/** Milliseconds for one of each, as the median of many, by the number of attachments there are. */
export interface GrowthTiming extends CleaningTiming {
  engine: string;
  count: number;
  page: number;
  get: number;
  claim: number;
  link: number;
  create: number;
}

/** The same of few attachments and of many, in turn and in one run. */
export interface GrowthPair {
  few: GrowthTiming;
  many: GrowthTiming;
}

const steps = ['page', 'get', 'claim', 'link', 'create', 'purge', 'sweep'] as const;
/** Operations that may cost only so much more among many attachments than among few. */
const limited = ['page', 'get', 'claim', 'create'] as const;
const boundRatio = 1.2;
const samples = 27;
const warmUps = 8;

/** Starts services on databases with so many attachments each, and times what their users and their cleaning do. */
export async function measureGrowth(
  startEngine: () => Promise<GrowthEngine>,
  counts: { few: number; many: number },
): Promise<GrowthPair> {
  const few = await fill(await startEngine(), counts.few);
  try {
    const many = await fill(await startEngine(), counts.many);
    try {
      return await timeBoth(few, many);
    } finally {
      await many.engine.stop();
    }
  } finally {
    await few.engine.stop();
  }
}

export function growthLimits(pairs: readonly GrowthPair[]): Limit[] {
  return pairs.flatMap(({ few, many }) =>
    limited.map((step) => ({
      name: `${step} among ${many.count.toLocaleString('en')} by ${few.count.toLocaleString('en')}, ${many.engine}`,
      measured: many[step] / few[step],
      bound: boundRatio,
      kind: 'at most' as const,
      unit: '',
    })),
  );
}

export function formatGrowth(pairs: readonly GrowthPair[]): string {
  return formatTable(
    ['database', 'attachments', ...steps.map((step) => `${step}, ms`)],
    pairs
      .flatMap(({ few, many }) => [few, many])
      .map((timing) => [
        timing.engine,
        timing.count.toLocaleString('en'),
        ...steps.map((step) => formatNumber(timing[step])),
      ]),
  );
}

/** A database that has grown. */
export interface Grown {
  engine: GrowthEngine;
  options: ServiceOptions;
  seed: Seed;
}

export async function fill(engine: GrowthEngine, count: number): Promise<Grown> {
  const options = { environment: engine.environment, apiKey: createApiKey() };
  const seed = { count, ...(await createOwner(options)) };
  await engine.seed(seed);
  // Else the system writes gigabytes of it to the disk while what comes is timed.
  spawnSync('sync');
  return { engine, options, seed };
}

async function timeBoth(few: Grown, many: Grown): Promise<GrowthPair> {
  const ofFew = await openUse(few);
  const ofMany = await openUse(many);
  for (const step of Object.keys(ofFew.steps) as UseStep[]) {
    for (let index = 0; index < samples + warmUps; index += 1) {
      await timeOne(ofFew, step, index);
      await timeOne(ofMany, step, index);
    }
  }
  await Promise.all([ofFew, ofMany].map(({ service }) => service.stop()));
  return { few: await toTiming(few, ofFew), many: await toTiming(many, ofMany) };
}

async function toTiming({ engine, seed }: Grown, { latencies }: Use): Promise<GrowthTiming> {
  const used = Object.fromEntries(Object.entries(latencies).map(([step, each]) => [step, median(each)]));
  const cleaned = await timeCleaning(engine, seed);
  return { engine: engine.name, count: seed.count, ...(used as Record<UseStep, number>), ...cleaned };
}

type UseStep = 'page' | 'get' | 'claim' | 'link' | 'create';

/** A running service, the requests of each step, and how long they took. */
interface Use {
  service: ServiceProcess;
  steps: Record<UseStep, (index: number) => LoadRequest>;
  latencies: Record<UseStep, number[]>;
}

async function openUse({ engine, options, seed: { viewerId } }: Grown): Promise<Use> {
  const some = await engine.query<{ id: string }>(
    `SELECT id FROM attachments WHERE record_id = '4' OR record_id = '7' ORDER BY id`,
  );
  const unclaimed = await engine.query<{ id: string }>(
    `SELECT id FROM attachments WHERE created_by_id = '${viewerId}' AND record_id IS NULL
     ORDER BY id LIMIT ${2 * (samples + warmUps)}`,
  );
  const idOf = (index: number) => unclaimed[index]?.id;
  const service = await startService(options);
  return {
    service,
    latencies: { page: [], get: [], claim: [], link: [], create: [] },
    steps: {
      page: () => queryRequest(service, page),
      get: (index) => queryRequest(service, get, { id: some[index % some.length]?.id }),
      claim: (index) => {
        const input = { attachmentId: idOf(index), record: { type: recordType, id: '5' } };
        return queryRequest(service, claim, { input });
      },
      link: (index) => {
        const attachmentIds = [idOf(samples + warmUps + index)];
        const record = { type: recordType, id: `new-${index}` };
        return queryRequest(service, link, { input: { record, attachmentIds, mode: 'ADD' } });
      },
      create: (index) =>
        uploadRequest(service, { content: [Buffer.alloc(1024, 'new ')], fileName: `new-${index}.txt` }),
    },
  };
}

/** The first warm caches and compilers up and do not count. */
async function timeOne({ service, steps, latencies }: Use, step: UseStep, index: number): Promise<void> {
  const request = steps[step](index);
  const begun = performance.now();
  const data = await askData<object | null | undefined>(service.origin, request);
  if (!data) throw new Error('the service refused');
  if (index >= warmUps) latencies[step].push(performance.now() - begun);
}

const page = `{ attachments(first: 50) {
  edges { cursor node { id fileName contentType size status createdAt record { type id: recordId } createdBy { id name } } }
  pageInfo { hasNextPage endCursor } } }`;
const get =
  'query ($id: ID!) { attachment(id: $id) { id fileName size status record { type id: recordId } } }';
const claim = `mutation ($input: ClaimAttachmentInput!) {
  claimAttachment(input: $input) { attachment { id record { id: recordId } } } }`;
const link = `mutation ($input: LinkAttachmentsInput!) {
  linkAttachments(input: $input) { links { position attachment { id } } } }`;
