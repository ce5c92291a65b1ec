import type { MigrationInterface, QueryRunner } from 'typeorm';
import { TableIndex } from '../typeorm.js';

const unrendered = new TableIndex({
  name: 'ix_attachments_unrendered',
  columnNames: ['id'],
  where: 'description IS NOT NULL AND description_html IS NULL',
});

/** Descriptions as HTML, made once. Those that are there already are rendered in the background, and found by the index. */
export class DescriptionHtml1763700000008 implements MigrationInterface {
  // Not by TypeORM's addColumn, which on SQLite copies the whole table.
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE attachments ADD COLUMN description_html text');
    await runner.createIndex('attachments', unrendered);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropIndex('attachments', unrendered);
    await runner.query('ALTER TABLE attachments DROP COLUMN description_html');
  }
}
