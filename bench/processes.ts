import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { pathToFileURL } from 'node:url';
import { type Postgres, startPostgres } from '../test/support/postgres.js';
import { sharedEnvironment } from './engines.js';
import type { Limit } from './limit.js';
import type { LoadOrder } from './load-client.js';
import { readProcessUsage } from './process-usage.js';
import { busyMs, canHold, holdTo, pin } from './processor-share.js';
import { formatNumber, formatTable } from './report.js';
import { textContent } from './scenarios.js';
import { endWithRun, makeScratchDirectory } from './scratch.js';
import { benchProgram, createApiKey, type ServiceProcess, startService } from './server-process.js';
import { uploadRequest } from './service-requests.js';
import { takeTurns } from './take-turns.js';

/** Processes on one database, and what they have cost so far. */
interface Group {
  name: string;
  count: number;
  services: ServiceProcess[];
  /** Undoes what holds its processes, once they have ended. */
  frees: (() => void)[];
  answered: number;
  seconds: number;
  cpuMs: { services: number; clients: number; all: number };
}

const clientCount = 4;
const bounds = { concurrency: 8, seconds: 3 };
/** Until V8 has compiled what uploads need, for each process: a share of a processor would be used up by that. */
const warmUpSeconds = 8;
/** Two of them, their database and their clients together leave two processors idle for a part of the time. */
const share = 0.25;
const leastRatio = 1.5;
const answerTimeoutMs = 30_000;

/**
 * Uploads of 1 KiB by one process and by two on one PostgreSQL, from four clients, each on a processor of its own as far as
 * there are so many. Once with what the machine has, and once with a share of a processor for each process: that is a machine with
 * more processors than they use.
 */
export async function measureProcesses(rounds: number): Promise<Limit[]> {
  const postgres = await startPostgres({ syncs: true, maxConnections: 300 });
  const clients = Array.from({ length: clientCount }, (_, index) => startClient(index));
  try {
    const limits: Limit[] = [];
    for (const held of canHold() ? [null, share] : [null])
      limits.push(...(await measureAlike(postgres, clients, held, rounds)));
    return limits;
  } finally {
    for (const client of clients) client.disconnect();
    await postgres.stop();
  }
}

/** One process and two in turn, each held to this share of a processor. */
async function measureAlike(
  postgres: Postgres,
  clients: readonly ChildProcess[],
  held: number | null,
  rounds: number,
): Promise<Limit[]> {
  const groups: Group[] = [];
  try {
    for (const count of [1, 2]) {
      const group = await startGroup(postgres, count);
      groups.push(group);
      for (let left = count; left > 0; left -= 1) await load(group, clients, false, warmUpSeconds);
      if (held !== null) hold(group, held);
    }
    const limits = await compare(groups, clients, rounds);
    console.log(`\n${formatGroups(groups)}`);
    return limits;
  } finally {
    await Promise.all(groups.flatMap(({ services }) => services.map((service) => service.stop())));
    for (const { frees } of groups) for (const free of frees) free();
  }
}

function startClient(index: number): ChildProcess {
  const client = fork(benchProgram('load-client.js'));
  endWithRun(client);
  pin(client.pid ?? 0, index);
  return client;
}

async function startGroup(postgres: Postgres, count: number): Promise<Group> {
  const apiKey = createApiKey();
  const environment = {
    ...sharedEnvironment,
    DATABASE_URL: await postgres.createDatabase(),
    STORAGE_URL: pathToFileURL(makeScratchDirectory('files')).href,
  };
  const services: ServiceProcess[] = [];
  for (let index = 0; index < count; index += 1) services.push(await startService({ apiKey, environment }));
  const name = `${count} ${count === 1 ? 'process' : 'processes'}`;
  return {
    name,
    count,
    services,
    frees: [],
    answered: 0,
    seconds: 0,
    cpuMs: { services: 0, clients: 0, all: 0 },
  };
}

function hold(group: Group, held: number): void {
  group.frees = group.services.map(({ pid }) => holdTo(held, pid).free);
  group.name += `, each ${held} of a processor`;
}

async function compare(
  groups: readonly Group[],
  clients: readonly ChildProcess[],
  rounds: number,
): Promise<Limit[]> {
  const contenders = groups.map((group) => ({
    name: group.name,
    run: (counts: boolean) => load(group, clients, counts),
  }));
  const [one, ...others] = await takeTurns(contenders, rounds);
  const isHeld = groups.some(({ frees }) => frees.length > 0);
  return others.map(({ name, rate, ratio }) => ({
    name: `upload-1k, ${clientCount * bounds.concurrency} at once, ${name}`,
    ours: `${formatNumber(rate)}/s`,
    reference: `one: ${formatNumber(one?.rate ?? null)}/s`,
    measured: ratio,
    bound: isHeld ? leastRatio : null,
    kind: 'at least',
    unit: '',
  }));
}

/** All clients at once, in equal parts on all processes of the group. */
async function load(
  group: Group,
  clients: readonly ChildProcess[],
  counts: boolean,
  seconds = bounds.seconds,
): Promise<number> {
  const before = await usageOf(group, clients);
  const begun = performance.now();
  const results = await Promise.all(clients.map((client, index) => order(client, group, index, seconds)));
  const elapsed = (performance.now() - begun) / 1000;
  const after = await usageOf(group, clients);
  if (counts) {
    group.answered += results.reduce((sum, { answered }) => sum + answered, 0);
    group.seconds += elapsed;
    for (const name of ['services', 'clients', 'all'] as const)
      group.cpuMs[name] += after[name] - before[name];
  }
  return results.reduce((sum, { rate }) => sum + rate, 0);
}

async function order(
  client: ChildProcess,
  { services }: Group,
  index: number,
  seconds: number,
): Promise<{ rate: number; answered: number }> {
  const service = services[index % services.length];
  if (!service) throw new Error('There is no process to load.');
  const request = uploadRequest(service, { content: textContent(1024), fileName: 'ticket.txt' });
  const body = request.body.map((piece) => Buffer.from(piece).toString());
  client.send({
    origin: service.origin,
    request: { ...request, body },
    bounds: { ...bounds, seconds },
  } satisfies LoadOrder);
  const [result] = await once(client, 'message', { signal: AbortSignal.timeout(answerTimeoutMs) });
  return result as { rate: number; answered: number };
}

async function usageOf({ services }: Group, clients: readonly ChildProcess[]): Promise<Group['cpuMs']> {
  const sum = async (pids: readonly (number | undefined)[]) => {
    const usages = await Promise.all(pids.map((pid) => readProcessUsage(pid ?? 0)));
    return usages.reduce((total, usage) => total + (usage?.cpuMs ?? 0), 0);
  };
  const [ofServices, ofClients] = [
    await sum(services.map(({ pid }) => pid)),
    await sum(clients.map(({ pid }) => pid)),
  ];
  return { services: ofServices, clients: ofClients, all: busyMs() };
}

/** Milliseconds of a processor for one upload; all else is PostgreSQL and what the system does for it. */
function formatGroups(groups: readonly Group[]): string {
  return formatTable(
    ['uploads of 1 KiB by', 'a second', 'services, ms', 'clients, ms', 'all else, ms', 'processors busy'],
    groups.map(({ name, answered, seconds, cpuMs: { services, clients, all } }) => [
      name,
      formatNumber(answered / seconds),
      ...[services, clients, all - services - clients].map((ms) => formatNumber(ms / answered)),
      `${formatNumber(all / 1000 / seconds)} of ${availableParallelism()}`,
    ]),
  );
}
