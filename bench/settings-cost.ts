import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Limit } from './limit.js';
import { runLoad } from './load.js';
import { textContent } from './scenarios.js';
import { makeScratchDirectory, removeScratchDirectory } from './scratch.js';
import { startService } from './server-process.js';
import { uploadRequest } from './service-requests.js';
import { median } from './statistics.js';

/** What a setting may cost uploads of 1 KiB into the field of a record. */
interface SettingsCost {
  name: string;
  /** The least share that must be left of the rate without it. */
  minRatio: number;
  /** The environment with it; `directory` is there for files. */
  environment(directory: string): Record<string, string>;
}

const bounds = { requests: 600, concurrency: 16, seconds: 6 };

const policiesCost: SettingsCost = {
  name: 'uploads with policies of 200 record types, by those with the built-in ones',
  minRatio: 0.95,
  environment: (directory) => ({ POLICIES_FILE: writePolicies(directory) }),
};

const scansCost: SettingsCost = {
  name: 'uploads with scans going on, by those without',
  minRatio: 0.8,
  environment: () => ({ SCANNER: 'eicar' }),
};

/** Takes the service without and with each setting in turn, so that a busy spell of the machine counts little. */
export async function measureSettings(rounds: number): Promise<Limit[]> {
  const limits: Limit[] = [];
  for (const cost of [policiesCost, scansCost]) {
    const { name, minRatio: bound } = cost;
    limits.push({ name, bound, measured: await measureRatio(cost, rounds), kind: 'at least', unit: '' });
  }
  return limits;
}

async function measureRatio(cost: SettingsCost, rounds: number): Promise<number> {
  const directory = makeScratchDirectory('settings');
  const without = await startService();
  const having = await startService({ environment: cost.environment(directory) });
  try {
    const ratios: number[] = [];
    for (let round = 0; round <= rounds; round += 1) {
      // Whoever comes second finds the disk busier.
      const isFirst = round % 2 === 0;
      const early = await uploadRate(isFirst ? having : without);
      const late = await uploadRate(isFirst ? without : having);
      const [rateHaving, rateWithout] = isFirst ? [early, late] : [late, early];
      if (round > 0) ratios.push(rateHaving / rateWithout);
    }
    return median(ratios);
  } finally {
    await Promise.all([without.stop(), having.stop()]);
    removeScratchDirectory(directory);
  }
}

/** Every upload goes into the same field of its own record type, which is the last one of the file. */
async function uploadRate(service: Awaited<ReturnType<typeof startService>>): Promise<number> {
  const record = { type: 'Type199', id: '1' };
  const request = uploadRequest(service, { content: textContent(1024), fileName: 'ticket.txt', record });
  return (await runLoad(service.origin, request, bounds)).rate;
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
