import sqlite3 from 'sqlite3';
import type { EntityManager, Logger } from 'typeorm';
import type { SqliteDriver } from 'typeorm/driver/sqlite/SqliteDriver.js';
import { SqliteQueryRunner } from 'typeorm/driver/sqlite/SqliteQueryRunner.js';
import { databaseFile, PreparingDatabase, sqliteOptions } from './sqlite.js';
import { DataSource } from './typeorm.js';

/** For rows that are found by a key, which takes microseconds. */
const pointConnections = 2;
/** For lists and counts. Each takes a core while it runs, and a thread of those that also read and write files. */
const listConnections = 3;

/** A statement may take so long, in milliseconds; and so long may a list wait for its connection. */
export interface ReadLimits {
  point: number;
  list: number;
  aside: number;
  patience: number;
}

export const readLimits: ReadLimits = { point: 30_000, list: 5_000, aside: 2_000, patience: 10_000 };

/** The connections of the embedded database that only read. All of them share one set of TypeORM's metadata. */
export interface SqliteReaders {
  /** Reads by a key. */
  point: EntityManager;
  /** Each runs lists and counts on a connection of its own. */
  lists: EntityManager[];
  /** The service's own questions, on a connection of their own. */
  aside: EntityManager;
  close(): Promise<void>;
}

/** Opens them on a database that has its tables. */
export async function openReaders(
  dataDirectory: string,
  logger: Logger | undefined,
  limits: ReadLimits,
): Promise<SqliteReaders> {
  const path = databaseFile(dataDirectory);
  const opened: TimedConnection[] = [];
  const open = async (limitMs: number) => {
    const connection = await TimedConnection.open(path, limitMs);
    opened.push(connection);
    return connection;
  };
  const source = new DataSource({
    ...sqliteOptions(dataDirectory, logger),
    driver: driverOf(() => openSeveral(pointConnections, () => open(limits.point))),
  });
  const closeAll = async () => {
    if (source.isInitialized) await source.destroy();
    await Promise.all(opened.map(closeConnection));
  };
  try {
    await source.initialize();
    const managerOn = (connection: TimedConnection) =>
      source.createEntityManager(new ConnectionRunner(source.driver as SqliteDriver, connection));
    const lists = await openSeveral(listConnections, () => open(limits.list));
    return {
      point: source.manager,
      lists: lists.map(managerOn),
      aside: managerOn(await open(limits.aside)),
      close: closeAll,
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

function openSeveral(count: number, open: () => Promise<TimedConnection>): Promise<TimedConnection[]> {
  return Promise.all(Array.from({ length: count }, open));
}

function closeConnection(connection: TimedConnection): Promise<void> {
  return new Promise((resolve, reject) => {
    connection.close((error) => (error ? reject(error) : resolve()));
  });
}

/** Runs TypeORM's statements on a connection of ours. */
class ConnectionRunner extends SqliteQueryRunner {
  readonly #connection: TimedConnection;

  constructor(driver: SqliteDriver, connection: TimedConnection) {
    super(driver);
    this.#connection = connection;
  }

  override connect(): Promise<TimedConnection> {
    return Promise.resolve(this.#connection);
  }
}

type Done = (error: Error | null) => void;

/** Several connections, which TypeORM takes for the one that it knows of. Whoever opens them closes them. */
class SharedConnections {
  #connections: TimedConnection[] = [];

  constructor(open: () => Promise<TimedConnection[]>, opened: Done) {
    open().then((connections) => {
      this.#connections = connections;
      opened(null);
    }, opened);
  }

  /** TypeORM's settings of a connection: these have theirs. */
  run(_sql: string, done: Done): void {
    done(null);
  }

  all(sql: string, ...rest: unknown[]): void {
    const idlest = this.#connections.reduce((one, other) => (other.load < one.load ? other : one));
    idlest.all(sql, ...rest);
  }

  close(done: Done): void {
    done(null);
  }
}

function driverOf(open: () => Promise<TimedConnection[]>) {
  const driver = {
    ...sqlite3,
    Database: class extends SharedConnections {
      constructor(_path: string, opened: Done) {
        super(open, opened);
      }
    },
    verbose: () => driver,
  };
  return driver;
}

/** An interruption that comes before the statement has begun to run is without effect, so it is repeated, in milliseconds. */
const againMs = 20;

type Callback = (this: unknown, error: Error | null, rows?: unknown) => void;

interface Statement {
  sql: string;
  parameters: unknown;
  callback: Callback;
}

/**
 * A connection for reading. It runs one statement at a time, so that those that wait hold no thread, and interrupts one that
 * takes too long: the error's code is then SQLITE_INTERRUPT.
 */
class TimedConnection extends PreparingDatabase {
  readonly #limitMs: number;
  readonly #waiting: Statement[] = [];
  #isBusy = false;

  private constructor(path: string, limitMs: number, opened: (error: Error | null) => void) {
    super(path, opened);
    this.#limitMs = limitMs;
  }

  /** Opens a database in WAL mode that is there already. Statements may take `limitMs` milliseconds. */
  static open(path: string, limitMs: number): Promise<TimedConnection> {
    return new Promise((resolve, reject) => {
      const connection = new TimedConnection(path, limitMs, (error) =>
        error
          ? reject(error)
          : connection.exec(settings, (fault) => (fault ? reject(fault) : resolve(connection))),
      );
    });
  }

  /** How many statements are running or waiting. */
  get load(): number {
    return this.#waiting.length + (this.#isBusy ? 1 : 0);
  }

  override all<Row>(sql: string, ...rest: unknown[]): this {
    const [parameters, callback] = rest;
    if (typeof callback !== 'function') return super.all<Row>(sql, ...rest);
    this.#waiting.push({ sql, parameters, callback: callback as Callback });
    if (!this.#isBusy) this.#next();
    return this;
  }

  #next(): void {
    const statement = this.#waiting.shift();
    this.#isBusy = statement !== undefined;
    if (statement === undefined) return;
    const { sql, parameters, callback } = statement;
    const interrupt = () => {
      this.interrupt();
      timer = setTimeout(interrupt, againMs);
    };
    let timer = setTimeout(interrupt, this.#limitMs);
    const next = () => this.#next();
    super.all(sql, parameters, function (this: unknown, error: Error | null, rows: unknown) {
      clearTimeout(timer);
      next();
      callback.call(this, error, rows);
    });
  }
}

const settings = 'PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON; PRAGMA query_only = ON';
