import { rm } from 'node:fs/promises';
import type { DataSource } from 'typeorm';
import { postgresOptions } from '../../../src/database/postgres.js';
import { sqliteOptions } from '../../../src/database/sqlite.js';
import { DataSource as Source } from '../../../src/database/typeorm.js';
import { type Postgres, startPostgres } from '../../support/postgres.js';
import { startCommand } from '../../support/run-command.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

/** Commands that change no tables. */
const commands = [
  ['keys', 'list'],
  ['keys', 'revoke', 'x'],
  ['jobs'],
  ['jobs', 'retry', '--all'],
  ['verify'],
  ['sweep', '--dry-run'],
];

let directory: string;
let postgres: Postgres | undefined;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres?.stop());
beforeEach(async () => {
  directory = await makeTemporaryDirectory();
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** The names of the migrations that the database has had; with `undo` without the last one. */
async function applied(source: DataSource, { undo = false } = {}): Promise<unknown> {
  await source.initialize();
  if (undo) await source.undoLastMigration();
  const rows = await source.query('SELECT name FROM migrations ORDER BY name');
  await source.destroy();
  return rows;
}

/** Commands leave an older database as it is, and name the one that changes it, which then does. */
async function expectLeftAlone(env: Record<string, string>, source: DataSource): Promise<void> {
  expect((await startCommand(['migrate'], env).result).status).toBe(0);
  const current = await applied(source);
  const older = await applied(source, { undo: true });
  for (const words of commands) {
    const { status, stdout, stderr } = await startCommand(words, env).result;
    expect({ words, status, stdout }).toEqual({ words, status: words[0] === 'verify' ? 2 : 1, stdout: '' });
    expect(stderr).toMatch(/^[^\n]*older version[^\n]*claimcheck migrate[^\n]*\n$/);
    expect(await applied(source)).toEqual(older);
  }
  expect((await startCommand(['sweep'], env).result).status).toBe(0);
  expect(await applied(source)).toEqual(current);
  expect((await startCommand(['keys', 'list'], env).result).status).toBe(0);
}

test('the tables of an embedded database are changed by no command that does not say so', async () => {
  await expectLeftAlone({ DATA_DIR: directory, DATABASE_URL: '' }, new Source(sqliteOptions(directory)));
}, 120_000);

test('the tables of a database on PostgreSQL are neither', async () => {
  const url = (await postgres?.createDatabase()) ?? '';
  const source = new Source(postgresOptions({ url, poolSize: 2, statementTimeoutMs: 30_000 }));
  await expectLeftAlone({ DATA_DIR: directory, DATABASE_URL: url }, source);
}, 120_000);

/** As if the database had tables of its own by these names: the first migration fails. */
async function expectFaultOfMigration(env: Record<string, string>, source: DataSource): Promise<void> {
  expect((await startCommand(['migrate'], env).result).status).toBe(0);
  await source.initialize();
  await source.query('DELETE FROM migrations');
  await source.destroy();
  const { status, stdout, stderr } = await startCommand(['migrate'], env).result;
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toMatch(/already exists/);
}

test('a migration that fails on SQLite is told by the error of the database', async () => {
  const env = { DATA_DIR: directory, DATABASE_URL: '' };
  await expectFaultOfMigration(env, new Source(sqliteOptions(directory)));
}, 60_000);

test('a migration that fails on PostgreSQL is, too', async () => {
  const url = (await postgres?.createDatabase()) ?? '';
  const source = new Source(postgresOptions({ url, poolSize: 2, statementTimeoutMs: 30_000 }));
  await expectFaultOfMigration({ DATA_DIR: directory, DATABASE_URL: url }, source);
}, 60_000);
