import type { MigrationInterface, QueryRunner } from 'typeorm';
import { Table, TableIndex } from '../typeorm.js';

const blobId = { name: 'blob_id', type: 'varchar', length: '36', isPrimary: true };
const variant = { name: 'variant', type: 'varchar', length: '32', isPrimary: true };

const ofBlob = {
  name: 'fk_previews_blob',
  columnNames: ['blob_id'],
  referencedTableName: 'blobs',
  referencedColumnNames: ['id'],
  onDelete: 'CASCADE',
};

const triggers = [
  { name: 'count_preview', event: 'INSERT', row: 'new', sign: '' },
  { name: 'discount_preview', event: 'DELETE', row: 'old', sign: '-' },
];

const counters = ['usages', 'usage_changes'];

/** Previews count as bytes of their organization, and those that cannot be made are known by themselves. */
export class PreviewRoom1763700000151 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    const isPostgres = runner.connection.options.type === 'postgres';
    for (const table of counters)
      await runner.query(`ALTER TABLE ${table} ADD COLUMN previews bigint NOT NULL DEFAULT 0`);
    // Previews are made again.
    await runner.dropTable('previews');
    const body = { name: 'body', type: isPostgres ? 'bytea' : 'blob' };
    await runner.createTable(
      new Table({
        name: 'previews',
        columns: [
          blobId,
          variant,
          { name: 'organization_id', type: 'varchar', length: '36' },
          { name: 'size', type: 'integer' },
          { name: 'made_at', type: 'bigint' },
          { ...body, isNullable: true },
        ],
        indices: [
          new TableIndex({ name: 'ix_previews_made_at', columnNames: ['organization_id', 'made_at'] }),
        ],
        foreignKeys: [ofBlob],
      }),
    );
    // They are compressed in themselves.
    if (isPostgres) await runner.query('ALTER TABLE previews ALTER COLUMN body SET STORAGE EXTERNAL');
    for (const { name, event, row, sign } of triggers) {
      const insert = `INSERT INTO usage_changes (organization_id, bytes, attachments, previews)
        VALUES (${row}.organization_id, 0, 0, ${sign}${row}.size);`;
      if (isPostgres)
        await runner.query(
          `CREATE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${insert} RETURN NULL; END $$`,
        );
      const action = isPostgres ? `FOR EACH ROW EXECUTE FUNCTION ${name}()` : `BEGIN ${insert} END`;
      await runner.query(`CREATE TRIGGER ${name} AFTER ${event} ON previews ${action}`);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    const isPostgres = runner.connection.options.type === 'postgres';
    await runner.dropTable('previews');
    if (isPostgres) for (const { name } of triggers) await runner.query(`DROP FUNCTION ${name}()`);
    const body = { name: 'body', type: isPostgres ? 'bytea' : 'blob' };
    await runner.createTable(
      new Table({ name: 'previews', columns: [blobId, variant, body], foreignKeys: [ofBlob] }),
    );
    for (const table of counters) await runner.query(`ALTER TABLE ${table} DROP COLUMN previews`);
  }
}
