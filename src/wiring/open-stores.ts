import { stat } from 'node:fs/promises';
import type { Logger } from 'typeorm';
import type { Config } from '../config.js';
import { type Database, openDatabase } from '../database/database.js';
import { databaseFile } from '../database/sqlite.js';
import type { ReadLimits } from '../database/sqlite-readers.js';
import { createLocalStorage } from '../storage/local.js';
import type { Storage } from '../storage/storage.js';

export interface DatabaseObservers {
  /** Sees every SQL statement. */
  statementLogger?: Logger | undefined;
  /** Other time limits than usual, of the embedded database. */
  readLimits?: Partial<ReadLimits> | undefined;
  /** Told when the replica cannot be read, once until it can be again. */
  onReplicaLost?(error: unknown): void;
}

/** Opens the database that the settings name, creating and migrating it as needed. */
export async function openConfiguredDatabase(
  config: Config,
  { statementLogger, readLimits, onReplicaLost }: DatabaseObservers = {},
): Promise<Database> {
  if (config.postgres === null) return openDatabase(config.dataDirectory, statementLogger, readLimits);
  const { openPostgres } = await import('../database/postgres.js');
  return openPostgres(config.postgres, statementLogger, onReplicaLost);
}

/** Whether the database that the settings name is there, made by any version. Makes nothing. */
export async function hasConfiguredDatabase({ postgres, dataDirectory }: Config): Promise<boolean> {
  if (postgres === null) {
    const size = await stat(databaseFile(dataDirectory)).then(
      (found) => found.size,
      () => 0,
    );
    return size > 0;
  }
  const { hasTables } = await import('../database/postgres.js');
  return hasTables(postgres);
}

/** As `openConfiguredDatabase`, for commands that only make sense on what is there. Throws, naming the setting, and makes nothing. */
export async function openExistingDatabase(config: Config): Promise<Database> {
  if (await hasConfiguredDatabase(config)) return openConfiguredDatabase(config);
  throw new Error(
    config.postgres === null
      ? `There is no database in ${config.dataDirectory}: is DATA_DIR the folder of the service?`
      : 'The database in DATABASE_URL has no tables of Claimcheck: is it the one of the service?',
  );
}

/** Where the settings say that bytes are kept. */
export async function createConfiguredStorage({ storage }: Config): Promise<Storage> {
  if (typeof storage === 'string') return createLocalStorage(storage);
  const { createS3Storage } = await import('../storage/s3.js');
  return createS3Storage(storage);
}
