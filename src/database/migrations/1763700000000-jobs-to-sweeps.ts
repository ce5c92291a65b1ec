import type { MigrationInterface, QueryRunner, TableColumnOptions } from 'typeorm';
import { Table, TableColumn } from '../typeorm.js';

const jobs = new Table({
  name: 'jobs',
  columns: [
    { name: 'id', type: 'varchar', length: '36', isPrimary: true },
    { name: 'kind', type: 'varchar', length: '64' },
    { name: 'key', type: 'varchar', length: '128', isNullable: true },
    { name: 'payload', type: 'text' },
    { name: 'state', type: 'varchar', length: '16' },
    { name: 'run_at', type: 'bigint' },
    { name: 'attempts', type: 'integer' },
    { name: 'last_error', type: 'text', isNullable: true },
    { name: 'locked_by', type: 'varchar', length: '36', isNullable: true },
    { name: 'locked_until', type: 'bigint', isNullable: true },
    { name: 'created_at', type: 'bigint' },
    { name: 'failed_at', type: 'bigint', isNullable: true },
  ],
  indices: [
    { name: 'ix_jobs_due', columnNames: ['state', 'kind', 'run_at', 'id'] },
    { name: 'ix_jobs_key', columnNames: ['key', 'state'] },
  ],
});

/** Durable work on the embedded engine. */
export class Jobs1763700000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.createTable(jobs);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable(jobs);
  }
}

const column = (type: string, name: string, more: Partial<TableColumnOptions> = {}): TableColumnOptions => ({
  name,
  type,
  ...more,
});
const varchar = (name: string, length: number, more: Partial<TableColumnOptions> = {}) =>
  column('varchar', name, { length: String(length), ...more });
const id = (name: string, more: Partial<TableColumnOptions> = {}) => varchar(name, 36, more);
const nullable = { isNullable: true };
const primary = { isPrimary: true };

const subscriptions = new Table({
  name: 'webhook_subscriptions',
  columns: [
    id('id', primary),
    id('organization_id'),
    id('attachment_id'),
    varchar('uri', 2_048),
    column('text', 'interactions'),
    column('bigint', 'created_at'),
    column('bigint', 'ended_at', nullable),
  ],
  indices: [{ name: 'ix_webhook_subscriptions_attachment', columnNames: ['attachment_id'] }],
});

const deliveries = new Table({
  name: 'webhook_deliveries',
  columns: [
    id('id', primary),
    id('organization_id'),
    id('attachment_id'),
    id('subscription_id'),
    varchar('uri', 2_048),
    varchar('interaction', 32),
    varchar('state', 16),
    column('integer', 'attempts'),
    column('integer', 'attempts_before'),
    column('integer', 'last_status_code', nullable),
    varchar('last_error', 255, nullable),
    column('bigint', 'next_attempt_at', nullable),
    column('text', 'body'),
    column('bigint', 'created_at'),
    column('bigint', 'delivered_at', nullable),
  ],
  indices: [{ name: 'ix_webhook_deliveries_attachment', columnNames: ['attachment_id', 'created_at', 'id'] }],
});

const webhookTables = [subscriptions, deliveries];

/** Who wants to be told of verdicts, and what they are told. */
export class Webhooks1763700000001 implements MigrationInterface {
  readonly name = 'Webhooks1763700000001';

  async up(runner: QueryRunner): Promise<void> {
    for (const table of webhookTables) await runner.createTable(table);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of webhookTables.toReversed()) await runner.dropTable(table);
  }
}

/** When a key was last used. */
export class ApiKeys1763700000002 implements MigrationInterface {
  readonly name = 'ApiKeys1763700000002';

  async up(runner: QueryRunner): Promise<void> {
    const lastUsedAt = new TableColumn({ name: 'last_used_at', type: 'bigint', isNullable: true });
    await runner.addColumn('api_keys', lastUsedAt);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropColumn('api_keys', 'last_used_at');
  }
}

const blobId = { name: 'blob_id', type: 'varchar', length: '36', isPrimary: true };

const ofBlob = (name: string) => ({
  name,
  columnNames: ['blob_id'],
  referencedTableName: 'blobs',
  referencedColumnNames: ['id'],
  onDelete: 'CASCADE',
});

const verdictTables = [
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
    for (const table of verdictTables) await runner.createTable(table);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of verdictTables.toReversed()) await runner.dropTable(table);
  }
}

const sweeps = new Table({
  name: 'sweeps',
  columns: [
    { name: 'name', type: 'varchar', length: '32', isPrimary: true },
    { name: 'swept_until', type: 'bigint' },
  ],
});

/** How far sweeps of the storage have come. */
export class Sweeps1763700000004 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.createTable(sweeps);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable(sweeps);
  }
}
