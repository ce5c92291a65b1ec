import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { openDatabase } from '../../../src/database/database.js';
import { AttachmentRow } from '../../../src/database/entities/attachment.js';
import { type Postgres, startPostgres } from '../../support/postgres.js';
import { startCommand } from '../../support/run-command.js';
import { randomKey, startService } from '../../support/service.js';
import { spawnService } from '../../support/spawned-service.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

/** More than one batch. */
const count = 450;

let postgres: Postgres | undefined;
let directory: string;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres?.stop());
beforeEach(async () => {
  directory = await makeTemporaryDirectory();
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** An embedded database with so many attachments. */
async function fill(env: Record<string, string>): Promise<void> {
  const service = await startService(env);
  const { id } = await service.client.upload({ content: 'moved' }, { record: { type: 'Task', id: '1' } });
  await service.close();
  const database = await openDatabase(directory);
  const original = await database.read.findOneByOrFail(AttachmentRow, { id });
  await database.write(async (manager) => {
    for (let index = 1; index < count; index += 1)
      await manager.insert(AttachmentRow, { ...original, id: uuidv7() });
  });
  await database.close();
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}

test('a service that is started on the target midway is noticed before the next batch', async () => {
  const url = (await postgres?.createDatabase()) ?? '';
  const env = { DATA_DIR: directory, DATABASE_URL: '', STORAGE_URL: '', BOOTSTRAP_API_KEY: randomKey() };
  await fill(env);
  expect((await startCommand(['migrate'], { ...env, DATABASE_URL: url }).result).status).toBe(0);
  const client = new pg.Client({ connectionString: url });
  // If the test fails, the server ends before it.
  client.on('error', () => undefined);
  await client.connect();
  const ask = async (sql: string) => Number((await client.query<{ count: string }>(sql)).rows[0]?.count);
  // The move comes as far as the first batch of attachments.
  await client.query('BEGIN');
  await client.query('LOCK TABLE attachments IN SHARE MODE');
  const moving = startCommand(['move', '--to-database', url], env);
  await until(async () => (await ask('SELECT count(*) FROM pg_locks WHERE NOT granted')) > 0);
  const service = await spawnService({ ...env, DATABASE_URL: url });
  await client.query('COMMIT');
  const { status, stderr } = await moving.result;
  expect({ status, stderr }).toEqual({
    status: 1,
    stderr: expect.stringMatching(/^A service has been started on the database to move to.*Stop the service/),
  });
  const written = await ask('SELECT count(*) FROM attachments');
  expect([written > 0, written < count]).toEqual([true, true]);

  await service.end('SIGTERM');
  const again = await startCommand(['move', '--to-database', url], env).result;
  expect(again).toMatchObject({ status: 0, stderr: '' });
  expect(await ask('SELECT count(*) FROM attachments')).toBe(count);
  await client.end();
}, 120_000);

describe('a database with an organization of the same id', () => {
  /** Makes the organization by a command, so that its id is its name, and uses it. */
  const fillAcme = async (env: Record<string, string>, fileName: string | null) => {
    const { stdout } = await startCommand(['keys', 'create', '--organization', 'acme'], env).result;
    if (fileName === null) return;
    const service = await spawnService({ ...env, BOOTSTRAP_API_KEY: stdout.trim() });
    await service.client.upload({ content: fileName, name: fileName });
    await service.end('SIGTERM');
  };

  test.each([
    ['is left alone if that is of another service', 'theirs.txt'],
    ['is moved to if nobody has used it', null],
  ])('%s', async (_, theirs) => {
    const url = (await postgres?.createDatabase()) ?? '';
    const own = { DATA_DIR: join(directory, 'own'), DATABASE_URL: '', STORAGE_URL: '' };
    await fillAcme(own, 'ours.txt');
    await fillAcme({ ...own, DATA_DIR: join(directory, 'other'), DATABASE_URL: url }, theirs);
    const { status, stderr } = await startCommand(['move', '--to-database', url], own).result;
    const refusal = 'The database to move to is in use: its organization acme is that of another service.\n';
    expect([status, stderr]).toEqual(theirs === null ? [0, ''] : [1, refusal]);
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query('SELECT file_name FROM attachments');
    await client.end();
    expect(rows).toEqual([{ file_name: theirs ?? 'ours.txt' }]);
  });
});
