import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Whether an operation under an idempotency key has steps left. All from before had one. */
export class UnfinishedOperations1763700000044 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    const no = runner.connection.options.type === 'postgres' ? 'false' : '0';
    await runner.query(`ALTER TABLE idempotency_keys ADD COLUMN unfinished boolean NOT NULL DEFAULT ${no}`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE idempotency_keys DROP COLUMN unfinished');
  }
}
