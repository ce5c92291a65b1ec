import type { MigrationInterface, QueryRunner } from 'typeorm';
import { TableIndex } from '../typeorm.js';

const where = 'expires_at IS NOT NULL';
const before = new TableIndex({ name: 'ix_upload_targets_held', columnNames: ['organization_id'], where });
const after = new TableIndex({
  name: 'ix_upload_targets_unused',
  columnNames: ['organization_id', 'principal_id', 'state', 'expires_at', 'size'],
  where,
});

/** Upload targets that no attachment uses yet are counted by an index alone. */
export class UnusedTargets1763700000152 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.createIndex('upload_targets', after);
    await runner.dropIndex('upload_targets', before);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.createIndex('upload_targets', before);
    await runner.dropIndex('upload_targets', after);
  }
}
