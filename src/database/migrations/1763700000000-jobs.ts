import type { MigrationInterface, QueryRunner } from 'typeorm';
import { Table } from '../typeorm.js';

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
