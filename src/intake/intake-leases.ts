import type { Database } from '../database/database.js';
import { IntakeRow, RemovalRow } from '../database/entities/job.js';
import { insertRow } from '../database/insert-row.js';
import { In } from '../database/typeorm.js';

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

/**
 * Content on its way to its row, from its first byte until its request has ended: no sweep touches it, however old it is. Likewise
 * stored content that a client reads slowly. The
 * sweep of this process asks here. Those of others see a row, once it has taken a while. All times are measured by a clock that
 * nobody can set, and a dead process's rows are told by watching that nobody renews them.
 */
export class IntakeLeases {
  readonly #database: Database;
  readonly #times: IntakeLeaseTimes;
  /** By document key. */
  readonly #held = new Map<string, { holders: number; since: number; hasRow: boolean }>();
  /** Rows of other processes, as this process first saw them. */
  #watched = new Map<string, { beat: number; since: number }>();
  #timer: NodeJS.Timeout | null = null;
  #renewing: Promise<void> = Promise.resolve();

  constructor(database: Database, times: Partial<IntakeLeaseTimes> = {}) {
    this.#database = database;
    this.#times = { ...usualTimes, ...times };
  }

  /** Each call asks for one `release`: requests for one upload target may meet. */
  hold(documentKey: string): void {
    const held = this.#held.get(documentKey);
    if (held) held.holders += 1;
    else this.#held.set(documentKey, { holders: 1, since: performance.now(), hasRow: false });
    // A renewal that fails is made up for by the next one.
    this.#timer ??= setInterval(() => void this.renew().catch(() => undefined), this.#times.beatMs).unref();
  }

  /**
   * The same of stored content that is being read, with a row from the beginning: until the release no process removes its bytes.
   * False: they are to be removed already.
   */
  async holdStored(documentKey: string): Promise<boolean> {
    this.hold(documentKey);
    await this.#register([documentKey]);
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
    if (held.hasRow) await this.#drop([documentKey]).catch(() => undefined);
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
    const due = [...this.#held].filter(([, { since }]) => since <= before).map(([key]) => key);
    for (let start = 0; start < due.length; start += batchSize) {
      await this.#register(due.slice(start, start + batchSize));
    }
  }

  async #register(keys: readonly string[]): Promise<void> {
    await this.#write(keys);
    for (const key of keys) {
      const held = this.#held.get(key);
      if (held) held.hasRow = true;
    }
    // Released while the row was being written.
    await this.#drop(keys.filter((key) => !this.#held.has(key)));
  }

  async #write(keys: readonly string[]): Promise<void> {
    await this.#database.write(async (manager) => {
      for (const documentKey of keys)
        await insertRow(manager, IntakeRow, { documentKey, beat: 0 }, { orIgnore: true });
      await manager.update(IntakeRow, { documentKey: In([...keys]) }, { beat: () => 'beat + 1' });
    });
  }

  async #drop(keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return;
    await this.#database.write((manager) => manager.delete(IntakeRow, { documentKey: In([...keys]) }));
  }

  /** Rows that nobody has renewed for as long as this process has watched them. To be asked regularly. */
  async dead(): Promise<IntakeRow[]> {
    const now = performance.now();
    const rows = await this.#database.read.find(IntakeRow);
    const watched = new Map<string, { beat: number; since: number }>();
    for (const { documentKey, beat } of rows) {
      const seen = this.#watched.get(documentKey);
      watched.set(documentKey, seen?.beat === beat ? seen : { beat, since: now });
    }
    this.#watched = watched;
    const isDead = ({ documentKey }: IntakeRow) =>
      now - (watched.get(documentKey)?.since ?? now) >= this.#times.deadAfterMs && !this.isHeld(documentKey);
    return rows.filter(isDead);
  }
}
