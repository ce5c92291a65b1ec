import { createHash } from 'node:crypto';
import { link, readFile, rm, stat, writeFile } from 'node:fs/promises';
import pg from 'pg';
import sqlite3 from 'sqlite3';
import { loadConfig } from '../../src/config/config.js';
import { type Database, openDatabase } from '../../src/database/database.js';
import { databaseFile } from '../../src/database/sqlite.js';
import { openConfiguredDatabase } from '../../src/wiring/open-stores.js';
import { makeTemporaryDirectory } from './temporary-directory.js';

/** The server on which services under test keep their rows, where use-postgres.ts says so; otherwise they use SQLite. */
const serverUrl = () => process.env['TEST_POSTGRES_URL'];

export const runsOnPostgres = () => serverUrl() !== undefined;

/** The server's port; null on SQLite. */
export const databasePort = () => (runsOnPostgres() ? Number(new URL(serverUrl() ?? '').port) : null);

/** By how much the time of the service may differ from this process's: on PostgreSQL it is the database's, as far as known. */
export const clockSlackMs = () => (runsOnPostgres() ? 1_000 : 0);

/** Without them a service on PostgreSQL warns that others do not know its own. */
const secrets = {
  SIGNING_SECRET: 'a secret of the tests alone',
  WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
};

/** The database settings of a service with this data directory. */
export function databaseSettings(dataDirectory: string): Record<string, string> {
  const server = serverUrl();
  if (server === undefined) return {};
  const url = new URL(server);
  url.pathname = `/${nameOf(dataDirectory)}`;
  return { DATABASE_URL: url.href, DATABASE_POOL_SIZE: '6', ...secrets };
}

/**
 * The same; a database without a row is made at need. On SQLite only in a folder that is there: one that is not is the
 * service's to make, with a database that it migrates itself.
 */
export async function databaseEnvironment(dataDirectory: string): Promise<Record<string, string>> {
  const server = serverUrl();
  if (server !== undefined) await createDatabase(server, nameOf(dataDirectory));
  else if (await isFolder(dataDirectory)) await copyMigrated(databaseFile(dataDirectory));
  return databaseSettings(dataDirectory);
}

const isFolder = (path: string) =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );

let migrated: Promise<Buffer> | undefined;

/** Does nothing if the file is there. It appears as a whole, as several may ask for it at once. */
async function copyMigrated(file: string): Promise<void> {
  migrated ??= migrateOnce();
  if (await stat(file).catch(() => null)) return;
  const directory = await makeTemporaryDirectory();
  const copy = databaseFile(directory);
  await writeFile(copy, await migrated, { mode: 0o600 });
  await link(copy, file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  await rm(directory, { recursive: true });
}

/** The bytes of a database without a row: to copy them is twenty times as fast as to migrate. */
async function migrateOnce(): Promise<Buffer> {
  const directory = await makeTemporaryDirectory();
  await (await openDatabase(directory)).close();
  const bytes = await readFile(databaseFile(directory));
  await rm(directory, { recursive: true });
  return bytes;
}

/** Rows of the database of the service with this data directory, as they are; none where there is no database. */
export async function queryTestDatabase<Row extends object>(
  dataDirectory: string,
  sql: string,
): Promise<Row[]> {
  const { DATABASE_URL: connectionString } = databaseSettings(dataDirectory);
  if (connectionString === undefined) return querySqlite<Row>(databaseFile(dataDirectory), sql);
  const client = new pg.Client({ connectionString });
  try {
    await client.connect();
    return (await client.query<Row>(sql)).rows;
  } catch (error) {
    if ((error as { code?: string }).code === '3D000') return [];
    throw error;
  } finally {
    await client.end();
  }
}

async function querySqlite<Row>(file: string, sql: string): Promise<Row[]> {
  if (!(await stat(file).catch(() => null))) return [];
  const connection = new sqlite3.Database(file, sqlite3.OPEN_READONLY);
  connection.configure('busyTimeout', 5_000);
  try {
    return await new Promise<Row[]>((resolve, reject) => {
      connection.all<Row>(sql, (error, rows) => (error ? reject(error) : resolve(rows)));
    });
  } finally {
    await new Promise((resolve) => connection.close(resolve));
  }
}

const nameOf = (dataDirectory: string) =>
  `test_${createHash('sha256').update(dataDirectory).digest('hex').slice(0, 20)}`;

/** The database of the service with this data directory, seen from outside. */
export async function openTestDatabase(dataDirectory: string): Promise<Database> {
  return openConfiguredDatabase(
    loadConfig({ DATA_DIR: dataDirectory, ...(await databaseEnvironment(dataDirectory)) }),
  );
}

/** A copy of the database at `server`, to which nobody is connected. */
async function createDatabase(server: string, name: string): Promise<void> {
  const template = new URL(server).pathname.slice(1);
  const client = new pg.Client({ connectionString: new URL('/postgres', server).href });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`).catch((error: { code?: string }) => {
      // Somebody has made it before.
      if (error.code !== '42P04' && error.code !== '23505') throw error;
    });
  } finally {
    await client.end();
  }
}
