import type { EntityMetadata } from 'typeorm';

/** The tables in an order in which each comes after those that its rows refer to. */
export function tableOrder(tables: readonly EntityMetadata[]): EntityMetadata[] {
  const ordered = new Set<EntityMetadata>();
  const visit = (table: EntityMetadata): void => {
    if (ordered.has(table)) return;
    for (const { referencedEntityMetadata } of table.foreignKeys) {
      if (referencedEntityMetadata !== table) visit(referencedEntityMetadata);
    }
    ordered.add(table);
  };
  for (const table of tables) visit(table);
  return [...ordered];
}
