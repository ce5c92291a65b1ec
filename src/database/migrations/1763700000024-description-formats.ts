import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The format of descriptions. All from before are Markdown. */
export class DescriptionFormats1763700000024 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      "ALTER TABLE attachments ADD COLUMN description_format varchar(16) NOT NULL DEFAULT 'MARKDOWN'",
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE attachments DROP COLUMN description_format');
  }
}
