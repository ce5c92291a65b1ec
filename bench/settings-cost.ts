import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Limit } from './limit.js';
import { runLoad } from './load.js';
import { textContent } from './scenarios.js';
import { makeScratchDirectory, removeScratchDirectory } from './scratch.js';
import { benchProgram, type ServiceProcess, startService } from './server-process.js';
import { uploadRequest } from './service-requests.js';
import { type SqliteFile, withSqliteFile } from './sqlite-file.js';
import { median } from './statistics.js';

/** The most that a setting may cost uploads of 1 KiB into the field of a record. */
interface SettingsCost {
  name: string;
  /** The least share that must be left of the rate without it. */
  minRatio: number;
  /** The environment with it; `directory` is there for files. */
  environment(directory: string): Record<string, string>;
  /** In the place of the service's own. */
  program?: string[];
  /** Takes what it is about from the service without it. */
  remove?(dataDirectory: string): Promise<void>;
  /** Pairs of new processes that are compared: two alike can differ by more than a small cost. Default: 1. */
  pairs?: number;
}

const bounds = { requests: 600, concurrency: 16, seconds: 6 };

const policiesCost: SettingsCost = {
  name: 'uploads with policies of 200 record types, by those with the built-in ones',
  minRatio: 0.95,
  environment: (directory) => ({ POLICIES_FILE: writePolicies(directory) }),
};

const scansCost: SettingsCost = {
  name: 'uploads with every one scanned, by those without',
  minRatio: 0.5,
  environment: () => ({ SCANNER: 'eicar' }),
};

/** Counting what an organization stores, which is done whether it has a quota or not. */
const countersCost: SettingsCost = {
  name: 'uploads that are counted for quotas, by those that are not',
  minRatio: 0.95,
  environment: () => ({}),
  remove: (directory) => withSqliteFile(join(directory, 'claimcheck.sqlite'), dropCounters),
  pairs: 8,
};

const busyProgram = [benchProgram('busy-server.js')];

const jobsCost: SettingsCost = {
  name: 'uploads with small jobs going on, by those without',
  minRatio: 0.8,
  program: busyProgram,
  environment: () => ({ JOBS_PER_SECOND: '800' }),
};

/** Jobs that must be done in a second while uploads go on. */
const minJobRate = 500;

/** Takes the service without and with each setting in turn, so that a busy spell of the machine counts little. */
export async function measureSettings(rounds: number): Promise<Limit[]> {
  const policies = await measureCost(policiesCost, rounds);
  const scans = await measureCost(scansCost, rounds);
  const counters = await measureCost(countersCost, rounds);
  const jobs = await measureCost(jobsCost, rounds);
  return [
    toLimit(policiesCost, policies.ratio),
    toLimit(scansCost, scans.ratio),
    toLimit(countersCost, counters.ratio),
    toLimit(jobsCost, jobs.ratio),
    {
      name: 'small jobs a second while uploads go on',
      bound: minJobRate,
      measured: jobs.jobRate,
      kind: 'at least',
      unit: '',
    },
  ];
}

function toLimit({ name, minRatio: bound }: SettingsCost, measured: number): Limit {
  return { name, bound, measured, kind: 'at least', unit: '' };
}

async function measureCost(cost: SettingsCost, rounds: number) {
  const pairs: PairCost[] = [];
  for (let pair = 0; pair < (cost.pairs ?? 1); pair += 1)
    pairs.push(await measurePair(cost, rounds, pair % 2 === 0));
  return {
    ratio: median(pairs.flatMap(({ ratios }) => ratios)),
    jobRate: median(pairs.flatMap(({ jobRates }) => jobRates)),
  };
}

interface PairCost {
  ratios: number[];
  jobRates: number[];
}

async function measurePair(cost: SettingsCost, rounds: number, isFirstWithout: boolean): Promise<PairCost> {
  const directory = makeScratchDirectory('settings');
  const program = cost.program ? { program: cost.program } : {};
  const dataDirectory = join(directory, 'without');
  const startWithout = () => startService({ ...program, dataDirectory });
  const startHaving = () => startService({ ...program, environment: cost.environment(directory) });
  const early = await (isFirstWithout ? startWithout() : startHaving());
  const late = await (isFirstWithout ? startHaving() : startWithout());
  const [without, having] = isFirstWithout ? [early, late] : [late, early];
  try {
    await cost.remove?.(dataDirectory);
    return await takeRounds(having, without, rounds);
  } finally {
    await Promise.all([without.stop(), having.stop()]);
    removeScratchDirectory(directory);
  }
}

async function takeRounds(
  having: ServiceProcess,
  without: ServiceProcess,
  rounds: number,
): Promise<PairCost> {
  const cost: PairCost = { ratios: [], jobRates: [] };
  for (let round = 0; round <= rounds; round += 1) {
    // Whoever comes second finds the disk busier.
    const isFirst = round % 2 === 0;
    const early = await uploadMany(isFirst ? having : without);
    const late = await uploadMany(isFirst ? without : having);
    const [withIt, withoutIt] = isFirst ? [early, late] : [late, early];
    if (round === 0) continue;
    cost.ratios.push(withIt.rate / withoutIt.rate);
    cost.jobRates.push(withIt.jobRate);
  }
  return cost;
}

async function dropCounters(file: SqliteFile): Promise<void> {
  const triggers = await file.all<{ name: string }>(
    `SELECT name FROM sqlite_master WHERE type = 'trigger' AND sql LIKE '%usage_changes%'`,
  );
  if (triggers.length === 0) throw new Error('nothing counts what is stored');
  for (const { name } of triggers) await file.exec(`DROP TRIGGER "${name}"`);
}

interface Uploads {
  /** Uploads a second. */
  rate: number;
  /** Small jobs done a second meanwhile. */
  jobRate: number;
}

/** All go to the record type that is the last one of the file. */
async function uploadMany(service: ServiceProcess): Promise<Uploads> {
  const record = { type: 'Type199', id: '1' };
  const request = uploadRequest(service, { content: textContent(1024), fileName: 'ticket.txt', record });
  const before = await jobsDone(service);
  const begun = performance.now();
  const { rate } = await runLoad(service.origin, request, bounds);
  const seconds = (performance.now() - begun) / 1000;
  return { rate, jobRate: ((await jobsDone(service)) - before) / seconds };
}

/** 0 where it is the service's own program, which has no such count. */
async function jobsDone({ origin }: ServiceProcess): Promise<number> {
  const response = await fetch(`${origin}/jobs`);
  return response.ok ? ((await response.json()) as { done: number }).done : 0;
}

function writePolicies(directory: string): string {
  const types = [...Array(200).keys()].map((index) => `Type${index}`);
  const policy = {
    maxFileSize: 5_000_000,
    acceptedTypes: { 'text/plain': ['.txt'], 'application/pdf': ['.pdf'] },
  };
  const fields = (name: string) => ({
    attachments: { policy: name },
    images: { policy: name },
    other: { policy: name },
  });
  const book = {
    policies: Object.fromEntries(types.map((name) => [name.toLowerCase(), policy])),
    recordTypes: Object.fromEntries(
      types.map((name) => [name, { policy: name.toLowerCase(), fields: fields(name.toLowerCase()) }]),
    ),
  };
  const path = join(directory, 'policies.json');
  writeFileSync(path, JSON.stringify(book));
  return path;
}
