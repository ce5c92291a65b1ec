import type { MigrationInterface, QueryRunner } from 'typeorm';
import { Table, TableIndex } from '../typeorm.js';

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
