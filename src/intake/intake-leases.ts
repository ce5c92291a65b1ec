import type { Database } from '../database/database.js';
import { IntakeRow, RemovalRow } from '../database/entities/stored-bytes.js';
import { insertRow } from '../database/insert-row.js';
import { In } from '../database/typeorm.js';
import { newId } from '../new-id.js';

export interface IntakeLeaseTimes {
  /** Content that is on its way for longer gets a row. */
  registerAfterMs: number;
  /** How often rows are renewed. */
  beatMs: number;
  /** A row that has not been renewed for so long, as long as somebody has watched it, is of a process that has died. */
  deadAfterMs: number;
}

/** Most content has come long before it needs a row. */
const usualTimes: IntakeLeaseTimes = { registerAfterMs: 30_000, beatMs: 15_000, deadAfterMs: 15 * 60_000 };
const batchSize = 500;

/** Ends with the last of its holders. */
interface Lease {
  /** Names its row, which no other lease has: neither one of another process, nor an earlier or later one of this process. */
  readonly id: string;
  readonly documentKey: string;
  readonly since: number;
  holders: number;
  hasRow: boolean;
}

/**
 * Content on its way to its row, from its first byte until its request has ended, and stored content that a client reads slowly: no
 * sweep touches either, however old it is. The sweep of this process asks here. Those of others see a row, once it has taken a
 * while. All times are measured by a clock that nobody can set, and a dead process's rows are told by watching that nobody renews
 * them.
 */
export class IntakeLeases {
  readonly #database: Database;
  readonly #times: IntakeLeaseTimes;
  /** By document key. */
  readonly #held = new Map<string, Lease>();
  /** Rows of other processes, as this process first saw them; by document key and lease. */
  #watched = new Map<string, { beat: number; since: number }>();
  #timer: NodeJS.Timeout | null = null;
  #renewing: Promise<void> = Promise.resolve();

  constructor(database: Database, times: Partial<IntakeLeaseTimes> = {}) {
    this.#database = database;
    this.#times = { ...usualTimes, ...times };
  }

  /** Holds content on its way. Each call asks for one `release`: requests for one upload target may meet. */
  hold(documentKey: string): void {
    this.#hold(documentKey);
  }

  #hold(documentKey: string): Lease {
    const since = performance.now();
    const lease = this.#held.get(documentKey) ?? {
      id: newId(),
      documentKey,
      since,
      holders: 0,
      hasRow: false,
    };
    lease.holders += 1;
    this.#held.set(documentKey, lease);
    // A renewal that fails is made up for by the next one.
    this.#timer ??= setInterval(() => void this.renew().catch(() => undefined), this.#times.beatMs).unref();
    return lease;
  }

  /**
   * Holds stored content that is being read, with a row from the beginning: until the release no process removes its bytes. False:
   * they are to be removed already.
   */
  async holdStored(documentKey: string): Promise<boolean> {
    await this.#register([this.#hold(documentKey)]);
    // After the row is there: a deletion notes the removal before it looks for the row.
    return !(await this.#database.read.existsBy(RemovalRow, { documentKey }));
  }

  /** Once the content has its row, or is gone. A row that cannot be deleted now counts as a dead process's later on. */
  async release(documentKey: string): Promise<void> {
    const held = this.#held.get(documentKey);
    if (!held) return;
    held.holders -= 1;
    if (held.holders > 0) return;
    this.#held.delete(documentKey);
    if (this.#held.size === 0 && this.#timer) {
      clearInterval(this.#timer);
      this.#timer = null;
    }
    if (held.hasRow) await this.#drop([held]).catch(() => undefined);
  }

  /** By this process. */
  isHeld(documentKey: string): boolean {
    return this.#held.has(documentKey);
  }

  /** Writes and renews the rows of what has taken long; one renewal after the other. */
  renew(): Promise<void> {
    this.#renewing = this.#renewing.catch(() => undefined).then(() => this.#renew());
    return this.#renewing;
  }

  async #renew(): Promise<void> {
    const before = performance.now() - this.#times.registerAfterMs;
    const due = [...this.#held.values()].filter(({ since }) => since <= before);
    for (let start = 0; start < due.length; start += batchSize) {
      await this.#register(due.slice(start, start + batchSize));
    }
  }

  async #register(leases: readonly Lease[]): Promise<void> {
    await this.#write(leases);
    const isHeld = (lease: Lease) => this.#held.get(lease.documentKey) === lease;
    for (const lease of leases) if (isHeld(lease)) lease.hasRow = true;
    // Released while the row was being written.
    await this.#drop(leases.filter((lease) => !isHeld(lease)));
  }

  async #write(leases: readonly Lease[]): Promise<void> {
    await this.#database.write(async (manager) => {
      for (const { id: leaseId, documentKey } of leases)
        await insertRow(manager, IntakeRow, { documentKey, leaseId, beat: 0 }, { orIgnore: true });
      await manager.update(IntakeRow, rowsOf(leases), { beat: () => 'beat + 1' });
    });
  }

  async #drop(leases: readonly Lease[]): Promise<void> {
    if (leases.length === 0) return;
    await this.#database.write((manager) => manager.delete(IntakeRow, rowsOf(leases)));
  }

  /** Rows that nobody has renewed for as long as this process has watched them. To be asked regularly. */
  async dead(): Promise<IntakeRow[]> {
    const now = performance.now();
    const rows = await this.#database.read.find(IntakeRow);
    const watched = new Map<string, { beat: number; since: number }>();
    for (const row of rows) {
      const seen = this.#watched.get(nameOf(row));
      watched.set(nameOf(row), seen?.beat === row.beat ? seen : { beat: row.beat, since: now });
    }
    this.#watched = watched;
    const isDead = (row: IntakeRow) =>
      now - (watched.get(nameOf(row))?.since ?? now) >= this.#times.deadAfterMs &&
      !this.isHeld(row.documentKey);
    return rows.filter(isDead);
  }
}

const nameOf = ({ documentKey, leaseId }: IntakeRow): string => `${documentKey} ${leaseId}`;

/** The keys lead to the rows. No lease has a row of another key. */
const rowsOf = (leases: readonly Lease[]) => ({
  documentKey: In(leases.map(({ documentKey }) => documentKey)),
  leaseId: In(leases.map(({ id }) => id)),
});
