import type { MigrationInterface, QueryRunner } from 'typeorm';
import { Table, TableIndex } from '../typeorm.js';

const documentKey = { name: 'document_key', type: 'varchar', length: '128', isPrimary: true };

const intakes = new Table({ name: 'intakes', columns: [documentKey, { name: 'beat', type: 'integer' }] });

const sweptKeys = new Table({
  name: 'swept_keys',
  columns: [documentKey, { name: 'swept_at', type: 'bigint' }],
  indices: [new TableIndex({ name: 'ix_swept_keys_swept_at', columnNames: ['swept_at'] })],
});

/** Intakes under way, and keys that the sweep has taken: each side finds the other's rows. */
export class Intakes1763700000009 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.createTable(intakes);
    await runner.createTable(sweptKeys);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable(sweptKeys);
    await runner.dropTable(intakes);
  }
}
