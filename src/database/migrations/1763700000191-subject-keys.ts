import type { MigrationInterface, QueryRunner } from 'typeorm';

const key = '(substr(subject_id, 3, 11) || substr(subject_id, 25, 2))';

/** Entries of an attachment are 13 characters of its id on SQLite: more of them are in a page, and an ADD changes fewer pages. */
export class SubjectKeys1763700000191 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await replaceIndex(runner, key);
  }

  async down(runner: QueryRunner): Promise<void> {
    await replaceIndex(runner, 'subject_id');
  }
}

async function replaceIndex(runner: QueryRunner, subject: string): Promise<void> {
  if (runner.connection.options.type === 'postgres') return;
  await runner.query('DROP INDEX ix_audit_events_subject');
  await runner.query(`CREATE INDEX ix_audit_events_subject ON audit_events (${subject}, created_at)`);
}
