import { rm } from 'node:fs/promises';
import { type Database, openDatabase } from '../../../src/database/database.js';
import { EmbeddedJobs } from '../../../src/jobs/embedded.js';
import type { Jobs } from '../../../src/jobs/jobs.js';
import { type JobsStage, jobsContract } from '../../support/jobs-contract.js';
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

/** A database on which writes after death never happen. */
function mortal(database: Database, isDead: () => boolean): Database {
  return {
    ...database,
    write: (work) => (isDead() ? new Promise(() => {}) : database.write(work)),
  };
}

describe('the embedded engine', () => {
  jobsContract(openStage);
});
