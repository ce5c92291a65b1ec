import { type Seed, seedStatements } from './seed-attachments.js';
import { sqliteDialect } from './seed-dialect.js';
import { withSqliteFile } from './sqlite-file.js';

/** Fills the embedded database of a service that does not run at present. */
export async function seedSqlite(path: string, seed: Seed): Promise<void> {
  await withSqliteFile(path, async (file) => {
    await file.exec('PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; PRAGMA cache_size = -200000');
    const indexes = await file.all<{ name: string; sql: string }>(
      "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
    );
    await file.exec(indexes.map(({ name }) => `DROP INDEX "${name}";`).join('\n'));
    for (const statement of seedStatements(sqliteDialect, seed)) await file.exec(statement);
    await file.exec(indexes.map(({ sql }) => `${sql};`).join('\n'));
    await file.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  });
}
