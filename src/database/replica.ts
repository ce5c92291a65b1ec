import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSourceOptions, EntityManager } from 'typeorm';
import { DataSource } from './typeorm.js';

export interface ReplicaOptions {
  /** The database that the replica follows. */
  primary: EntityManager;
  replica: DataSourceOptions;
  /** The time limit of a read, in milliseconds. */
  longestReadMs: number;
  /** Told when it is given up for a while, and why. */
  onLost(error: unknown): void;
}

/** For so long a reader waits until the replica has what is committed, before the primary is read. */
const patienceMs = 100;
const pollMs = 5;
/** An answer that takes longer counts as none. */
const answerMs = 1_000;
const probeIntervalMs = 5_000;

/**
 * A streaming replica that is read only once it has replayed everything that was committed when the reader came: whoever has
 * written sees it, through whichever process, and a replica that lags, hangs or is gone costs nothing but its help.
 */
export class Replica {
  readonly #options: ReplicaOptions;
  #source: DataSource | null = null;
  #running: Promise<EntityManager> | null = null;
  #next: Promise<EntityManager> | null = null;
  readonly #retired = new Set<DataSource>();
  #probe: NodeJS.Timeout | undefined;

  private constructor(options: ReplicaOptions) {
    this.#options = options;
  }

  static async open(options: ReplicaOptions): Promise<Replica> {
    const replica = new Replica(options);
    await replica.#connect();
    return replica;
  }

  /** Read-only. The replica if it has caught up with the primary, else the primary. Callers that wait share one check. */
  reader(): Promise<EntityManager> {
    if (this.#source === null) return Promise.resolve(this.#options.primary);
    if (this.#running === null) return this.#look();
    this.#next ??= this.#running.then(() => this.#look());
    return this.#next;
  }

  async close(): Promise<void> {
    clearTimeout(this.#probe);
    await this.#running;
    await this.#source?.destroy();
    await Promise.all([...this.#retired].map((source) => this.#end(source)));
  }

  #look(): Promise<EntityManager> {
    this.#next = null;
    this.#running = this.#choose().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #choose(): Promise<EntityManager> {
    const { primary } = this.#options;
    const source = this.#source;
    const lsn = await committedUpTo(primary);
    if (source === null || lsn === null) return primary;
    try {
      return (await inTime(hasReplayed(source, lsn))) ? source.manager : primary;
    } catch (error) {
      this.#giveUp(source, error);
      return primary;
    }
  }

  #giveUp(source: DataSource, error: unknown): void {
    this.#source = null;
    this.#options.onLost(error);
    this.#retire(source);
    this.#probeLater();
  }

  /** Others are reading from it still. */
  #retire(source: DataSource): void {
    this.#retired.add(source);
    setTimeout(() => void this.#end(source), 2 * this.#options.longestReadMs).unref();
  }

  async #end(source: DataSource): Promise<void> {
    if (this.#retired.delete(source)) await source.destroy().catch(() => undefined);
  }

  #probeLater(): void {
    this.#probe = setTimeout(() => void this.#connect(), probeIntervalMs).unref();
  }

  async #connect(): Promise<void> {
    const source = new DataSource(this.#options.replica);
    try {
      await source.initialize();
      await inTime(assertSameData(this.#options.primary, source.manager));
      this.#source = source;
    } catch (error) {
      if (source.isInitialized) void source.destroy().catch(() => undefined);
      if (this.#probe === undefined) this.#options.onLost(error);
      this.#probeLater();
    }
  }
}

/** Positions in the log of another server, or another database of the same, would say nothing of what is in this one. */
async function assertSameData(primary: EntityManager, replica: EntityManager): Promise<void> {
  const sql = 'SELECT system_identifier::text AS server, current_database() AS name FROM pg_control_system()';
  const [ours, theirs] = await Promise.all([primary.query<object[]>(sql), replica.query<object[]>(sql)]);
  if (JSON.stringify(ours) !== JSON.stringify(theirs)) {
    throw new Error('DATABASE_READ_URL names no replica of the database in DATABASE_URL.');
  }
}

/** Null where the primary does not tell: reading from it will say why. */
async function committedUpTo(primary: EntityManager): Promise<string | null> {
  const sql = 'SELECT pg_current_wal_flush_lsn()::text AS lsn';
  const rows = await primary.query<{ lsn: string }[]>(sql).catch(() => []);
  return rows[0]?.lsn ?? null;
}

/** False where that takes too long, and for a server that follows none: what it has may be anything. */
async function hasReplayed({ manager }: DataSource, lsn: string): Promise<boolean> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const [{ replayed }] = await manager.query<[{ replayed: boolean | null }]>(
      'SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AND pg_is_in_recovery() AS replayed',
      [lsn],
    );
    if (replayed !== false || performance.now() > deadline) return replayed === true;
    await sleep(pollMs);
  }
}

async function inTime<T>(answer: Promise<T>): Promise<T> {
  const abort = new AbortController();
  const { signal } = abort;
  const late = sleep(answerMs, undefined, { signal }).then(() =>
    Promise.reject(new Error('The replica is silent.')),
  );
  for (const each of [answer, late]) each.catch(() => undefined);
  try {
    return await Promise.race([answer, late]);
  } finally {
    abort.abort();
  }
}
