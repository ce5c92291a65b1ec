import { open } from 'node:fs/promises';
import type { EntityManager, Logger } from 'typeorm';
import { privateFile } from '../config/files.js';
import { makeFolder } from '../config/folders.js';
import { BackgroundWrites } from './background-writes.js';
import type { Creation } from './creations.js';
import { isTimeLimit, toDatabaseFault, tookTooLong } from './database-faults.js';
import { AttachmentRow } from './entities/attachment.js';
import { BlobRow } from './entities/blob.js';
import { JobRow } from './entities/job.js';
import { AuditEventRow } from './entities/organization.js';
import { FairTurns } from './fair-turns.js';
import { whileLocked } from './file-lock.js';
import {
  databaseFile,
  fixStatistics,
  openLog,
  shrinkFile,
  sqliteOptions,
  withDatabaseFile,
} from './sqlite.js';
import { openReaders, type ReadLimits, readLimits, type SqliteReaders } from './sqlite-readers.js';
import { DataSource } from './typeorm.js';
import { CreationStatement, type Work, type Write, WriteQueue } from './write-queue.js';

/** Rows. Reads see what is committed; every change goes through `write`. */
export interface Database {
  /** For reading only, by keys. */
  readonly read: EntityManager;
  /** For reading only: the replica if it has caught up with the primary, else `read`. Never throws. */
  reader(): Promise<EntityManager>;
  /**
   * Lists and counts: what may search through many rows. They run on few connections, which organizations share fairly.
   * `from` is where they read instead of `read`, as `reader` has said. Throws QUERY_TOO_COMPLEX if a statement takes too
   * long, and RATE_LIMITED if other lists of the organization do. `isUrgent`: comes before those, and is not refused for them.
   */
  list<T>(
    organizationId: string,
    from: EntityManager,
    work: (read: EntityManager) => Promise<T>,
    isUrgent?: boolean,
  ): Promise<T>;
  /** For what the service asks itself, such as its own health. No client's statement comes before it. */
  readonly aside: Pick<EntityManager, 'query'>;
  /** Throws unless rows can be read and written now. */
  check(): Promise<void>;
  /** Runs `work` in a transaction and returns its value once that is durable. Whatever `work` throws undoes it and is thrown. */
  readonly write: Write;
  /**
   * Writes a creation that consists of these rows, as `write` would. `work` inserts them too, and runs where the engine has no
   * statement for many creations at once, or where that fails.
   */
  create(creation: Creation, work: Work<void>): Promise<void>;
  /** As `write`, for loops of writes that no client waits for. It leaves the database to others in between; add several at once. */
  readonly writeInBackground: Write;
  /**
   * Gives room that deleted rows have left back to the file system, in the background. Does nothing if the engine does so by
   * itself, or cannot.
   */
  shrink(): Promise<void>;
  /** The time by which rows are dated and expire, the same for all processes on the database. */
  clock(): Date;
  /** Waits for writes under way. */
  close(): Promise<void>;
}

/** Opens the embedded database in `dataDirectory`, creating and migrating it as needed. */
export async function openDatabase(
  dataDirectory: string,
  logger?: Logger,
  limits: Partial<ReadLimits> = {},
): Promise<Database> {
  await makeFolder(dataDirectory);
  // SQLite gives the files beside it the mode of this one.
  await (await open(databaseFile(dataDirectory), 'a', privateFile)).close();
  const writer = new DataSource(sqliteOptions(dataDirectory, logger));
  try {
    // One makes the tables where several find a new folder, or a database of an earlier version.
    await whileLocked(`${databaseFile(dataDirectory)}.lock`, migrationTurn, async () => {
      await writer.initialize();
      await migrate(writer);
    });
    const allLimits = { ...readLimits, ...limits };
    const runner = writer.createQueryRunner();
    // Jobs are rows here, such as that of a scan.
    const creations = await CreationStatement.prepare(runner, [...created, JobRow]);
    const queue = new WriteQueue(runner, creations);
    return connect(await openReaders(dataDirectory, logger, allLimits), { writer, queue }, allLimits);
  } catch (error) {
    if (writer.isInitialized) await writer.destroy();
    throw withDatabaseFile(error, dataDirectory);
  }
}

const migrationTurn = {
  waitMs: 60_000,
  busy: 'Another process has been preparing the database for more than a minute.',
};

async function migrate(writer: DataSource): Promise<void> {
  await openLog(writer);
  await writer.query('PRAGMA synchronous = FULL');
  // Savepoints keep their undo journal there: in files, each would cost a few system calls more than the work itself.
  await writer.query('PRAGMA temp_store = MEMORY');
  await writer.runMigrations();
  await fixStatistics(writer);
}

/** Clients of this process wait for a group. */
const backgroundGroup = 32;

/** The tables of a creation. Rows refer to earlier ones. */
export const created = [BlobRow, AttachmentRow, AuditEventRow];

const rejectWithFault = (error: unknown): never => {
  throw toDatabaseFault(error);
};

interface Writer {
  writer: DataSource;
  queue: WriteQueue;
}

function connect(readers: SqliteReaders, { writer, queue }: Writer, limits: ReadLimits): Database {
  const write: Write = (work) => queue.add(work).catch(rejectWithFault);
  const background = new BackgroundWrites(write, { groupSize: backgroundGroup, isYielding: true });
  const turns = new FairTurns({
    seats: readers.lists,
    seatsOfOneKey: readers.lists.length - 1,
    patienceMs: limits.patience,
  });
  return {
    read: readers.point,
    reader: async () => readers.point,
    list: (organizationId, _from, work, isUrgent) =>
      turns.run(organizationId, inTime(work, limits.list), isUrgent),
    aside: readers.aside,
    check: async () => {
      await readers.aside.query('SELECT 1 FROM organizations LIMIT 1');
      await queue.addFirst(touch);
    },
    clock: () => new Date(),
    write,
    create: (creation, work) => queue.create(creation, work).catch(rejectWithFault),
    writeInBackground: background.add,
    shrink: () => shrinkFile(readers.aside, background.add),
    close: async () => {
      await background.close();
      await queue.idle();
      await readers.close();
      await writer.destroy();
    },
  };
}

/** Says of lists and counts that take too long what clients can do about it. */
export function inTime<T>(
  work: (read: EntityManager) => Promise<T>,
  limitMs: number,
): (read: EntityManager) => Promise<T> {
  return async (read) => {
    try {
      return await work(read);
    } catch (error) {
      throw isTimeLimit(error) ? tookTooLong(limitMs, error) : error;
    }
  };
}

const secondsOfALap = 2 ** 31;

/** Writes a number in the file's header, which is of no other use: a commit as any other, which a full disk refuses. */
async function touch(manager: EntityManager): Promise<void> {
  await manager.query(`PRAGMA user_version = ${Math.floor(Date.now() / 1_000) % secondsOfALap}`);
}
