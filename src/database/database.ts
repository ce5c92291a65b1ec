import { mkdir, open } from 'node:fs/promises';
import { DataSource, type EntityManager, type Logger } from 'typeorm';
import { privateFile, privateFolder } from '../private-files.js';
import { toDatabaseFault } from './database-fault.js';
import { databaseFile, sqliteOptions } from './sqlite.js';
import { fixStatistics } from './sqlite-statistics.js';
import { type Work, WriteQueue } from './write-queue.js';

/** Rows. Reads see what is committed; every change goes through `write`. */
export interface Database {
  /** For reading only. */
  readonly read: EntityManager;
  /** For reading only, elsewhere than `read` where that has all that is committed now. Never throws. */
  reader(): Promise<EntityManager>;
  /** Runs `work` in a transaction and returns its value once that is durable. Whatever `work` throws undoes it and is thrown. */
  write<T>(work: Work<T>): Promise<T>;
  /** The time by which rows are dated and expire, the same for all processes on the database. */
  clock(): Date;
  /** Waits for writes under way. */
  close(): Promise<void>;
}

/** Opens the embedded database in `dataDirectory`, creating and migrating it as needed. */
export async function openDatabase(dataDirectory: string, logger?: Logger): Promise<Database> {
  await mkdir(dataDirectory, { recursive: true, mode: privateFolder });
  // SQLite gives the files beside it the mode of this one.
  await (await open(databaseFile(dataDirectory), 'a', privateFile)).close();
  const options = sqliteOptions(dataDirectory, logger);
  const writer = await new DataSource(options).initialize();
  try {
    await migrate(writer);
    const reader = await new DataSource(options).initialize();
    return connect(reader, writer);
  } catch (error) {
    await writer.destroy();
    throw error;
  }
}

async function migrate(writer: DataSource): Promise<void> {
  await writer.query('PRAGMA synchronous = FULL');
  await writer.query('PRAGMA wal_autocheckpoint = 4000');
  // Savepoints keep their undo journal there: in files, each would cost a few system calls more than the work itself.
  await writer.query('PRAGMA temp_store = MEMORY');
  await writer.runMigrations();
  await fixStatistics(writer);
}

function connect(reader: DataSource, writer: DataSource): Database {
  const queue = new WriteQueue(writer.createQueryRunner());
  return {
    read: reader.manager,
    reader: async () => reader.manager,
    clock: () => new Date(),
    write: async (work) => queue.add(work).catch((error: unknown) => Promise.reject(toDatabaseFault(error))),
    close: async () => {
      await queue.idle();
      await reader.destroy();
      await writer.destroy();
    },
  };
}
