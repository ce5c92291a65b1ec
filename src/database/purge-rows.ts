import type { EntityTarget, ObjectLiteral } from 'typeorm';
import type { Database } from './database.js';

const batchSize = 1_000;

/** Deletes the rows whose `property`, which has an index, is less than `end`, in batches and in the background. */
export async function purgeRows<Row extends ObjectLiteral>(
  { read, writeInBackground }: Pick<Database, 'read' | 'writeInBackground'>,
  entity: EntityTarget<Row>,
  property: keyof Row & string,
  end: string | number,
): Promise<void> {
  const column = read.connection.getMetadata(entity).findColumnWithPropertyName(property)?.databaseName;
  if (column === undefined) throw new Error(`There is no column for ${property}.`);
  for (;;) {
    const batch = await read
      .createQueryBuilder(entity, 'row')
      .select(`row.${column}`, 'value')
      .where(`row.${column} < :end`, { end })
      .orderBy(`row.${column}`, 'ASC')
      .limit(batchSize)
      .getRawMany<{ value: string | number }>();
    const last = batch.at(-1);
    if (!last) return;
    await writeInBackground((manager) =>
      manager
        .createQueryBuilder()
        .delete()
        .from(entity)
        .where(`${column} <= :last`, { last: last.value })
        .execute(),
    );
    if (batch.length < batchSize) return;
  }
}
