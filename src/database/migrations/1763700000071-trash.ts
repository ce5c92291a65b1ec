import type { MigrationInterface, QueryRunner } from 'typeorm';
import { Table } from '../typeorm.js';

const varchar = (name: string, length: number, options: object = {}) => ({
  name,
  type: 'varchar',
  length: String(length),
  ...options,
});
const nullable = { isNullable: true };
const mine = ['organization_id', 'created_by_id', 'shared'];

const index = (name: string, columnNames: string[], where?: string) => ({
  name: `ix_trashed_attachments_${name}`,
  columnNames,
  ...(where === undefined ? {} : { where }),
});

/** The columns and the indexes of lists are those that attachments have by now. */
const trash = new Table({
  name: 'trashed_attachments',
  columns: [
    varchar('id', 36, { isPrimary: true }),
    varchar('organization_id', 36),
    varchar('blob_id', 36),
    { name: 'shared', type: 'boolean' },
    varchar('file_name', 255),
    { name: 'search_name', type: 'text', default: "''" },
    varchar('sort_name', 255, { default: "''" }),
    varchar('content_type', 255),
    { name: 'size', type: 'bigint' },
    { name: 'description', type: 'text', ...nullable },
    varchar('description_format', 16, { default: "'MARKDOWN'" }),
    { name: 'description_html', type: 'text', ...nullable },
    varchar('metadata_type', 255, nullable),
    { name: 'metadata_attributes', type: 'text', ...nullable },
    varchar('record_type', 255, nullable),
    varchar('record_id', 255, nullable),
    varchar('created_by_id', 255),
    { name: 'created_at', type: 'bigint' },
    { name: 'updated_at', type: 'bigint' },
    { name: 'claimed_at', type: 'bigint', ...nullable },
    { name: 'expires_at', type: 'bigint', ...nullable },
    { name: 'deleted_at', type: 'bigint' },
    { name: 'places', type: 'text' },
  ],
  indices: [
    index('created_at', ['organization_id', 'created_at', 'id'], 'shared'),
    index('file_name', ['organization_id', 'sort_name', 'id'], 'shared'),
    index('size', ['organization_id', 'size', 'id'], 'shared'),
    index(
      'only_linked',
      ['organization_id', 'record_id', 'created_at', 'id'],
      'shared AND record_id IS NULL',
    ),
    index('creator', [...mine, 'created_at', 'id']),
    index('creator_file_name', [...mine, 'sort_name', 'id']),
    index('creator_size', [...mine, 'size', 'id']),
    index(
      'record',
      ['organization_id', 'record_type', 'record_id', 'created_at', 'id'],
      'record_id IS NOT NULL',
    ),
    index('content_type', ['organization_id', 'content_type', 'id']),
    index('blob', ['blob_id']),
    index('expires_at', ['expires_at', 'id']),
  ],
  foreignKeys: [
    {
      name: 'fk_trashed_attachments_blob',
      columnNames: ['blob_id'],
      referencedTableName: 'blobs',
      referencedColumnNames: ['id'],
    },
  ],
});

/** Deleted attachments that can be restored, in a table of their own: no other query reads them. */
export class Trash1763700000071 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.createTable(trash);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable(trash);
  }
}
