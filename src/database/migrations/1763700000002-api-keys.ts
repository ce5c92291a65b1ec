import type { MigrationInterface, QueryRunner } from 'typeorm';
import { TableColumn } from '../typeorm.js';

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
