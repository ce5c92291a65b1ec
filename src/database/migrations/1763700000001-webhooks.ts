import type { MigrationInterface, QueryRunner, TableColumnOptions } from 'typeorm';
import { Table } from '../typeorm.js';

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

const tables = [subscriptions, deliveries];

/** Who wants to be told of verdicts, and what they are told. */
export class Webhooks1763700000001 implements MigrationInterface {
  readonly name = 'Webhooks1763700000001';

  async up(runner: QueryRunner): Promise<void> {
    for (const table of tables) await runner.createTable(table);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of tables.toReversed()) await runner.dropTable(table);
  }
}
