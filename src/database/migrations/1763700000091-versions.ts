import type { MigrationInterface, QueryRunner } from 'typeorm';
import { Table } from '../typeorm.js';

const varchar = (name: string, length: number) => ({ name, type: 'varchar', length: String(length) });

const versions = new Table({
  name: 'attachment_versions',
  columns: [
    { ...varchar('id', 36), isPrimary: true },
    varchar('organization_id', 36),
    varchar('attachment_id', 36),
    { name: 'position', type: 'integer' },
    { name: 'number', type: 'integer' },
    varchar('blob_id', 36),
    varchar('file_name', 255),
    varchar('content_type', 255),
    { name: 'size', type: 'bigint' },
    varchar('created_by_id', 255),
    { name: 'created_at', type: 'bigint' },
    { name: 'approved_at', type: 'bigint', isNullable: true },
  ],
  indices: [
    { name: 'ix_attachment_versions_position', columnNames: ['attachment_id', 'position'], isUnique: true },
    { name: 'ix_attachment_versions_blob', columnNames: ['blob_id'] },
  ],
  foreignKeys: [
    {
      name: 'fk_attachment_versions_blob',
      columnNames: ['blob_id'],
      referencedTableName: 'blobs',
      referencedColumnNames: ['id'],
    },
  ],
});

const tables = ['attachments', 'trashed_attachments'];

/** The contents of attachments that have had more than one. */
export class Versions1763700000091 implements MigrationInterface {
  // Not by TypeORM's addColumn, which on SQLite copies the whole table.
  async up(runner: QueryRunner): Promise<void> {
    for (const table of tables)
      await runner.query(`ALTER TABLE ${table} ADD COLUMN version integer NOT NULL DEFAULT 1`);
    await runner.createTable(versions);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable(versions);
    for (const table of tables) await runner.query(`ALTER TABLE ${table} DROP COLUMN version`);
  }
}
