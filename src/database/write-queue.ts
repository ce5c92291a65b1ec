import type { EntityManager, EntityMetadata, EntityTarget, ObjectLiteral, QueryRunner } from 'typeorm';
import { joinBodies } from './blob-bodies.js';
import { type Creation, fitsJson, takeGroup } from './creations.js';
import { BlobRow } from './entities/blob.js';
import { toCellsOf } from './row-values.js';

/**
 * A piece of work inside a transaction. It must await every statement it starts, do no other I/O, and change nothing but
 * rows: where a neighbour fails, it is undone and runs again.
 */
export type Work<T> = (manager: EntityManager) => Promise<T>;

/** Runs work in a transaction, and returns its value once that is durable. */
export type Write = <T>(work: Work<T>) => Promise<T>;

interface Waiting {
  work: Work<unknown>;
  /** Rows that `work` would insert, and nothing else. */
  creation: Creation | null;
  resolve(value: unknown): void;
  reject(reason: unknown): void;
}

/**
 * The only way to write to SQLite, whose single connection would otherwise mix the statements of neighbours. Work waiting
 * at the same time shares a transaction; still, what fails is undone alone, and nobody is answered before the commit is
 * durable.
 */
export class WriteQueue {
  readonly #runner: QueryRunner;
  readonly #creations: CreationStatement;
  #waiting: Waiting[] = [];
  #draining: Promise<void> | null = null;

  constructor(runner: QueryRunner, creations: CreationStatement) {
    this.#runner = runner;
    this.#creations = creations;
  }

  add<T>(work: Work<T>): Promise<T> {
    return this.#add(work, null, (waiting) => this.#waiting.push(waiting));
  }

  /** Adds work that inserts these rows and does nothing else: several such become one statement. */
  create(creation: Creation, work: Work<void>): Promise<void> {
    return this.#add(work, fitsJson(creation) ? creation : null, (waiting) => this.#waiting.push(waiting));
  }

  /** Adds work before all that waits already. */
  addFirst<T>(work: Work<T>): Promise<T> {
    return this.#add(work, null, (waiting) => this.#waiting.unshift(waiting));
  }

  #add<T>(work: Work<T>, creation: Creation | null, enqueue: (waiting: Waiting) => void): Promise<T> {
    const done = new Promise<T>((resolve, reject) => {
      enqueue({ work, creation, resolve: (value) => resolve(value as T), reject });
    });
    this.#draining ??= this.#drain();
    return done;
  }

  /** Resolves once everything added so far has been answered. */
  async idle(): Promise<void> {
    await this.#draining;
  }

  async #drain(): Promise<void> {
    // Lets everything that becomes ready in this turn of the event loop join the first group.
    await new Promise(setImmediate);
    while (this.#waiting.length > 0) {
      const group = takeGroup(this.#waiting);
      try {
        if (!(await this.#createAll(group))) await this.#commit(group);
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    this.#draining = null;
  }

  /** A group of creations alone is one statement, and no more. False: it is none, or one of them fails, and nothing has been done. */
  async #createAll(group: readonly Waiting[]): Promise<boolean> {
    const creations = group.flatMap(({ creation }) => creation ?? []);
    if (creations.length < group.length) return false;
    try {
      await this.#creations.run(creations);
    } catch {
      return false;
    }
    for (const { resolve } of group) resolve(undefined);
    return true;
  }

  /**
   * Creations among other work are one statement, too. Savepoints cost more than most work does, so they come in only where some of
   * the group fails: all of it is undone then and runs again. A full disk or the like fails the second time too.
   */
  async #commit(group: readonly Waiting[]): Promise<void> {
    const created = group.flatMap(({ creation }) => creation ?? []);
    // If all are creations, one has just failed.
    const areMixed = created.length > 0 && created.length < group.length;
    try {
      await this.#transact(async (answers) => {
        if (areMixed) await this.#creations.run(created);
        for (const { creation, work, resolve } of group) {
          const value = areMixed && creation ? undefined : await work(this.#runner.manager);
          answers.push(() => resolve(value));
        }
      });
    } catch (error) {
      const [only, ...others] = group;
      if (only && others.length === 0) only.reject(error);
      else
        await this.#transact(async (answers) => {
          for (const waiting of group) answers.push(await this.#runAlone(waiting));
        });
    }
  }

  /** Runs work in a transaction, and tells its callers once the commit has succeeded, by the answers that it has put down. */
  async #transact(run: (answers: (() => void)[]) => Promise<void>): Promise<void> {
    await this.#runner.query('BEGIN IMMEDIATE');
    try {
      const answers: (() => void)[] = [];
      await run(answers);
      await this.#runner.query('COMMIT');
      for (const answer of answers) answer();
    } catch (error) {
      await this.#rollBack();
      throw error;
    }
  }

  /** Runs one piece of work in its savepoint; what it returns tells its caller, once the commit has succeeded. */
  async #runAlone({ work, resolve, reject }: Waiting): Promise<() => void> {
    await this.#runner.query('SAVEPOINT work');
    try {
      const value = await work(this.#runner.manager);
      await this.#runner.query('RELEASE work');
      return () => resolve(value);
    } catch (error) {
      await this.#undo(error);
      return () => reject(error);
    }
  }

  /** Undoes one piece of work. Where SQLite has given up the whole transaction, as on a full disk, `cause` goes to everybody. */
  async #undo(cause: unknown): Promise<void> {
    try {
      await this.#runner.query('ROLLBACK TO work');
      await this.#runner.query('RELEASE work');
    } catch {
      throw cause;
    }
  }

  /** SQLite has itself rolled back after a full disk or an I/O error; then there is nothing left to undo. */
  async #rollBack(): Promise<void> {
    await this.#runner.query('ROLLBACK').catch(() => undefined);
  }
}

/**
 * Inserts the rows of many creations by one statement, which is one trip to the thread pool and one commit. A view takes them
 * as JSON, and its trigger inserts them; the columns come from the entities. All are inserted, or it throws and none is: also if
 * a key has been swept.
 */
export class CreationStatement {
  readonly #runner: QueryRunner;
  readonly #tables: readonly EntityMetadata[];

  private constructor(runner: QueryRunner, tables: readonly EntityMetadata[]) {
    this.#runner = runner;
    this.#tables = tables;
  }

  /** Makes the view on the runner's connection, for rows of these entities in this order. */
  static async prepare(
    runner: QueryRunner,
    entities: readonly EntityTarget<ObjectLiteral>[],
  ): Promise<CreationStatement> {
    const tables = entities.map((entity) => runner.connection.getMetadata(entity));
    await runner.query('CREATE TEMP VIEW IF NOT EXISTS creations (tables, bodies) AS SELECT NULL, NULL');
    await runner.query(`CREATE TEMP TRIGGER IF NOT EXISTS create_rows INSTEAD OF INSERT ON creations BEGIN
      ${refuseSwept(tables)} ${tables.map(insertAll).join('\n')} ${insertBodies(tables.length)} END`);
    return new CreationStatement(runner, tables);
  }

  async run(creations: readonly Creation[]): Promise<void> {
    const rows = creations.flatMap((creation) => creation.rows);
    const { bytes, spans } = joinBodies(creations.flatMap(({ body }) => body ?? []));
    const tables = this.#tables.map(({ target }) => {
      const toCells = toCellsOf(this.#runner.manager, target);
      return rows.flatMap(({ entity, row }) => (entity === target ? [toCells(row)] : []));
    });
    const json = JSON.stringify([...tables, spans]);
    await this.#runner.query('INSERT INTO creations (tables, bodies) VALUES (jsonb(?), ?)', [json, bytes]);
  }
}

const eachOf = (index: number) => `jsonb_each(new.tables, '$[${index}]')`;

function insertAll({ tableName, columns }: EntityMetadata, index: number): string {
  const names = columns.map(({ databaseName }) => `"${databaseName}"`).join();
  const values = columns.map((_, position) => `value ->> ${position}`).join();
  return `INSERT INTO "${tableName}" (${names}) SELECT ${values} FROM ${eachOf(index)};`;
}

function insertBodies(index: number): string {
  return `INSERT INTO blob_bodies (blob_id, body)
    SELECT value ->> 0, substr(new.bodies, value ->> 1, value ->> 2) FROM ${eachOf(index)};`;
}

function refuseSwept(tables: readonly EntityMetadata[]): string {
  const index = tables.findIndex(({ target }) => target === BlobRow);
  const key = tables[index]?.columns.findIndex(({ propertyName }) => propertyName === 'documentKey');
  return `SELECT RAISE(ABORT, 'swept') FROM ${eachOf(index)} JOIN swept_keys ON document_key = value ->> ${key};`;
}
