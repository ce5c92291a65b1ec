import type { MigrationInterface, QueryRunner } from 'typeorm';

const columns = {
  attempt: 'varchar(36)',
  beat: 'integer NOT NULL DEFAULT 0',
  digest: 'varchar(80)',
  md5: 'varchar(32)',
  sha256: 'varchar(64)',
};

/** The request that brings a target's bytes, the digests that they must have, and those that they have. */
export class UploadAttempts1763700000031 implements MigrationInterface {
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
