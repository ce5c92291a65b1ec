import { PreparingDatabase } from './prepared-statements.js';

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
export class TimedConnection extends PreparingDatabase {
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
