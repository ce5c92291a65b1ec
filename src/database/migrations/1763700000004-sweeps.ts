import type { MigrationInterface, QueryRunner } from 'typeorm';
import { Table } from '../typeorm.js';

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
