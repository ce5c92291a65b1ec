import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Until when a process has an upload target in hand whose bytes were sent to the store itself. */
export class Acceptances1763700000006 implements MigrationInterface {
  // Not by TypeORM's addColumn, which on SQLite copies the whole table.
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE upload_targets ADD COLUMN accepting_until bigint');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE upload_targets DROP COLUMN accepting_until');
  }
}
