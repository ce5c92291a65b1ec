import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import sqlite3 from 'sqlite3';
import { readPage } from '../../support/doc-page.js';
import { randomKey, startService } from '../../support/service.js';
import { describeWithProgram } from '../../support/skip-without.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

const run = promisify(execFile);

/** Runs statements on the file beside the service. */
class Beside {
  readonly #connection: sqlite3.Database;

  constructor(path: string) {
    this.#connection = new sqlite3.Database(path);
    this.#connection.configure('busyTimeout', 5_000);
  }

  run(sql: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#connection.exec(sql, (error) => (error ? reject(error) : resolve()));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise((resolve) => this.#connection.close(resolve));
  }
}

/** A database of 100 MB, which is not copied between one commit and the next. */
const enlarge = `CREATE TABLE filler AS WITH RECURSIVE rows (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM rows WHERE n < 100)
  SELECT randomblob(1000000) AS bytes FROM rows`;

/** Many more than there are while the database is copied once. */
const maxCommits = 400_000;

describeWithProgram('sqlite3', 'apt-get install sqlite3', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await makeTemporaryDirectory();
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  test('the backup of docs/operators.md ends beside a busy service, and has what was uploaded before', async () => {
    const commands = readPage('docs/operators.md').blocks.find(({ text }) => text.includes('.backup'))?.text;
    const env = { DATA_DIR: join(directory, 'data'), BOOTSTRAP_API_KEY: randomKey() };
    const service = await startService(env);
    const small = await service.client.upload({ content: 'small' });
    const large = await service.client.upload({ content: 'x'.repeat(100_000) });
    await using beside = new Beside(join(env.DATA_DIR, 'claimcheck.sqlite'));
    await beside.run(enlarge);
    await beside.run('PRAGMA synchronous = OFF');

    let isOver = false;
    const backup = run('bash', ['-ec', commands ?? 'false'], { cwd: directory }).finally(() => {
      isOver = true;
    });
    let commits = 0;
    for (; !isOver && commits < maxCommits; commits += 1)
      await beside.run(`PRAGMA user_version = ${commits}`);
    const wasOver = isOver;
    await backup;
    await service.close();
    expect({ wasOver, isBusy: commits > 100 }).toEqual({ wasOver: true, isBusy: true });

    await using restored = await startService({ ...env, DATA_DIR: join(directory, 'backup') });
    for (const { id, size } of [small, large]) {
      const answer = await restored.client.download(`/attachments/${id}`);
      expect((await answer.text()).length).toBe(size);
    }
  });
});
