import type { EntityManager } from 'typeorm';
import { loadConfig } from '../../../src/config/config.js';
import type { Database } from '../../../src/database/database.js';
import type { JobHandlers, Jobs, NewJob } from '../../../src/jobs/jobs.js';
import { openConfiguredJobs } from '../../../src/wiring/open-stores.js';
import { databaseEnvironment } from '../../support/test-database.js';

/** The engine that goes with the database, and what it has been given. */
export class RecordedJobs implements Pick<Jobs, 'enqueue'> {
  readonly enqueued: NewJob[] = [];
  readonly #engine: Jobs;
  #stopped: Promise<void> | null = null;

  private constructor(engine: Jobs) {
    this.#engine = engine;
  }

  static async open(dataDirectory: string, database: Database): Promise<RecordedJobs> {
    const config = loadConfig({ DATA_DIR: dataDirectory, ...(await databaseEnvironment(dataDirectory)) });
    const log = { error: () => undefined, warn: () => undefined };
    return new RecordedJobs(await openConfiguredJobs(config, { database, clock: () => new Date(), log }));
  }

  enqueue(manager: EntityManager, job: NewJob): Promise<void> {
    this.enqueued.push(job);
    return this.#engine.enqueue(manager, job);
  }

  work(handlers: JobHandlers): Promise<void> {
    return this.#engine.work(handlers);
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#engine.stop(5_000);
    return this.#stopped;
  }
}
