import { firstIdOf } from '../audit/audit-events.js';
import type { Database } from '../database/database.js';
import { BlobRow } from '../database/entities/blob.js';
import { ScrubRow } from '../database/entities/stored-bytes.js';
import { insertRow } from '../database/insert-row.js';
import { changeRows } from '../database/read-rows.js';
import { before, IsNull, LessThan, Not } from '../database/typeorm.js';
import { mayBeInlined } from '../storage/document-key.js';
import type { Storage } from '../storage/storage.js';
import { type NoteVerifiedDependencies, VerifiedNotes } from './note-verified.js';
import { createPace, type VerifiedBlob, verifyBlob } from './verify-blobs.js';

export interface ScrubDependencies extends NoteVerifiedDependencies {
  database: Database;
  storage: Pick<Storage, 'read' | 'check' | 'size'>;
  /** Every blob is read again within so many milliseconds; 0 is off. */
  scrubMs: number;
  scrubBytesPerSecond: number;
}

/** Begins early enough that what came in a burst has been read when it has to be. */
const dueAfter = 0.75;

/** Damaged blobs are read again so often, so that what has been restored is served soon. */
const damagedAfterMs = 3_600_000;

const batchSize = 100;

/** Reading a small file costs as much as reading so many bytes of a large one. */
const leastBytes = 64 * 1024;

/**
 * Reads stored bytes again, at a bounded rate, until none are due. One process at a time does so; what it has read is known to the
 * next. It ends early if the signal is aborted. Throws STORAGE_UNAVAILABLE.
 */
export async function scrub(deps: ScrubDependencies, signal: AbortSignal): Promise<void> {
  if (deps.scrubMs === 0) return;
  let due = await findDue(deps);
  if (due.length === 0) return;
  const turn = await ScrubTurn.take(deps);
  if (!turn) return;
  try {
    // Another process may have read them just before.
    for (due = await findDue(deps); due.length > 0 && !signal.aborted; due = await findDue(deps)) {
      await scrubSome(deps, turn, due, signal);
    }
  } catch (error) {
    if (!signal.aborted && !(error instanceof TurnLost)) throw error;
  } finally {
    await turn.end();
  }
}

/** Some of the blobs to be read now: a few damaged ones, then those that have waited longest. */
async function findDue({ database: { read }, clock, scrubMs }: ScrubDependencies): Promise<BlobRow[]> {
  const now = clock().getTime();
  const due = new Date(now - scrubMs * dueAfter);
  const damaged = await read.find(BlobRow, {
    where: { damagedAt: before(new Date(now - damagedAfterMs)) },
    order: { damagedAt: 'ASC' },
    take: batchSize / 5,
  });
  const unread = await read.find(BlobRow, {
    where: { verifiedAt: IsNull(), damagedAt: IsNull(), id: LessThan(firstIdOf(due.getTime())) },
    order: { id: 'ASC' },
    take: batchSize,
  });
  const old = await read.find(BlobRow, {
    where: { verifiedAt: before(due), damagedAt: IsNull() },
    order: { verifiedAt: 'ASC', id: 'ASC' },
    take: batchSize,
  });
  return [...damaged, ...unread, ...old];
}

async function scrubSome(
  deps: ScrubDependencies,
  turn: ScrubTurn,
  blobs: readonly BlobRow[],
  signal: AbortSignal,
): Promise<void> {
  const notes = new VerifiedNotes(deps);
  const wait = createPace(deps.scrubBytesPerSecond, signal);
  const pace = async (byteCount: number) => {
    await turn.keep();
    await wait(byteCount);
  };
  let isRightStorage = false;
  try {
    for (const blob of blobs) {
      const verified = await verifyBlob({ ...deps, pace }, blob);
      if (isStored(verified)) isRightStorage = true;
      if (verified.fault && !isRightStorage) isRightStorage = await assertSomeStored(deps);
      await notes.add(verified);
      await pace(Math.max(0, leastBytes - blob.size));
    }
  } finally {
    await notes.flush();
  }
}

const isStored = ({ blob, fault }: VerifiedBlob) => fault === null && !mayBeInlined(blob.documentKey);

/** The newest files that are asked for, and how many there must be to tell anything. */
const probed = { most: 20, least: 5 };

/** Throws if none of the newest files is there: then the storage is not the right one, such as a volume that is not mounted. */
async function assertSomeStored({ database: { read }, storage }: ScrubDependencies): Promise<boolean> {
  const newest = await read.find(BlobRow, { order: { id: 'DESC' }, take: batchSize });
  const files = newest.filter(({ documentKey }) => !mayBeInlined(documentKey)).slice(0, probed.most);
  for (const { documentKey } of files) if ((await storage.size(documentKey)) !== null) return true;
  if (files.length < probed.least) return true;
  throw new Error(`None of the ${files.length} newest files is in the storage: is it the right one?`);
}

class TurnLost extends Error {}

const turnName = 'scrub';
const turnMs = 60_000;
const renewedAfterMs = turnMs / 3;

/** The time during which no other process scrubs. It is over a minute after a process has died. */
class ScrubTurn {
  readonly #deps: Pick<ScrubDependencies, 'database' | 'clock'>;
  #until: Date;
  #renewedAt = performance.now();

  private constructor(deps: Pick<ScrubDependencies, 'database' | 'clock'>, until: Date) {
    this.#deps = deps;
    this.#until = until;
  }

  /** Null while another process has it. */
  static async take(deps: Pick<ScrubDependencies, 'database' | 'clock'>): Promise<ScrubTurn | null> {
    const now = deps.clock().getTime();
    const until = now + turnMs;
    const taken = await deps.database.writeInBackground(async (manager) => {
      await insertRow(manager, ScrubRow, { name: turnName, heldUntil: new Date(0) }, { orIgnore: true });
      // A clock that was ahead has left one that nobody keeps.
      return changeRows(
        manager,
        (sql) => `UPDATE scrubs SET held_until = ${sql.add(until)} WHERE name = ${sql.add(turnName)}
          AND (held_until <= ${sql.add(now)} OR held_until > ${sql.add(until)})`,
      );
    });
    return taken === 1 ? new ScrubTurn(deps, new Date(until)) : null;
  }

  /** Throws TurnLost if it took too long. */
  async keep(): Promise<void> {
    if (performance.now() - this.#renewedAt < renewedAfterMs) return;
    this.#renewedAt = performance.now();
    const isKept = await this.#move(new Date(this.#deps.clock().getTime() + turnMs));
    if (!isKept) throw new TurnLost();
  }

  async end(): Promise<void> {
    await this.#move(new Date(0));
  }

  async #move(to: Date): Promise<boolean> {
    const from = this.#until;
    this.#until = to;
    const moved = await this.#deps.database.writeInBackground((manager) =>
      changeRows(
        manager,
        (sql) => `UPDATE scrubs SET held_until = ${sql.add(to.getTime())}
          WHERE name = ${sql.add(turnName)} AND held_until = ${sql.add(from.getTime())}`,
      ),
    );
    return moved === 1;
  }
}

/** Blobs that are known to be damaged or gone. */
export function countDamaged({ read }: Pick<Database, 'read'>): Promise<number> {
  return read.countBy(BlobRow, { damagedAt: Not(IsNull()) });
}
