import type { MigrationInterface, QueryRunner } from 'typeorm';
import { Table, TableForeignKey, TableIndex } from '../typeorm.js';

const id = (name: string) => ({ name, type: 'varchar', length: '36' });
const optional = { isNullable: true };

const shareLinks = new Table({
  name: 'share_links',
  columns: [
    { ...id('id'), isPrimary: true },
    id('organization_id'),
    id('attachment_id'),
    { name: 'token_hash', type: 'varchar', length: '64' },
    { name: 'created_by_id', type: 'varchar', length: '255' },
    { ...id('key_id'), ...optional },
    { name: 'max_downloads', type: 'integer', ...optional },
    { name: 'downloads', type: 'integer' },
    { name: 'range_bytes', type: 'bigint' },
    { name: 'created_at', type: 'bigint' },
    ...['expires_at', 'revoked_at', 'last_used_at', 'ended_at'].map((name) => ({
      name,
      type: 'bigint',
      ...optional,
    })),
  ],
  indices: [
    new TableIndex({ name: 'ix_share_links_token_hash', columnNames: ['token_hash'], isUnique: true }),
    new TableIndex({ name: 'ix_share_links_attachment', columnNames: ['attachment_id', 'id'] }),
    new TableIndex({
      name: 'ix_share_links_ended_at',
      columnNames: ['ended_at'],
      where: 'ended_at IS NOT NULL',
    }),
  ],
});

/** Links that people can download an attachment by. */
export class ShareLinks1763700000041 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.createTable(shareLinks);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable(shareLinks);
  }
}

/** Whether an operation under an idempotency key has steps left. All from before had one. */
export class UnfinishedOperations1763700000044 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    const no = runner.connection.options.type === 'postgres' ? 'false' : '0';
    await runner.query(`ALTER TABLE idempotency_keys ADD COLUMN unfinished boolean NOT NULL DEFAULT ${no}`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE idempotency_keys DROP COLUMN unfinished');
  }
}

const columns = {
  utf8: 'boolean',
  protocol: "varchar(16) NOT NULL DEFAULT 'PUT'",
  received: 'bigint NOT NULL DEFAULT 0',
  place: 'text',
  deferred: 'boolean',
  terms: 'text',
};

/** Upload targets whose bytes come in several requests: how many have, where they lie, and on which terms. */
export class ResumableUploads1763700000051 implements MigrationInterface {
  // Not by TypeORM's addColumn, which on SQLite copies the whole table.
  async up(runner: QueryRunner): Promise<void> {
    for (const [name, type] of Object.entries(columns))
      await runner.query(`ALTER TABLE upload_targets ADD COLUMN ${name} ${type}`);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const name of Object.keys(columns))
      await runner.query(`ALTER TABLE upload_targets DROP COLUMN ${name}`);
  }
}

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
