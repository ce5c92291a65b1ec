import type { MigrationInterface, QueryRunner } from 'typeorm';
import { Table } from '../typeorm.js';

const scrubs = new Table({
  name: 'scrubs',
  columns: [
    { name: 'name', type: 'varchar', length: '32', isPrimary: true },
    { name: 'held_until', type: 'bigint' },
  ],
});

/** The time when stored bytes were last compared with those that came, and the difference. */
export class Scrubs1763700000161 implements MigrationInterface {
  // Not by TypeORM's addColumn, which on SQLite copies the whole table.
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE blobs ADD COLUMN verified_at bigint');
    await runner.query('ALTER TABLE blobs ADD COLUMN damaged_at bigint');
    await runner.query('ALTER TABLE blobs ADD COLUMN damage varchar(255)');
    await runner.query(
      'CREATE INDEX ix_blobs_verified_at ON blobs (verified_at, id) WHERE damaged_at IS NULL',
    );
    await runner.query(
      'CREATE INDEX ix_blobs_damaged ON blobs (organization_id, damaged_at) WHERE damaged_at IS NOT NULL',
    );
    await runner.createTable(scrubs);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable(scrubs);
    await runner.query('DROP INDEX ix_blobs_damaged');
    await runner.query('DROP INDEX ix_blobs_verified_at');
    for (const column of ['damage', 'damaged_at', 'verified_at'])
      await runner.query(`ALTER TABLE blobs DROP COLUMN ${column}`);
  }
}
