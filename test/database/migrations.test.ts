import 'reflect-metadata';
import { rm } from 'node:fs/promises';
import { DataSource } from 'typeorm';
import { entities } from '../../src/database/entities/all.js';
import { migrations } from '../../src/database/migrations/all.js';
import { sqliteOptions } from '../../src/database/sqlite.js';
import { type Postgres, startPostgres } from '../support/postgres.js';
import { makeTemporaryDirectory } from '../support/temporary-directory.js';

/** The statements that would still be needed to make the tables what the entities say. */
async function drift(source: DataSource): Promise<string[]> {
  const { upQueries } = await source.driver.createSchemaBuilder().log();
  return upQueries.map(({ query }) => query);
}

async function migrateAndBack(source: DataSource): Promise<void> {
  expect((await drift(source)).length).toBeGreaterThan(0);
  await source.runMigrations();
  expect(await drift(source)).toEqual([]);
  await source.undoLastMigration();
  expect((await drift(source)).length).toBeGreaterThan(0);
  await source.runMigrations();
  expect(await drift(source)).toEqual([]);
}

describe('migrating from nothing gives exactly the tables of the entities, there and back', () => {
  test('on SQLite', async () => {
    const directory = await makeTemporaryDirectory();
    const source = await new DataSource(sqliteOptions(directory)).initialize();
    await migrateAndBack(source);
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
      await source.destroy();
    });
  });
});
