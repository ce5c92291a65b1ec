import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The encoding of text. That of blobs from before is not known. */
export class Charsets1763700000023 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE blobs ADD COLUMN charset varchar(16)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE blobs DROP COLUMN charset');
  }
}
