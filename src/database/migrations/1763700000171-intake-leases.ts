import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A row for each process that holds some content, in place of one for all of them. */
export class IntakeLeases1763700000171 implements MigrationInterface {
  // Rows that are there, and those of processes of the version before, have an empty id.
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE intakes ADD COLUMN lease_id varchar(36) NOT NULL DEFAULT ''`);
    await setKey(runner, ['document_key', 'lease_id']);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DELETE FROM intakes WHERE lease_id >
      (SELECT MIN(other.lease_id) FROM intakes other WHERE other.document_key = intakes.document_key)`);
    await setKey(runner, ['document_key']);
    await runner.query('ALTER TABLE intakes DROP COLUMN lease_id');
  }
}

/** On SQLite TypeORM copies the table, which has few rows. */
async function setKey(runner: QueryRunner, columns: string[]): Promise<void> {
  await runner.dropPrimaryKey('intakes');
  await runner.createPrimaryKey('intakes', columns);
}
