import sqlite3 from 'sqlite3';

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
