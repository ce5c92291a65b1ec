import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The links of a field, a thousand at most, are read by its key and sorted then. Nothing looked for a position. */
export class NoLinkPositions1763700000183 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX ix_links_position');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE INDEX ix_links_position ON links (field_id, position)');
  }
}
