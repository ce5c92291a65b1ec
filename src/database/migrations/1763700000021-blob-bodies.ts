import type { MigrationInterface, QueryRunner } from 'typeorm';
import { Table, TableForeignKey } from '../typeorm.js';

const ofBlob = new TableForeignKey({
  name: 'fk_blob_bodies_blob',
  columnNames: ['blob_id'],
  referencedTableName: 'blobs',
  referencedColumnNames: ['id'],
  onDelete: 'CASCADE',
});

/** The bytes of small blobs, beside their rows. Those that are stored already stay where they are. */
export class BlobBodies1763700000021 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    const isPostgres = runner.connection.options.type === 'postgres';
    const table = new Table({
      name: 'blob_bodies',
      columns: [
        { name: 'blob_id', type: 'varchar', length: '36', isPrimary: true },
        { name: 'body', type: isPostgres ? 'bytea' : 'blob' },
      ],
      foreignKeys: [ofBlob],
    });
    await runner.createTable(table);
    // Most files are compressed in themselves, and a range of what is not compressed is found at once.
    if (isPostgres) await runner.query('ALTER TABLE blob_bodies ALTER COLUMN body SET STORAGE EXTERNAL');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable('blob_bodies');
  }
}
