import 'reflect-metadata';
import { rm } from 'node:fs/promises';
import { DataSource } from 'typeorm';
import { entities } from '../../../src/database/entities/all.js';
import { migrations } from '../../../src/database/migrations/all.js';
import { sqliteOptions } from '../../../src/database/sqlite.js';
import { type Postgres, startPostgres } from '../../support/postgres.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

/** The statements that would still be needed to make the tables what the entities say. */
async function drift(source: DataSource): Promise<string[]> {
  const { upQueries } = await source.driver.createSchemaBuilder().log();
  return upQueries.map(({ query }) => query);
}

/** Undoes migrations down to the one of this name, and that one too. */
async function undoDownTo(source: DataSource, migration: string): Promise<void> {
  const applied: { name: string }[] = await source.query('SELECT name FROM migrations ORDER BY id DESC');
  for (const { name } of applied) {
    await source.undoLastMigration();
    if (name.startsWith(migration)) break;
  }
}

/** The changes of usage that two statements leave, of which one makes three previews and the other removes them. */
async function changesByPreviews(source: DataSource): Promise<string[]> {
  await source.query(`INSERT INTO previews (blob_id, variant, organization_id, size, made_at)
    SELECT 'b', 'v' || size, CASE WHEN size = 3 THEN 'other' ELSE 'one' END, size, 0 FROM generate_series(1, 3) size`);
  await source.query('DELETE FROM previews');
  const changes: { of: string; previews: string }[] = await source.query(
    'WITH gone AS (DELETE FROM usage_changes RETURNING organization_id AS of, previews) SELECT * FROM gone',
  );
  return changes.map(({ of, previews }) => `${of} ${previews}`).toSorted();
}

/** Prefixes after the migration, by those that older versions stored. */
async function prefixesAfterMigration(source: DataSource, older: Record<string, string>): Promise<string[]> {
  await undoDownTo(source, 'KeyPrefixes');
  for (const [name, prefix] of Object.entries(older)) {
    await source.query(
      `INSERT INTO api_keys (id, organization_id, principal_id, name, prefix, hash, permissions, created_at)
       VALUES ('${name}', 'o', '${name}', '${name}', '${prefix}', '${name}', '[]', 0)`,
    );
  }
  await source.runMigrations();
  const rows: { prefix: string }[] = await source.query('SELECT prefix FROM api_keys ORDER BY id');
  await source.query('DELETE FROM api_keys');
  return rows.map(({ prefix }) => prefix);
}

const olderKeys = { bootstrap: 'cck_password', ci: 'cck_12345678', long: 'cck_123456789012' };
const prefixesShown = ['cck_', 'cck_12345678', 'cck_12345678'];

async function migrateAndBack(source: DataSource): Promise<void> {
  expect((await drift(source)).length).toBeGreaterThan(0);
  await source.runMigrations();
  expect(await drift(source)).toEqual([]);
  // Some migrations change rows alone.
  while ((await drift(source)).length === 0) await source.undoLastMigration();
  await source.runMigrations();
  expect(await drift(source)).toEqual([]);
}

describe('migrating from nothing gives exactly the tables of the entities, there and back', () => {
  test('on SQLite', async () => {
    const directory = await makeTemporaryDirectory();
    const source = await new DataSource(sqliteOptions(directory)).initialize();
    await migrateAndBack(source);
    expect(await prefixesAfterMigration(source, olderKeys)).toEqual(prefixesShown);
    await source.destroy();
    await rm(directory, { recursive: true, force: true });
  });

  describe('on PostgreSQL', () => {
    let postgres: Postgres | undefined;
    beforeAll(async () => {
      postgres = await startPostgres();
    });
    afterAll(() => postgres?.stop());

    test('with the same migrations', async () => {
      const source = new DataSource({ type: 'postgres', url: postgres?.url ?? '', entities, migrations });
      await source.initialize();
      await migrateAndBack(source);
      expect(await prefixesAfterMigration(source, olderKeys)).toEqual(prefixesShown);
      await source.destroy();
    });

    test('changes of usage are counted by statements, and in an older database by rows', async () => {
      const options = { type: 'postgres', url: postgres?.url ?? '', entities, migrations } as const;
      const source = await new DataSource(options).initialize();
      await source.runMigrations();
      await source.query('ALTER TABLE previews DROP CONSTRAINT fk_previews_blob');
      const byStatement = ['one -3', 'one 3', 'other -3', 'other 3'];
      expect(await changesByPreviews(source)).toEqual(byStatement);
      await undoDownTo(source, 'StatementTriggers');
      const byRow = ['one -1', 'one -2', 'one 1', 'one 2', 'other -3', 'other 3'];
      expect(await changesByPreviews(source)).toEqual(byRow);
      await source.runMigrations();
      expect(await changesByPreviews(source)).toEqual(byStatement);
      await source.destroy();
    });
  });
});
