import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { LoopPauses } from './loop-monitor.js';
import { readProcessUsage } from './process-usage.js';
import { formatNumber, formatTable, toMebibytes } from './report.js';
import { makeScratchDirectory, removeScratchDirectory } from './scratch.js';
import { seedSqlite } from './seed-sqlite.js';
import {
  benchProgram,
  createApiKey,
  entrance,
  type ServiceOptions,
  type ServiceProcess,
  startService,
} from './server-process.js';
import { createOwner, upload } from './service-requests.js';
import { attacks } from './stall-attacks.js';
import type { Attack } from './stall-clients.js';
import type { ProbeInput, ProbeResult } from './stall-probe.js';

/** The effect of one attack on everybody else. */
export interface Stall {
  attack: string;
  idle: ProbeResult;
  attacked: ProbeResult;
  /** The longest pauses of the service's event loop meanwhile. */
  loop: LoopPauses;
  /** A word about the answers that the attacker got. */
  answered: string;
  peakRssBytes: number | null;
  /** Some seconds after the attack. */
  restRssBytes: number | null;
}

const idleMs = 3_000;
const restMs = 5_000;

/**
 * Attacks a fresh service at a time, after an idle run, while another organization goes on asking. Limits of rate are off,
 * so that each attack shows what its requests cost.
 */
export async function measureStalls(scale: number, only: string | undefined): Promise<Stall[]> {
  const stalls: Stall[] = [];
  for (const attack of attacks) {
    if (only !== undefined && !attack.name.includes(only)) continue;
    console.error(`stalls, ${attack.name} …`);
    stalls.push(await measureStall(attack, scale));
  }
  return stalls;
}

export function formatStalls(stalls: readonly Stall[]): string {
  const header = [
    'attack',
    'live idle, ms',
    'live, ms',
    'attachment idle, ms',
    'attachment, ms',
    'loop, ms',
    'its work, ms',
    'lost',
    'peak MiB',
    'after MiB',
    'answered',
  ];
  return formatTable(
    header,
    stalls.map((stall) => [
      stall.attack,
      formatNumber(stall.idle.live),
      formatNumber(stall.attacked.live),
      formatNumber(stall.idle.attachment),
      formatNumber(stall.attacked.attachment),
      formatNumber(stall.loop.longest),
      formatNumber(stall.loop.longestWork),
      String(stall.attacked.faults),
      formatNumber(toMebibytes(stall.peakRssBytes)),
      formatNumber(toMebibytes(stall.restRssBytes)),
      stall.answered,
    ]),
  );
}

async function measureStall(attack: Attack, scale: number): Promise<Stall> {
  const dataDirectory = makeScratchDirectory('stall');
  await using preparation = await attack.prepare?.();
  const pauseFile = join(dataDirectory, 'longest-pause');
  const options = {
    dataDirectory,
    apiKey: createApiKey(),
    nodeArguments: ['--import', pathToFileURL(benchProgram('loop-monitor.js')).href],
    environment: { ...preparation?.environment, LOOP_PAUSE_FILE: pauseFile },
  };
  if (attack.rows !== undefined) await seed(options, Math.ceil(attack.rows * scale));
  const service = await startService(options);
  let isStopped = false;
  try {
    const other = await createOther(service, dataDirectory);
    await attack.fill?.(service);
    await sleep(restMs / 2);
    const idle = await probeDuring(other, () => sleep(idleMs));
    let answered = '';
    process.kill(service.pid, 'SIGUSR2');
    const attacked = await probeDuring(other, async () => {
      answered = await attack.run(service);
    });
    const peak = await readProcessUsage(service.pid);
    await sleep(restMs);
    const rest = await readProcessUsage(service.pid);
    isStopped = true;
    await service.stop();
    return {
      attack: attack.name,
      idle,
      attacked,
      loop: JSON.parse(readFileSync(pauseFile, 'utf8')) as LoopPauses,
      answered,
      peakRssBytes: peak?.peakRssBytes ?? null,
      restRssBytes: rest?.rssBytes ?? null,
    };
  } finally {
    if (!isStopped) await service.stop();
    removeScratchDirectory(dataDirectory);
  }
}

async function seed(options: ServiceOptions, count: number): Promise<void> {
  const owner = await createOwner(options);
  const path = join(String(options.dataDirectory), 'claimcheck.sqlite');
  await seedSqlite(path, { count, ...owner });
}

/** Another organization, with an attachment of its own. */
async function createOther(service: ServiceProcess, dataDirectory: string): Promise<ProbeInput> {
  const apiKey = execFileSync(process.execPath, [entrance, 'keys', 'create', '--organization', 'other'], {
    env: { ...process.env, DATA_DIR: dataDirectory },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim();
  const { id } = await upload(
    { ...service, apiKey },
    { content: [Buffer.from('a ticket')], fileName: 'other.txt' },
  );
  return { origin: service.origin, apiKey, attachmentId: id };
}

async function probeDuring(input: ProbeInput, work: () => Promise<void>): Promise<ProbeResult> {
  const probe = new Worker(new URL('./stall-probe.js', import.meta.url), { workerData: input });
  await once(probe, 'online');
  await sleep(200);
  try {
    await work();
  } finally {
    probe.postMessage('stop');
  }
  const [result] = (await once(probe, 'message')) as [ProbeResult];
  return result;
}
