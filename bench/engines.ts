import { pathToFileURL } from 'node:url';
import { Bucket } from '../test/engines/s3/s3-stage.js';
import { type Ceph, startCeph } from '../test/support/ceph.js';
import { type Postgres, startPostgres } from '../test/support/postgres.js';
import { createBucket, storageEnvironment } from '../test/support/s3-store.js';
import type { Limit } from './limit.js';
import { type LoadRequest, runLoad } from './load.js';
import { formatNumber } from './report.js';
import { textContent } from './scenarios.js';
import { makeScratchDirectory } from './scratch.js';
import { createApiKey, type ServiceProcess, startService } from './server-process.js';
import { uploadRequest } from './service-requests.js';
import { takeTurns } from './take-turns.js';

/** Processes that share what they store, and take the same load in equal parts. */
interface Setup {
  name: string;
  services: ServiceProcess[];
}

const bounds = { concurrency: 16, seconds: 2 };

/** The least share of the embedded default's rate. */
const leastRatios: Record<string, number> = { 'PostgreSQL and files': 0.9, 'PostgreSQL and S3': 0.6 };

/** Takes the embedded default and what stands in its place beyond one machine in turn, all in one run. */
export async function measureEngines(rounds: number): Promise<Limit[]> {
  const postgres = await startPostgres({ syncs: true });
  const ceph = await startCeph();
  const setups: Setup[] = [];
  try {
    for (const open of openers(postgres, ceph)) setups.push(await open());
    const contenders = setups.map((setup) => ({ name: setup.name, run: () => uploadMany(setup) }));
    const [embedded, ...others] = await takeTurns(contenders, rounds);
    return others.map(({ name, rate, ratio }) => ({
      name: `upload-1k, 16 at once, ${name}`,
      ours: `${formatNumber(rate)}/s`,
      reference: `${embedded?.name}: ${formatNumber(embedded?.rate ?? null)}/s`,
      measured: ratio,
      bound: leastRatios[name] ?? null,
      kind: 'at least',
      unit: '',
    }));
  } finally {
    await Promise.all(setups.flatMap(({ services }) => services.map((service) => service.stop())));
    await ceph.stop();
    await postgres.stop();
  }
}

function openers(postgres: Postgres, ceph: Ceph): (() => Promise<Setup>)[] {
  const files = async () => ({ STORAGE_URL: pathToFileURL(makeScratchDirectory('files')).href });
  const bucket = async () => {
    const made = new Bucket(await createBucket(ceph));
    await made.warmUp();
    return storageEnvironment(made.location);
  };
  const onPostgres =
    (name: string, count: number, storage: () => Promise<Record<string, string>>) => async () => {
      const environment = {
        ...sharedEnvironment,
        DATABASE_URL: await postgres.createDatabase(),
        ...(await storage()),
      };
      return { name, services: await startAlike(count, environment) };
    };
  return [
    async () => ({ name: 'SQLite and files', services: await startAlike(1, {}) }),
    onPostgres('PostgreSQL and files', 1, files),
    onPostgres('PostgreSQL and files, two processes', 2, files),
    onPostgres('PostgreSQL and S3', 1, bucket),
    onPostgres('PostgreSQL and S3, two processes', 2, bucket),
  ];
}

/** Settings that processes on one database must have in common. */
export const sharedEnvironment = {
  SIGNING_SECRET: 'a secret for benchmarks alone',
  WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
};

async function startAlike(count: number, environment: Record<string, string>): Promise<ServiceProcess[]> {
  const apiKey = createApiKey();
  const services: ServiceProcess[] = [];
  for (let index = 0; index < count; index += 1) services.push(await startService({ apiKey, environment }));
  return services;
}

async function uploadMany({ services }: Setup): Promise<number> {
  const share = { ...bounds, concurrency: bounds.concurrency / services.length };
  const results = await Promise.all(
    services.map((service) => runLoad(service.origin, smallUpload(service), share)),
  );
  return results.reduce((sum, { rate }) => sum + rate, 0);
}

function smallUpload(service: ServiceProcess): LoadRequest {
  return uploadRequest(service, { content: textContent(1024), fileName: 'ticket.txt' });
}
