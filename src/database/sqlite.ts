import { join } from 'node:path';
import sqlite3 from 'sqlite3';
import type { DataSource, DataSourceOptions, EntityManager, Logger } from 'typeorm';
import { entities } from './entities/all.js';
import { migrations } from './migrations/all.js';
import { silentLogger } from './typeorm.js';
import type { Write } from './write-queue.js';

/** As many as one connection keeps; lists of changing length make new ones all the time. */
const maxStatements = 300;

/** Statements that do not change the tables; others are prepared each time. */
const repeated = /^\s*(?:SELECT|INSERT|UPDATE|DELETE|BEGIN|COMMIT)\b/;

type Callback = (this: unknown, error: Error | null) => void;

/** A connection that prepares each statement text once: otherwise every run is two trips to the thread pool. */
export class PreparingDatabase extends sqlite3.Database {
  readonly #statements = new Map<string, sqlite3.Statement>();
  /** Statements that are being prepared. */
  #preparing = 0;
  /** Ends the closing, once nothing is being prepared any more. */
  #finishClosing: (() => void) | null = null;

  override run(sql: string, ...rest: unknown[]): this {
    const [parameters, callback] = rest;
    if (!isRepeated(sql, callback)) return super.run(sql, ...rest);
    this.#withPrepared(sql, callback, (statement) => statement.run(parameters ?? [], callback));
    return this;
  }

  override all<Row>(sql: string, ...rest: unknown[]): this {
    const [parameters, callback] = rest;
    if (!isRepeated(sql, callback))
      return super.all(sql, ...(rest as [(error: Error | null, rows: Row[]) => void]));
    this.#withPrepared(sql, callback, (statement) => statement.all(parameters ?? [], callback));
    return this;
  }

  /** Takes no more statements to prepare. Those that have been given run to their end first. */
  override close(callback?: (error: Error | null) => void): void {
    const finish = () => {
      for (const statement of this.#statements.values()) statement.finalize();
      this.#statements.clear();
      super.close(callback);
    };
    this.#finishClosing = finish;
    if (this.#preparing === 0) finish();
  }

  /** The driver drops what is queued on a statement that cannot be prepared, so a statement is used only once it is prepared. */
  #withPrepared(sql: string, callback: Callback, use: (statement: sqlite3.Statement) => void): void {
    const known = this.#statements.get(sql);
    if (known) {
      // Put back last, so that the one not used for longest is the first.
      this.#statements.delete(sql);
      this.#statements.set(sql, known);
      use(known);
      return;
    }
    if (this.#finishClosing) {
      const error = Object.assign(new Error('The database is being closed.'), { code: 'SQLITE_MISUSE' });
      setImmediate(() => callback.call(this, error));
      return;
    }
    this.#preparing += 1;
    const statement = this.prepare(sql, (error: Error | null) => {
      this.#preparing -= 1;
      if (error) callback.call(statement, error);
      else {
        use(statement);
        this.#keep(sql, statement);
      }
      if (this.#preparing === 0) this.#finishClosing?.();
    });
  }

  #keep(sql: string, statement: sqlite3.Statement): void {
    // If two were prepared at the same time, one is enough. Finalizing waits for what has been queued.
    this.#statements.get(sql)?.finalize();
    this.#statements.set(sql, statement);
    if (this.#statements.size <= maxStatements) return;
    for (const [oldest, dropped] of this.#statements) {
      this.#statements.delete(oldest);
      dropped.finalize();
      break;
    }
  }
}

function isRepeated(sql: string, callback: unknown): callback is Callback {
  return typeof callback === 'function' && repeated.test(sql);
}

/** TypeORM calls `verbose()` on the driver, which captures a stack trace for every statement. This one declines. */
const quietDriver = { ...sqlite3, Database: PreparingDatabase, verbose: () => quietDriver };

/** How TypeORM reaches the embedded database: one file in the data directory, whose log `openLog` turns on. */
export function sqliteOptions(dataDirectory: string, logger?: Logger) {
  return {
    type: 'sqlite',
    driver: quietDriver as object,
    database: databaseFile(dataDirectory),
    busyTimeout: 5_000,
    entities,
    migrations,
    migrationsTransactionMode: 'each',
    ...(logger ? { logger, logging: true } : { logger: silentLogger }),
  } satisfies DataSourceOptions;
}

const faultsOfFile = /^SQLITE_(NOTADB|CANTOPEN|READONLY|CORRUPT|PERM|FULL|IOERR)\b/;

/** SQLite does not say which file it cannot open, nor that another process writes to it. */
export function withDatabaseFile(error: unknown, dataDirectory: string): unknown {
  if (!(error instanceof Error)) return error;
  if (error.message.startsWith('SQLITE_BUSY')) {
    const reason = 'another process, such as claimcheck move, goes on writing to it';
    return new Error(`${databaseFile(dataDirectory)} cannot be opened: ${reason}.`, { cause: error });
  }
  if (!faultsOfFile.test(error.message)) return error;
  return new Error(`${databaseFile(dataDirectory)} cannot be opened: ${error.message}`, { cause: error });
}

type Statistic = [table: string, index: string, figures: string];

/**
 * How a large database looks to ANALYZE: rows in the index, then how many share the first column of it, the first two, and so
 * on. Round figures, for one organization with a million attachments.
 */
const statistics: readonly Statistic[] = [
  ['attachments', 'ix_attachments_blob', '1000000 1'],
  ['attachments', 'ix_attachments_content_type', '1000000 1000000 10000 1'],
  ['attachments', 'ix_attachments_created_at', '950000 950000 1 1'],
  ['attachments', 'ix_attachments_creator', '1000000 1000000 200000 100000 1 1'],
  ['attachments', 'ix_attachments_creator_file_name', '1000000 1000000 200000 100000 1 1'],
  ['attachments', 'ix_attachments_creator_size', '1000000 1000000 200000 100000 1 1'],
  ['attachments', 'ix_attachments_expires_at', '50000 1 1'],
  ['attachments', 'ix_attachments_file_name', '950000 950000 1 1'],
  ['attachments', 'ix_attachments_only_linked', '1000 1000 1000 1 1'],
  ['attachments', 'ix_attachments_record', '950000 950000 950000 10 1 1'],
  ['attachments', 'ix_attachments_size', '950000 950000 1 1'],
  ['attachments', 'ix_attachments_unnamed', '1000 1'],
  ['attachments', 'ix_attachments_unrendered', '1000 1'],
  ['attachments', 'sqlite_autoindex_attachments_1', '1000000 1'],
  ['blobs', 'ix_blobs_damaged', '1000 1000 1'],
  ['blobs', 'ix_blobs_document_key', '1000000 1'],
  ['blobs', 'ix_blobs_not_approved', '2000 2000 1000'],
  ['blobs', 'ix_blobs_sha256', '1000000 1000000 1'],
  ['blobs', 'ix_blobs_verified_at', '1000000 1000 1'],
  ['blobs', 'sqlite_autoindex_blobs_1', '1000000 1'],
  ['links', 'ix_links_attachment', '950000 1'],
  ['links', 'sqlite_autoindex_links_1', '950000 10 1'],
  ['record_fields', 'ix_record_fields_record', '100000 100000 100000 1 1'],
  ['record_fields', 'sqlite_autoindex_record_fields_1', '100000 1'],
  ['trashed_attachments', 'ix_trashed_attachments_blob', '1000000 1'],
  ['trashed_attachments', 'ix_trashed_attachments_content_type', '1000000 1000000 10000 1'],
  ['trashed_attachments', 'ix_trashed_attachments_created_at', '950000 950000 1 1'],
  ['trashed_attachments', 'ix_trashed_attachments_creator', '1000000 1000000 200000 100000 1 1'],
  ['trashed_attachments', 'ix_trashed_attachments_creator_file_name', '1000000 1000000 200000 100000 1 1'],
  ['trashed_attachments', 'ix_trashed_attachments_creator_size', '1000000 1000000 200000 100000 1 1'],
  ['trashed_attachments', 'ix_trashed_attachments_expires_at', '1000000 1 1'],
  ['trashed_attachments', 'ix_trashed_attachments_file_name', '950000 950000 1 1'],
  ['trashed_attachments', 'ix_trashed_attachments_only_linked', '1000 1000 1000 1 1'],
  ['trashed_attachments', 'ix_trashed_attachments_record', '950000 950000 950000 10 1 1'],
  ['trashed_attachments', 'ix_trashed_attachments_size', '950000 950000 1 1'],
  ['trashed_attachments', 'sqlite_autoindex_trashed_attachments_1', '1000000 1'],
];

/**
 * Gives SQLite the statistics of a large database for good. Without any it takes an index on the organization for a choice one
 * and walks all its rows, and those of a database that began empty would stay without until the next start. Connections that
 * are opened later know them too.
 */
export async function fixStatistics(writer: DataSource): Promise<void> {
  // Makes the table where there is none, and reads it.
  await writer.query('ANALYZE sqlite_schema');
  const present = await writer.query<{ tbl: string; idx: string | null; stat: string }[]>(
    'SELECT tbl, idx, stat FROM sqlite_stat1 ORDER BY tbl, idx',
  );
  if (present.map(({ tbl, idx, stat }) => [tbl, idx, stat].join()).join(';') === statistics.join(';')) return;
  await writer.transaction(async (manager) => {
    await manager.query('DELETE FROM sqlite_stat1');
    const rows = statistics.map(() => '(?, ?, ?)').join();
    await manager.query(`INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ${rows}`, statistics.flat());
  });
  await writer.query('ANALYZE sqlite_schema');
}

/** Bytes. An upload, and an ADD of many links, write fewer of them than of SQLite's usual 4 KiB. */
const pageSize = 8_192;

/**
 * Turns the log on. That writes the header of a file that is empty yet, with the size of its pages and that it may shrink later on.
 * Another file keeps what it has: to change it takes hours.
 */
export async function openLog(writer: DataSource): Promise<void> {
  await writer.query(`PRAGMA page_size = ${pageSize}`);
  await writer.query('PRAGMA auto_vacuum = INCREMENTAL');
  await writer.query('PRAGMA journal_mode = WAL');
  const pages = Math.round(logSize / (await pageSizeOf(writer)));
  await writer.query(`PRAGMA wal_autocheckpoint = ${pages}`);
}

/** Bytes of the log after which its pages are copied into the file. One that changes again meanwhile is copied once. */
const logSize = 16 * 1024 * 1024;

async function pageSizeOf(read: Pick<EntityManager, 'query'>): Promise<number> {
  const [row] = await read.query<{ page_size: number }[]>('PRAGMA page_size');
  return row?.page_size ?? pageSize;
}

/** Bytes that stay free for new rows. */
const spareBytes = 4 * 1024 * 1024;
/** Bytes that go in one transaction. */
const bytesAtOnce = 1024 * 1024;

/** Gives free pages back, as far as there are many of them. */
export async function shrinkFile(read: Pick<EntityManager, 'query'>, write: Write): Promise<void> {
  const bytesOfPage = await pageSizeOf(read);
  const pagesAtOnce = Math.floor(bytesAtOnce / bytesOfPage);
  for (let before = Infinity; ; ) {
    const [row] = await read.query<{ freelist_count: number }[]>('PRAGMA freelist_count');
    const free = row?.freelist_count ?? 0;
    if (free * bytesOfPage <= spareBytes || free >= before) return;
    before = free;
    await write((manager) => manager.query(`PRAGMA incremental_vacuum(${pagesAtOnce})`));
  }
}

/** The file of the embedded database; SQLite adds `-wal` and `-shm` beside it. */
export const databaseFile = (dataDirectory: string) => join(dataDirectory, 'claimcheck.sqlite');
