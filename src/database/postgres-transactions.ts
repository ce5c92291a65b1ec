import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { isConflict, isRefusal, OutcomeUnknown, toDatabaseFault } from './database-faults.js';
import { QueryFailedError } from './typeorm.js';
import type { Work } from './write-queue.js';

const maxAttempts = 10;

/** Work that has met another transaction runs again; what it throws itself does not. */
export async function writeUntilHeld<T>(source: DataSource, work: Work<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await transact(source, work);
    } catch (error) {
      if (!isConflict(error) || attempt === maxAttempts) throw toDatabaseFault(error);
      await sleep(randomInt(5 * 2 ** Math.min(attempt, 6)));
    }
  }
}

/** Runs work of one statement, which is a transaction by itself: that is one trip to the server instead of four. */
export async function commitStatement<T>(source: DataSource, work: Work<T>): Promise<T> {
  const runner = source.createQueryRunner();
  try {
    // Nothing has been sent while there is no connection.
    await runner.connect();
    return await work(runner.manager).catch(async (error: unknown) => {
      // Any other error came before the statement was sent, or after its answer.
      throw error instanceof QueryFailedError ? await toOutcome(error, runner.query('SELECT 1')) : error;
    });
  } finally {
    await runner.release().catch(() => undefined);
  }
}

async function transact<T>(source: DataSource, work: Work<T>): Promise<T> {
  const runner = source.createQueryRunner();
  let isCommitting = false;
  try {
    await runner.startTransaction('READ COMMITTED');
    const value = await work(runner.manager);
    isCommitting = true;
    await runner.commitTransaction();
    return value;
  } catch (error) {
    const rollback = runner.rollbackTransaction();
    if (isCommitting) throw await toOutcome(error, rollback);
    await rollback.catch(() => undefined);
    throw error;
  } finally {
    await runner.release().catch(() => undefined);
  }
}

/**
 * The error of a commit, or OutcomeUnknown. The server has undone what it refuses by an error of its own, after which the
 * connection goes on: `next` is what is asked of it then. Whatever ends the connection may have come after the commit.
 */
async function toOutcome(error: unknown, next: Promise<unknown>): Promise<unknown> {
  const goesOn = await next.then(
    () => true,
    () => false,
  );
  return goesOn && isRefusal(error) ? error : new OutcomeUnknown(error);
}
