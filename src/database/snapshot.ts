import type { EntityManager } from 'typeorm';
import { hasRowLocks } from './row-locks.js';

/** Lists whose connection is in a transaction. TypeORM goes on believing in one that SQLite has ended after a fault. */
const lists = new WeakSet<EntityManager>();

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
  if (queryRunner?.isTransactionActive || lists.has(manager)) return work(manager);
  if (hasRowLocks(manager)) return manager.transaction('REPEATABLE READ', work);
  if (!queryRunner) throw new Error('Whoever reads several times needs a connection.');
  await begin(manager);
  lists.add(manager);
  try {
    return await work(manager);
  } finally {
    lists.delete(manager);
    // Nothing was written. It may have ended already.
    await manager.query('COMMIT').catch(() => undefined);
  }
}

/** Ends what could not be ended before. */
async function begin(manager: EntityManager): Promise<void> {
  await manager.query('BEGIN').catch(async () => {
    await manager.query('ROLLBACK');
    await manager.query('BEGIN');
  });
}
