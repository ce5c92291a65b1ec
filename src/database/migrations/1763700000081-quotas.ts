import type { MigrationInterface, QueryRunner } from 'typeorm';
import { Table, TableIndex } from '../typeorm.js';

const organizationId = { name: 'organization_id', type: 'varchar', length: '36' };
const counters = [
  { name: 'bytes', type: 'bigint' },
  { name: 'attachments', type: 'bigint' },
];

const tables = [
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
    for (const table of tables) await runner.createTable(table);
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
    for (const table of [...tables].reverse()) await runner.dropTable(table);
  }
}
