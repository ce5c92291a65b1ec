import { rm } from 'node:fs/promises';
import { type Database, openDatabase } from '../../../src/database/database.js';
import { EmbeddedJobs } from '../../../src/jobs/embedded.js';
import type { Jobs } from '../../../src/jobs/jobs.js';
import { handler, type JobsStage, jobsContract, until } from '../../support/jobs-contract.js';
import { report } from '../../support/report.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

/** Each engine has connections of its own to the one file, as a process would. */
async function openStage(): Promise<JobsStage> {
  const directory = await makeTemporaryDirectory();
  const database = await openDatabase(directory);
  const killed = new Set<object>();
  const engines: Jobs[] = [];
  return {
    database,
    engine: ({ leaseMs = 15_000 } = {}) => {
      const engine: Jobs = new EmbeddedJobs({
        database: mortal(database, () => killed.has(engine)),
        clock: () => new Date(),
        onFailure: () => {},
        leaseMs,
        pollMs: 100,
      });
      engines.push(engine);
      return engine;
    },
    kill: (engine) => void killed.add(engine),
    close: async () => {
      // The last write of a dead one never ends.
      await Promise.all(engines.map((engine) => (killed.has(engine) ? void engine.stop(0) : engine.stop(0))));
      await database.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** What the dead write never happens. */
function mortal(database: Database, isDead: () => boolean): Database {
  return {
    ...database,
    write: (work) => (isDead() ? new Promise(() => {}) : database.write(work)),
  };
}

describe('the embedded engine', () => {
  jobsContract(openStage);
});

test('a job begins soon after its commit, and many get done', async () => {
  const stage = await openStage();
  const jobs = stage.engine();
  const delays: number[] = [];
  const run = async (payload: unknown) => {
    delays.push(performance.now() - (payload as { at: number }).at);
  };
  await jobs.work({ note: handler(run) });
  const enqueue = () =>
    stage.database.write((manager) =>
      jobs.enqueue(manager, { kind: 'note', payload: { at: performance.now() } }),
    );
  for (let count = 0; count < 100; count += 1) await enqueue();
  await until(() => delays.length === 100);
  const median = delays.toSorted((a, b) => a - b)[50] ?? 0;
  const start = performance.now();
  await Promise.all(Array.from({ length: 2_000 }, enqueue));
  await until(() => delays.length === 2_100, 60_000);
  const rate = 2_000 / ((performance.now() - start) / 1_000);
  report(`from enqueueing to start ${median.toFixed(1)} ms at the median; ${rate.toFixed(0)} jobs a second`);
  await stage.close();
}, 120_000);
