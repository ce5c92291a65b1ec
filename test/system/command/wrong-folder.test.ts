import { execFile } from 'node:child_process';
import { readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import sqlite3 from 'sqlite3';
import { type Postgres, startPostgres } from '../../support/postgres.js';
import { startCommand } from '../../support/run-command.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

/** Every command that works on a database that must be there. */
const commands = [
  ['keys', 'list'],
  ['keys', 'revoke', 'x'],
  ['jobs'],
  ['jobs', 'retry', '--all'],
  ['verify'],
  ['sweep'],
];

let directory: string;
beforeEach(async () => {
  directory = await makeTemporaryDirectory();
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe('in the wrong folder', () => {
  test.each(commands)('%s %s %s names DATA_DIR and makes nothing', async (...words: string[]) => {
    const none = join(directory, 'none');
    const { status, stdout, stderr } = await startCommand(words, { DATA_DIR: none, DATABASE_URL: '' }).result;
    expect({ status, stdout }).toEqual({ status: words[0] === 'verify' ? 2 : 1, stdout: '' });
    expect(stderr).toMatch(/^[^\n]*DATA_DIR[^\n]*\n$/);
    expect(stderr).toContain(none);
    expect(await readdir(directory)).toEqual([]);
  });

  test('a folder that is there and empty stays empty', async () => {
    const { status, stderr } = await startCommand(['keys', 'list'], { DATA_DIR: directory, DATABASE_URL: '' })
      .result;
    expect([status, stderr]).toEqual([1, expect.stringContaining(directory)]);
    expect(await readdir(directory)).toEqual([]);
  });

  test('keys create makes a database, and says so', async () => {
    const env = { DATA_DIR: directory, DATABASE_URL: '' };
    const made = await startCommand(['keys', 'create'], env).result;
    expect(made.stdout).toMatch(/^cck_[\w-]{43}\n$/);
    expect(made.stderr).toContain(`There was no database in ${directory} (DATA_DIR)`);
    expect((await startCommand(['keys', 'create'], env).result).stderr).not.toContain('There was no');
  });

  test('five commands that find no database at the same time make one', async () => {
    const env = { DATA_DIR: directory, DATABASE_URL: '' };
    const create = ['keys', 'create', '--organization', 'acme', '--name'];
    const names = ['a', 'b', 'c', 'd', 'e'];
    const made = await Promise.all(names.map((name) => startCommand([...create, name], env).result));
    expect(made.map(({ status, stderr }) => ({ status, stderr }))).toEqual(
      names.map(() => ({ status: 0, stderr: expect.stringContaining('Shown this once.') })),
    );
    const { stdout } = await startCommand(['keys', 'list'], env).result;
    expect(stdout.match(/cck_/g)).toHaveLength(names.length);
  });
});

describe('with an empty database of PostgreSQL', () => {
  let postgres: Postgres | undefined;
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(() => postgres?.stop());

  test.each([['jobs'], ['verify'], ['keys', 'list']])(
    '%s %s names DATABASE_URL and makes nothing',
    async (...words: string[]) => {
      const env = { DATA_DIR: directory, DATABASE_URL: postgres?.url ?? '' };
      const { status, stdout, stderr } = await startCommand(words, env).result;
      expect({ status, stdout }).toEqual({ status: words[0] === 'verify' ? 2 : 1, stdout: '' });
      expect(stderr).toMatch(/^[^\n]*DATABASE_URL[^\n]*\n$/);
      expect(stderr).not.toContain('password@');
      expect(await readdir(directory)).toEqual([]);
    },
  );

  test('verify says that it needs DATA_DIR for its own state', async () => {
    const none = join(directory, 'none');
    const env = { DATA_DIR: none, DATABASE_URL: (await postgres?.createDatabase()) ?? '' };
    expect((await startCommand(['migrate'], env).result).status).toBe(0);
    const { status, stderr } = await startCommand(['verify'], env).result;
    expect(status).toBe(2);
    expect(stderr).toContain('DATA_DIR');
    expect(await readdir(directory)).toEqual([]);
  });
});

describe('with a database that cannot be opened', () => {
  test.each([['serve'], ['migrate'], ['jobs'], ['keys', 'list']])(
    '%s %s names the file',
    async (...words) => {
      const path = join(directory, 'claimcheck.sqlite');
      await writeFile(path, 'no database at all, but a text of more than a hundred bytes. '.repeat(20));
      const env = { DATA_DIR: directory, DATABASE_URL: '', PORT: '0' };
      const { status, stdout, stderr } = await startCommand(words.filter(Boolean), env).result;
      expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
      expect(stderr).toBe(`${path} cannot be opened: SQLITE_NOTADB: file is not a database\n`);
    },
  );

  test('a file that another process writes to is told by its path, with the reason', async () => {
    const env = { DATA_DIR: directory, DATABASE_URL: '' };
    await startCommand(['migrate'], env).result;
    const path = join(directory, 'claimcheck.sqlite');
    const other = new sqlite3.Database(path);
    const run = promisify((sql: string, done: (error: Error | null) => void) => other.exec(sql, done));
    await run('BEGIN IMMEDIATE');
    const { status, stderr } = await startCommand(['keys', 'list'], env).result;
    await run('ROLLBACK');
    other.close();
    expect([status, stderr]).toEqual([
      1,
      `${path} cannot be opened: another process, such as claimcheck move, goes on writing to it.\n`,
    ]);
  });

  test('a file that cannot grow is told by its path', async () => {
    const command = ['-c', 'ulimit -f 100; exec "$0" dist/claimcheck.cjs migrate', process.execPath];
    const env = { PATH: process.env['PATH'], DATA_DIR: directory };
    await expect(promisify(execFile)('sh', command, { env })).rejects.toMatchObject({
      stderr: `${directory}/claimcheck.sqlite cannot be opened: SQLITE_IOERR: disk I/O error\n`,
    });
  });

  test('a folder that leads nowhere is not taken for one without a database', async () => {
    await symlink('data', join(directory, 'data'));
    const env = { DATA_DIR: join(directory, 'data'), DATABASE_URL: '' };
    const { status, stderr } = await startCommand(['keys', 'list'], env).result;
    const fault = `  DATA_DIR: the system does not make or open ${env.DATA_DIR}/claimcheck.sqlite (ELOOP)\n`;
    expect([status, stderr]).toEqual([1, expect.stringContaining(fault)]);
  });
});
