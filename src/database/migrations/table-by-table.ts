import type { QueryRunner } from 'typeorm';

/**
 * Changes tables one after the other, and commits each before the next. A service of the version before may have written to one table
 * and wait for another: a transaction that has both would block it. If one fails, a later run repeats those before it.
 */
export async function tableByTable(
  runner: QueryRunner,
  changes: readonly (() => Promise<void>)[],
): Promise<void> {
  for (const [index, change] of changes.entries()) {
    if (index > 0) {
      await runner.commitTransaction();
      await runner.startTransaction();
    }
    await change();
  }
}
