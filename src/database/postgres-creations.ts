import type { EntityManager, EntityTarget, ObjectLiteral } from 'typeorm';
import { joinBodies } from './blob-bodies.js';
import { type Creation, fitsJson, takeGroup } from './creations.js';
import { isConflict, isUnavailable, OutcomeUnknown, toDatabaseFault } from './database-faults.js';
import { BlobRow } from './entities/blob.js';
import { insertIntoAll, rowsAsJson, selectGiven } from './insert-row.js';
import { prepared } from './postgres-pool.js';
import type { Work, Write } from './write-queue.js';

interface Waiting {
  creation: Creation;
  /** Does the same, and says of a fault what is wrong. */
  work: Work<void>;
  resolve(): void;
  reject(reason: unknown): void;
}

/**
 * While so many creations are being made, others gather for the next statement: one takes PostgreSQL 1 ms, and each of its rows
 * 0.05 more. Fewer clients than that do not wait for each other.
 */
const enoughAtOnce = 4;

/**
 * A third is left for the next statement where more than so many wait: were all taken, the event loop would have nothing to do until
 * they are made, and then all their answers at once.
 */
const mostTakenWhole = 8;
const shareTaken = 2 / 3;

/** Milliseconds from which on a group counts as one creation: its connection may be dead, and others need not wait for that. */
const overdueMs = 250;

export interface CreationGroupsOptions {
  /** The tables of a creation. Rows refer to earlier ones. */
  entities: readonly EntityTarget<ObjectLiteral>[];
  /** Runs work of one statement, which commits by itself, once. */
  commit: Write;
  /** Runs work in a transaction until it is held. */
  write: Write;
}

/**
 * Makes the creations that wait at the same time by one statement on PostgreSQL, which commits them: each alone is eight trips to
 * the server. If one of a group cannot be made, each goes alone.
 */
export class CreationGroups {
  readonly #options: CreationGroupsOptions;
  readonly #waiting: Waiting[] = [];
  #sql: string | null = null;
  /** Creations that are being made. */
  #running = 0;

  constructor(options: CreationGroupsOptions) {
    this.#options = options;
  }

  add(creation: Creation, work: Work<void>): Promise<void> {
    if (!fitsJson(creation)) return this.#options.write(work);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ creation, work, resolve, reject });
      // Lets everything that becomes ready in this turn of the event loop join.
      if (this.#waiting.length === 1) setImmediate(() => this.#next());
    });
  }

  #next(): void {
    if (this.#waiting.length === 0 || this.#running >= enoughAtOnce) return;
    const share = Math.ceil(this.#waiting.length * shareTaken);
    const group = takeGroup(this.#waiting, Math.max(share, mostTakenWhole));
    let counted = 0;
    const countAs = (count: number) => {
      this.#running += count - counted;
      counted = count;
      this.#next();
    };
    const overdue = setTimeout(() => countAs(1), overdueMs);
    void this.#make(group).finally(() => {
      clearTimeout(overdue);
      countAs(0);
    });
    countAs(group.length);
  }

  async #make(group: readonly Waiting[]): Promise<void> {
    const creations = group.map(({ creation }) => creation);
    try {
      const areMade = await this.#options.commit((manager) => this.#insert(manager, creations));
      if (areMade) for (const { resolve } of group) resolve();
      else await this.#makeEachAlone(group);
    } catch (error) {
      if (isLost(error)) for (const { reject } of group) reject(toDatabaseFault(error));
      else await this.#makeEachAlone(group);
    }
  }

  async #makeEachAlone(group: readonly Waiting[]): Promise<void> {
    const { write } = this.#options;
    await Promise.all(group.map(({ work, resolve, reject }) => write(work).then(resolve, reject)));
  }

  /** Inserts all, or throws. False: the bytes of one have been swept, or it could not be seen, and nothing is inserted. */
  async #insert(manager: EntityManager, creations: readonly Creation[]): Promise<boolean> {
    const { entities } = this.#options;
    const rows = creations.flatMap((creation) => creation.rows);
    const tables = entities.map((table) =>
      rowsAsJson(
        manager,
        table,
        rows.flatMap(({ entity, row }) => (entity === table ? row : [])),
      ),
    );
    const { bytes, spans } = joinBodies(creations.flatMap(({ body }) => body ?? []));
    const keys = rows.flatMap(({ row }) => (row instanceof BlobRow ? row.documentKey : []));
    this.#sql ??= prepared(compose(manager, entities));
    const values = [...tables, JSON.stringify(spans), bytes, keys];
    const [answer] = await manager.query<{ are_kept: boolean }[]>(this.#sql, values);
    return answer?.are_kept ?? false;
  }
}

/** The database is away, or has not said whether it has made them: alone each would wait as long again. */
const isLost = (error: unknown): boolean =>
  error instanceof OutcomeUnknown || (isUnavailable(error) && !isConflict(error));

/**
 * The statement takes the rows of each table, the spans of bodies, their bytes, and the keys of blobs. It inserts nothing if a key
 * has been swept: it has the lock of `blobs` when it looks, so the sweep has ended, or waits. That is so where each statement sees
 * what was committed before it; a server that isolates more by default has seen all of it before the lock. OFFSET has each key
 * looked up by itself, by the index: a plan made while no key was swept would go on to read all that have been since. Bytes are one
 * value, as an array of values would be sent as text.
 */
function compose(manager: EntityManager, entities: readonly EntityTarget<ObjectLiteral>[]): string {
  const [spans, bytes, keys] = [1, 2, 3].map((index) => `$${entities.length + index}`);
  const inserts = entities.map((entity, index) => {
    const given = selectGiven(manager, entity, `$${index + 1}`);
    return `rows_${index} AS (${insertIntoAll(manager, entity)} ${given} WHERE (SELECT are_kept FROM given))`;
  });
  return `WITH given AS (SELECT current_setting('transaction_isolation') = 'read committed'
      AND NOT EXISTS (SELECT FROM unnest(${keys}::text[]) key
        WHERE EXISTS (SELECT FROM swept_keys WHERE document_key = key OFFSET 0)) AS are_kept),
    ${inserts.join(',\n')},
    bodies AS (INSERT INTO blob_bodies (blob_id, body)
      SELECT value ->> 0, substring(${bytes}::bytea FROM (value ->> 1)::int FOR (value ->> 2)::int)
      FROM jsonb_array_elements(${spans}::jsonb) WHERE (SELECT are_kept FROM given))
    SELECT are_kept FROM given`;
}
