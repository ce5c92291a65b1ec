import type { MigrationInterface, QueryRunner } from 'typeorm';

const columns = {
  utf8: 'boolean',
  protocol: "varchar(16) NOT NULL DEFAULT 'PUT'",
  received: 'bigint NOT NULL DEFAULT 0',
  place: 'text',
  deferred: 'boolean',
  terms: 'text',
};

/** Upload targets whose bytes come in several requests: how many have, where they lie, and on which terms. */
export class ResumableUploads1763700000051 implements MigrationInterface {
  // Not by TypeORM's addColumn, which on SQLite copies the whole table.
  async up(runner: QueryRunner): Promise<void> {
    for (const [name, type] of Object.entries(columns))
      await runner.query(`ALTER TABLE upload_targets ADD COLUMN ${name} ${type}`);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const name of Object.keys(columns))
      await runner.query(`ALTER TABLE upload_targets DROP COLUMN ${name}`);
  }
}
