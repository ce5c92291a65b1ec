import type { EntityManager } from 'typeorm';
import type { Database } from '../database/database.js';
import { ReservationRow } from '../database/entities/organization.js';
import { insertRow } from '../database/insert-row.js';
import { changeRows } from '../database/read-rows.js';
import { In } from '../database/typeorm.js';
import { newId } from '../new-id.js';

export interface ReservationTimes {
  /** How often a process renews what it holds. */
  beatMs: number;
  /** A row that has not been renewed for so long, as long as somebody has watched it, is of a process that has died. */
  deadAfterMs: number;
}

const usualTimes: ReservationTimes = { beatMs: 10_000, deadAfterMs: 60_000 };

/**
 * The rows of room that is reserved. This process renews those that it holds; those of a process that has died are told by
 * watching that nobody renews them, by a clock that nobody can set.
 */
export class Reservations {
  readonly #database: Database;
  readonly #times: ReservationTimes;
  /** By id, since when. */
  readonly #held = new Map<string, number>();
  /** Rows of all processes, as this one first saw them. */
  #watched = new Map<string, { beat: number; since: number }>();
  #timer: NodeJS.Timeout | null = null;

  constructor(database: Database, times: Partial<ReservationTimes> = {}) {
    this.#database = database;
    this.#times = { ...usualTimes, ...times };
  }

  /** Writes a reservation, anew if it is not there any more. Its beat only grows: who sees the same again takes its process for dead. */
  async write(manager: EntityManager, row: Omit<ReservationRow, 'beat'>): Promise<void> {
    const { id, organizationId, bytes } = row;
    const renewed = await changeRows(
      manager,
      (sql) => `UPDATE reservations SET bytes = ${sql.add(bytes)}, beat = beat + 1
        WHERE id = ${sql.add(id)} AND organization_id = ${sql.add(organizationId)}`,
    );
    if (renewed === 0) await insertRow(manager, ReservationRow, { id, organizationId, bytes, beat: 0 });
  }

  async delete(manager: EntityManager, id: string): Promise<void> {
    await manager.delete(ReservationRow, { id });
  }

  /** Gives the room back. A row that cannot be deleted now counts as a dead process's later on. */
  async release(id: string): Promise<void> {
    this.forget(id);
    await this.#database.write((manager) => this.delete(manager, id)).catch(() => undefined);
  }

  hold(id: string): void {
    this.#held.set(id, performance.now());
    this.#timer ??= setInterval(() => void this.#renew().catch(() => undefined), this.#times.beatMs).unref();
  }

  forget(id: string): void {
    this.#held.delete(id);
    if (this.#held.size > 0 || !this.#timer) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }

  async #renew(): Promise<void> {
    const before = performance.now() - this.#times.beatMs;
    const ids = [...this.#held].filter(([, since]) => since <= before).map(([id]) => id);
    if (ids.length === 0) return;
    await this.#database.write((manager) =>
      manager.update(ReservationRow, { id: In(ids) }, { beat: () => 'beat + 1' }),
    );
  }

  /** Deletes rows of processes that have died. To be called regularly. */
  async dropDead(): Promise<void> {
    const now = performance.now();
    const rows = await this.#database.read.find(ReservationRow);
    const watched = new Map<string, { beat: number; since: number }>();
    for (const { id, beat } of rows) {
      const seen = this.#watched.get(id);
      watched.set(id, seen?.beat === beat ? seen : { beat, since: now });
    }
    this.#watched = watched;
    const dead = rows.filter(
      ({ id }) => now - (watched.get(id)?.since ?? now) >= this.#times.deadAfterMs && !this.#held.has(id),
    );
    for (const { id, beat } of dead)
      await this.#database.writeInBackground((manager) => manager.delete(ReservationRow, { id, beat }));
  }
}

type Grant = (id: string, least: { bytes: number; isExact: boolean }) => Promise<number>;

/** Room for content on its way, from before its first byte until its row is there or it is given up. */
export class Reservation {
  readonly #id = newId();
  readonly #reservations: Reservations;
  readonly #grant: Grant;
  #isHeld = false;
  #isGivenUp = false;

  constructor(reservations: Reservations, grant: Grant) {
    this.#reservations = reservations;
    this.#grant = grant;
  }

  /** Has so many bytes reserved at least, and returns how many are. Throws QUOTA_EXCEEDED. */
  async grow(bytes: number, { isExact = false } = {}): Promise<number> {
    const granted = await this.#grant(this.#id, { bytes, isExact });
    if (!this.#isHeld) this.#reservations.hold(this.#id);
    this.#isHeld = true;
    // The row may have been written once more after it was deleted.
    if (this.#isGivenUp) await this.release();
    return granted;
  }

  /** To be called in the transaction that stores the content, before it asserts that all is within the bounds. */
  async consume(manager: EntityManager): Promise<void> {
    if (this.#isHeld) await this.#reservations.delete(manager, this.#id);
  }

  /** After that transaction. */
  settle(): void {
    this.#isHeld = false;
    this.#reservations.forget(this.#id);
  }

  /** Gives back what is still reserved. May be repeated; never throws. */
  async release(): Promise<void> {
    this.#isGivenUp = true;
    if (!this.#isHeld) return;
    this.#isHeld = false;
    await this.#reservations.release(this.#id);
  }
}
