import type { ChildProcess } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import pg from 'pg';
import { keepReceiptKeys } from '../../../src/receipts/receipt-keys.js';
import { type Postgres, startPostgres } from '../../support/postgres.js';
import { randomKey } from '../../support/service.js';
import { type SpawnedService, spawnService, spawnWorker } from '../../support/spawned-service.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { webhookSecret } from '../../support/webhook-receiver.js';

/** Processes that share a database and stored bytes, and nothing else. */
export class Cluster implements AsyncDisposable {
  readonly postgres: Postgres;
  readonly key = randomKey();
  /** Holds the folder of the stored files, and the keys of receipts. */
  readonly directory: string;
  readonly #services: SpawnedService[] = [];
  readonly #workers: ChildProcess[] = [];
  #count = 0;

  private constructor(postgres: Postgres, directory: string) {
    this.postgres = postgres;
    this.directory = directory;
  }

  static async open(options: Parameters<typeof startPostgres>[0] = {}): Promise<Cluster> {
    const directory = await makeTemporaryDirectory();
    await keepReceiptKeys(directory);
    return new Cluster(await startPostgres(options), directory);
  }

  /** Settings of one more process. */
  env(more: Record<string, string> = {}): Record<string, string> {
    this.#count += 1;
    return {
      DATA_DIR: join(this.directory, `own-${this.#count}`),
      DATABASE_URL: this.postgres.url,
      DATABASE_POOL_SIZE: '6',
      STORAGE_URL: pathToFileURL(join(this.directory, 'files')).href,
      SIGNING_SECRET: 'one secret for all of them',
      WEBHOOK_SECRET: webhookSecret,
      RECEIPT_KEYS_FILE: join(this.directory, 'receipt-keys.json'),
      WEBHOOK_ALLOW_PRIVATE: 'true',
      BOOTSTRAP_API_KEY: this.key,
      RATE_LIMIT_PER_MINUTE: '0',
      SCANNER: 'eicar',
      ...more,
    };
  }

  async serve(more: Record<string, string> = {}, options: string[] = []): Promise<SpawnedService> {
    const service = await spawnService(this.env(more), options);
    this.#services.push(service);
    return service;
  }

  async work(more: Record<string, string> = {}): Promise<ChildProcess> {
    const worker = await spawnWorker(this.env(more));
    this.#workers.push(worker);
    return worker;
  }

  /** The rows of one statement, on a connection of its own. */
  async query<Row = Record<string, unknown>>(sql: string): Promise<Row[]> {
    const client = new pg.Client({ connectionString: this.postgres.url });
    await client.connect();
    try {
      return (await client.query(sql)).rows as Row[];
    } finally {
      await client.end();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const worker of this.#workers) worker.kill('SIGKILL');
    await Promise.all(this.#services.map((service) => service.end('SIGKILL')));
    await this.postgres.stop();
    await rm(this.directory, { recursive: true, force: true });
  }
}
