import type { Logger } from 'typeorm';
import type { Config } from '../config.js';
import { type Database, openDatabase } from '../database/database.js';
import { createLocalStorage } from '../storage/local.js';
import type { Storage } from '../storage/storage.js';

export interface DatabaseObservers {
  /** Sees every SQL statement. */
  statementLogger?: Logger | undefined;
  /** Told when the replica cannot be read, once until it can be again. */
  onReplicaLost?(error: unknown): void;
}

/** Opens the database that the settings name, creating and migrating it as needed. */
export async function openConfiguredDatabase(
  config: Config,
  { statementLogger, onReplicaLost }: DatabaseObservers = {},
): Promise<Database> {
  if (config.postgres === null) return openDatabase(config.dataDirectory, statementLogger);
  const { openPostgres } = await import('../database/postgres.js');
  return openPostgres(config.postgres, statementLogger, onReplicaLost);
}

/** Where the settings say that bytes are kept. */
export async function createConfiguredStorage({ storage }: Config): Promise<Storage> {
  if (typeof storage === 'string') return createLocalStorage(storage);
  const { createS3Storage } = await import('../storage/s3.js');
  return createS3Storage(storage);
}
