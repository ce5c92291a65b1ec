import type { EntityManager, EntityTarget, ObjectLiteral } from 'typeorm';

/*
 * On SQLite one transaction writes at a time, and what it has read stays so until it ends. On PostgreSQL others write
 * meanwhile: what must not change has to be locked.
 */

export function hasRowLocks({ connection }: EntityManager): boolean {
  return connection.options.type === 'postgres';
}

/** Keeps these rows as they are until the transaction ends: `SHARE` lets others do the same, `UPDATE` nobody. */
export async function lockRows<Row extends ObjectLiteral & { id: string }>(
  manager: EntityManager,
  entity: EntityTarget<Row>,
  ids: readonly string[],
  strength: 'SHARE' | 'UPDATE',
): Promise<void> {
  if (ids.length === 0 || !hasRowLocks(manager)) return;
  const { tablePath } = manager.connection.getMetadata(entity);
  // In one order always, so that two who want the same rows wait instead of blocking each other.
  await manager.query(`SELECT id FROM "${tablePath}" WHERE id = ANY($1) ORDER BY id FOR ${strength}`, [
    [...ids],
  ]);
}

/** Keeps others from writing to the table until the transaction ends. */
export async function lockTable(manager: EntityManager, entity: EntityTarget<ObjectLiteral>): Promise<void> {
  if (!hasRowLocks(manager)) return;
  await manager.query(
    `LOCK TABLE "${manager.connection.getMetadata(entity).tablePath}" IN SHARE ROW EXCLUSIVE MODE`,
  );
}
