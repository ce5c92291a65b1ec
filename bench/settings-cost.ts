import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Limit } from './limit.js';
import { runLoad } from './load.js';
import { textContent } from './scenarios.js';
import { makeScratchDirectory, removeScratchDirectory } from './scratch.js';
import { benchProgram, type ServiceProcess, startService } from './server-process.js';
import { uploadRequest } from './service-requests.js';
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
  const jobs = await measureCost(jobsCost, rounds);
  return [
    toLimit(policiesCost, policies.ratio),
    toLimit(scansCost, scans.ratio),
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
  const directory = makeScratchDirectory('settings');
  const program = cost.program ? { program: cost.program } : {};
  const without = await startService(program);
  const having = await startService({ ...program, environment: cost.environment(directory) });
  try {
    const ratios: number[] = [];
    const jobRates: number[] = [];
    for (let round = 0; round <= rounds; round += 1) {
      // Whoever comes second finds the disk busier.
      const isFirst = round % 2 === 0;
      const early = await uploadMany(isFirst ? having : without);
      const late = await uploadMany(isFirst ? without : having);
      const [withIt, withoutIt] = isFirst ? [early, late] : [late, early];
      if (round === 0) continue;
      ratios.push(withIt.rate / withoutIt.rate);
      jobRates.push(withIt.jobRate);
    }
    return { ratio: median(ratios), jobRate: median(jobRates) };
  } finally {
    await Promise.all([without.stop(), having.stop()]);
    removeScratchDirectory(directory);
  }
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
