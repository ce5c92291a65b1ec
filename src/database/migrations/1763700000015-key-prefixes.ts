import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Also in `src/auth/api-keys.ts`, as it was when this migration was written. */
const shownLength = 'cck_'.length + 8;

/**
 * Shows at most 8 characters of the secret part of each key. A first key could be chosen with as few as 8, so that its prefix
 * may be all of it: of those that a start has made nothing is shown any more.
 */
export class KeyPrefixes1763700000015 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`UPDATE api_keys SET prefix = 'cck_' WHERE name = 'bootstrap'`);
    await runner.query(
      `UPDATE api_keys SET prefix = substr(prefix, 1, ${shownLength}) WHERE length(prefix) > ${shownLength}`,
    );
  }

  /** The part that was cut off is not known any more. */
  async down(): Promise<void> {}
}
