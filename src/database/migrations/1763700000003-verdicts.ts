import type { MigrationInterface, QueryRunner } from 'typeorm';
import { Table } from '../typeorm.js';

const blobId = { name: 'blob_id', type: 'varchar', length: '36', isPrimary: true };

const ofBlob = (name: string) => ({
  name,
  columnNames: ['blob_id'],
  referencedTableName: 'blobs',
  referencedColumnNames: ['id'],
  onDelete: 'CASCADE',
});

const tables = [
  new Table({
    name: 'rejections',
    columns: [
      blobId,
      { name: 'reason', type: 'varchar', length: '16' },
      { name: 'message', type: 'text' },
      { name: 'signature', type: 'varchar', length: '255', isNullable: true },
      { name: 'rejected_at', type: 'bigint' },
    ],
    foreignKeys: [ofBlob('fk_rejections_blob')],
  }),
  new Table({
    name: 'releases',
    columns: [
      blobId,
      { name: 'released_by_id', type: 'varchar', length: '255' },
      { name: 'reason', type: 'text' },
      { name: 'released_at', type: 'bigint' },
    ],
    foreignKeys: [ofBlob('fk_releases_blob')],
  }),
];

/** Rejections of blobs, and what overrides them. */
export class Verdicts1763700000003 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const table of tables) await runner.createTable(table);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of tables.toReversed()) await runner.dropTable(table);
  }
}
