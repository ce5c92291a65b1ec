import type { MigrationInterface, QueryRunner, TableColumnOptions } from 'typeorm';
import { Table } from '../typeorm.js';

const varchar = (
  name: string,
  length: number,
  more: Partial<TableColumnOptions> = {},
): TableColumnOptions => ({
  name,
  type: 'varchar',
  length: String(length),
  ...more,
});
const id = (name: string, more: Partial<TableColumnOptions> = {}) => varchar(name, 36, more);
const bigint = (name: string, more: Partial<TableColumnOptions> = {}): TableColumnOptions => ({
  name,
  type: 'bigint',
  ...more,
});
const integer = (name: string): TableColumnOptions => ({ name, type: 'integer' });
const text = (name: string, more: Partial<TableColumnOptions> = {}): TableColumnOptions => ({
  name,
  type: 'text',
  ...more,
});
const nullable = { isNullable: true };
const primary = { isPrimary: true };

const index = (name: string, columnNames: string[], isUnique = false) => ({ name, columnNames, isUnique });
const reference = (name: string, column: string, table: string) => ({
  name,
  columnNames: [column],
  referencedTableName: table,
  referencedColumnNames: ['id'],
});

const credentials = [
  new Table({
    name: 'organizations',
    columns: [id('id', primary), varchar('name', 255), bigint('created_at')],
  }),
  new Table({
    name: 'principals',
    columns: [
      id('organization_id', primary),
      varchar('id', 255, primary),
      varchar('kind', 16),
      varchar('name', 255, nullable),
    ],
  }),
  new Table({
    name: 'api_keys',
    columns: [
      id('id', primary),
      id('organization_id'),
      varchar('principal_id', 255),
      varchar('name', 255),
      varchar('prefix', 16),
      varchar('hash', 64),
      text('permissions'),
      bigint('created_at'),
      bigint('expires_at', nullable),
      bigint('revoked_at', nullable),
    ],
    indices: [
      index('ix_api_keys_hash', ['hash'], true),
      index('ix_api_keys_organization', ['organization_id', 'id']),
    ],
  }),
];

const blobs = new Table({
  name: 'blobs',
  columns: [
    id('id', primary),
    id('organization_id'),
    varchar('document_key', 128),
    bigint('size'),
    varchar('md5', 32),
    varchar('sha256', 64),
    varchar('verdict', 16),
    bigint('created_at'),
  ],
  indices: [
    index('ix_blobs_document_key', ['document_key'], true),
    index('ix_blobs_sha256', ['organization_id', 'sha256']),
  ],
});

const attachments = new Table({
  name: 'attachments',
  columns: [
    id('id', primary),
    id('organization_id'),
    id('blob_id'),
    { name: 'shared', type: 'boolean' },
    varchar('file_name', 255),
    varchar('content_type', 255),
    bigint('size'),
    text('description', nullable),
    varchar('metadata_type', 255, nullable),
    text('metadata_attributes', nullable),
    varchar('record_type', 255, nullable),
    varchar('record_id', 255, nullable),
    varchar('created_by_id', 255),
    bigint('created_at'),
    bigint('updated_at'),
    bigint('claimed_at', nullable),
    bigint('expires_at', nullable),
  ],
  indices: [
    index('ix_attachments_created_at', ['organization_id', 'shared', 'created_at', 'id']),
    index('ix_attachments_file_name', ['organization_id', 'shared', 'file_name', 'id']),
    index('ix_attachments_size', ['organization_id', 'shared', 'size', 'id']),
    index('ix_attachments_creator', ['organization_id', 'created_by_id', 'shared', 'created_at', 'id']),
    index('ix_attachments_creator_file_name', [
      'organization_id',
      'created_by_id',
      'shared',
      'file_name',
      'id',
    ]),
    index('ix_attachments_creator_size', ['organization_id', 'created_by_id', 'shared', 'size', 'id']),
    index('ix_attachments_record', ['organization_id', 'record_type', 'record_id', 'created_at', 'id']),
    index('ix_attachments_blob', ['blob_id']),
    index('ix_attachments_expires_at', ['expires_at', 'id']),
  ],
  foreignKeys: [reference('fk_attachments_blob', 'blob_id', 'blobs')],
});

const recordFields = new Table({
  name: 'record_fields',
  columns: [
    id('id', primary),
    id('organization_id'),
    varchar('record_type', 255),
    varchar('record_id', 255),
    varchar('name', 255),
    integer('version'),
  ],
  indices: [index('ix_record_fields_record', ['organization_id', 'record_type', 'record_id', 'name'], true)],
});

const links = new Table({
  name: 'links',
  columns: [id('field_id', primary), id('attachment_id', primary), integer('position'), bigint('created_at')],
  indices: [
    index('ix_links_position', ['field_id', 'position']),
    index('ix_links_attachment', ['attachment_id', 'field_id']),
  ],
  foreignKeys: [
    reference('fk_links_field', 'field_id', 'record_fields'),
    reference('fk_links_attachment', 'attachment_id', 'attachments'),
  ],
});

const removals = new Table({
  name: 'removals',
  columns: [varchar('document_key', 128, primary), bigint('created_at')],
});

const idempotencyKeys = new Table({
  name: 'idempotency_keys',
  columns: [
    id('organization_id', primary),
    varchar('principal_id', 255, primary),
    varchar('key', 255, primary),
    varchar('fingerprint', 64),
    id('attachment_id'),
    bigint('created_at'),
  ],
  indices: [index('ix_idempotency_keys_created_at', ['created_at'])],
});

const uploadTargets = new Table({
  name: 'upload_targets',
  columns: [
    id('id', primary),
    id('organization_id'),
    varchar('principal_id', 255),
    varchar('document_key', 128),
    varchar('file_name', 255),
    varchar('content_type', 255),
    bigint('size'),
    varchar('state', 16),
    bigint('created_at'),
    bigint('expires_at', nullable),
  ],
  indices: [
    index('ix_upload_targets_document_key', ['document_key'], true),
    index('ix_upload_targets_expires_at', ['expires_at', 'id']),
  ],
});

const tables = [
  ...credentials,
  blobs,
  attachments,
  recordFields,
  links,
  removals,
  idempotencyKeys,
  uploadTargets,
];

/** The tables that the service began with. */
export class Foundation1763600000000 implements MigrationInterface {
  readonly name = 'Foundation1763600000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const table of tables) await runner.createTable(table);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of tables.toReversed()) await runner.dropTable(table);
  }
}
