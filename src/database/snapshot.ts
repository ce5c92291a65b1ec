import type { EntityManager } from 'typeorm';
import { hasRowLocks } from './row-locks.js';

/**
 * Runs reads that see one state of the database, whatever others write in between. `manager` is that of a list, which has a
 * connection of its own, or of a transaction.
 *
 * @example
 * await inSnapshot(lists, async (read) => [await readOwn(read), await readShared(read)]);
 */
export async function inSnapshot<T>(
  manager: EntityManager,
  work: (read: EntityManager) => Promise<T>,
): Promise<T> {
  const { queryRunner } = manager;
  if (queryRunner?.isTransactionActive) return work(manager);
  if (hasRowLocks(manager)) return manager.transaction('REPEATABLE READ', work);
  if (!queryRunner) throw new Error('Whoever reads several times needs a connection.');
  await queryRunner.startTransaction();
  try {
    const result = await work(manager);
    await queryRunner.commitTransaction();
    return result;
  } catch (error) {
    // Nothing was written, and what went wrong is told.
    await queryRunner.rollbackTransaction().catch(() => undefined);
    throw error;
  }
}
