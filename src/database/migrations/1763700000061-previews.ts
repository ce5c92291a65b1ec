import type { MigrationInterface, QueryRunner } from 'typeorm';
import { Table, TableForeignKey } from '../typeorm.js';

const ofBlob = (table: string) =>
  new TableForeignKey({
    name: `fk_${table}_blob`,
    columnNames: ['blob_id'],
    referencedTableName: 'blobs',
    referencedColumnNames: ['id'],
    onDelete: 'CASCADE',
  });

const blobId = { name: 'blob_id', type: 'varchar', length: '36', isPrimary: true };

/** Facts of decoded pictures, and smaller ones of them. Both go with their blobs. */
export class Previews1763700000061 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    const isPostgres = runner.connection.options.type === 'postgres';
    await runner.createTable(
      new Table({
        name: 'pictures',
        columns: [
          blobId,
          { name: 'width', type: 'integer', isNullable: true },
          { name: 'height', type: 'integer', isNullable: true },
          { name: 'fault', type: 'varchar', length: '16', isNullable: true },
          { name: 'decoded_at', type: 'bigint' },
        ],
        foreignKeys: [ofBlob('pictures')],
      }),
    );
    await runner.createTable(
      new Table({
        name: 'previews',
        columns: [
          blobId,
          { name: 'variant', type: 'varchar', length: '32', isPrimary: true },
          { name: 'body', type: isPostgres ? 'bytea' : 'blob' },
        ],
        foreignKeys: [ofBlob('previews')],
      }),
    );
    // They are compressed in themselves.
    if (isPostgres) await runner.query('ALTER TABLE previews ALTER COLUMN body SET STORAGE EXTERNAL');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable('previews');
    await runner.dropTable('pictures');
  }
}
