import type { MigrationInterface, QueryRunner } from 'typeorm';
import { Table, TableIndex } from '../typeorm.js';

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

const organizationId = { name: 'organization_id', type: 'varchar', length: '36' };
const counters = [
  { name: 'bytes', type: 'bigint' },
  { name: 'attachments', type: 'bigint' },
];

const quotaTables = [
  new Table({ name: 'usages', columns: [{ ...organizationId, isPrimary: true }, ...counters] }),
  new Table({ name: 'usage_changes', columns: [organizationId, ...counters] }),
  new Table({
    name: 'quotas',
    columns: [
      { ...organizationId, isPrimary: true },
      { name: 'max_bytes', type: 'bigint', isNullable: true },
      { name: 'max_attachments', type: 'bigint', isNullable: true },
    ],
  }),
  new Table({
    name: 'reservations',
    columns: [
      { name: 'id', type: 'varchar', length: '36', isPrimary: true },
      organizationId,
      { name: 'bytes', type: 'bigint' },
      { name: 'beat', type: 'integer' },
    ],
    indices: [new TableIndex({ name: 'ix_reservations_organization', columnNames: ['organization_id'] })],
  }),
];

const heldTargets = new TableIndex({
  name: 'ix_upload_targets_held',
  columnNames: ['organization_id'],
  where: 'expires_at IS NOT NULL',
});

/** Every way to a row counts, also those of later versions: the database writes the change beside it. */
const triggers = [
  { name: 'count_blob', table: 'blobs', event: 'INSERT', row: 'new', change: 'new.size, 0' },
  { name: 'discount_blob', table: 'blobs', event: 'DELETE', row: 'old', change: '-old.size, 0' },
  { name: 'count_attachment', table: 'attachments', event: 'INSERT', row: 'new', change: '0, 1' },
  { name: 'discount_attachment', table: 'attachments', event: 'DELETE', row: 'old', change: '0, -1' },
  { name: 'count_trashed', table: 'trashed_attachments', event: 'INSERT', row: 'new', change: '0, 1' },
  { name: 'discount_trashed', table: 'trashed_attachments', event: 'DELETE', row: 'old', change: '0, -1' },
];

/** Usage of organizations, which triggers count, and the bounds of it. */
export class Quotas1763700000081 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const table of quotaTables) await runner.createTable(table);
    await runner.createIndex('upload_targets', heldTargets);
    const isPostgres = runner.connection.options.type === 'postgres';
    for (const { name, table, event, row, change } of triggers) {
      const insert = `INSERT INTO usage_changes (organization_id, bytes, attachments)
        VALUES (${row}.organization_id, ${change});`;
      if (isPostgres)
        await runner.query(
          `CREATE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${insert} RETURN NULL; END $$`,
        );
      const action = isPostgres ? `FOR EACH ROW EXECUTE FUNCTION ${name}()` : `BEGIN ${insert} END`;
      await runner.query(`CREATE TRIGGER ${name} AFTER ${event} ON ${table} ${action}`);
    }
    // The triggers keep writers out until the end.
    await runner.query(`INSERT INTO usages (organization_id, bytes, attachments)
      SELECT organization_id, SUM(bytes), SUM(attachments) FROM (
        SELECT organization_id, size AS bytes, 0 AS attachments FROM blobs
        UNION ALL SELECT organization_id, 0, 1 FROM attachments
        UNION ALL SELECT organization_id, 0, 1 FROM trashed_attachments) counted
      GROUP BY organization_id`);
  }

  async down(runner: QueryRunner): Promise<void> {
    const isPostgres = runner.connection.options.type === 'postgres';
    for (const { name, table } of triggers) {
      await runner.query(`DROP TRIGGER ${name}${isPostgres ? ` ON ${table}` : ''}`);
      if (isPostgres) await runner.query(`DROP FUNCTION ${name}()`);
    }
    await runner.dropIndex('upload_targets', heldTargets);
    for (const table of [...quotaTables].reverse()) await runner.dropTable(table);
  }
}

const plainColumn = (name: string, length: number) => ({ name, type: 'varchar', length: String(length) });

const versions = new Table({
  name: 'attachment_versions',
  columns: [
    { ...plainColumn('id', 36), isPrimary: true },
    plainColumn('organization_id', 36),
    plainColumn('attachment_id', 36),
    { name: 'position', type: 'integer' },
    { name: 'number', type: 'integer' },
    plainColumn('blob_id', 36),
    plainColumn('file_name', 255),
    plainColumn('content_type', 255),
    { name: 'size', type: 'bigint' },
    plainColumn('created_by_id', 255),
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

const versionTables = ['attachments', 'trashed_attachments'];

/** The contents of attachments that have had more than one. */
export class Versions1763700000091 implements MigrationInterface {
  // Not by TypeORM's addColumn, which on SQLite copies the whole table.
  async up(runner: QueryRunner): Promise<void> {
    for (const table of versionTables)
      await runner.query(`ALTER TABLE ${table} ADD COLUMN version integer NOT NULL DEFAULT 1`);
    await runner.createTable(versions);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable(versions);
    for (const table of versionTables) await runner.query(`ALTER TABLE ${table} DROP COLUMN version`);
  }
}
