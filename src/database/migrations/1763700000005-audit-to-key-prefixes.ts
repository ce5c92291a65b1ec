import type { MigrationInterface, QueryRunner } from 'typeorm';
import { Table, TableIndex } from '../typeorm.js';

const auditEvents = new Table({
  name: 'audit_events',
  columns: [
    { name: 'id', type: 'varchar', length: '36', isPrimary: true },
    { name: 'organization_id', type: 'varchar', length: '36' },
    { name: 'principal_id', type: 'varchar', length: '255', isNullable: true },
    { name: 'action', type: 'varchar', length: '32' },
    { name: 'subject_id', type: 'varchar', length: '36' },
    { name: 'details', type: 'text', isNullable: true },
    { name: 'once_key', type: 'varchar', length: '64', isNullable: true },
    { name: 'created_at', type: 'bigint' },
  ],
  indices: [
    { name: 'ix_audit_events_organization', columnNames: ['organization_id', 'id'] },
    { name: 'ix_audit_events_subject', columnNames: ['subject_id', 'id'] },
    {
      name: 'ix_audit_events_once',
      columnNames: ['once_key'],
      isUnique: true,
      where: 'once_key IS NOT NULL',
    },
  ],
});

/** Who did what. */
export class AuditEvents1763700000005 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.createTable(auditEvents);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable(auditEvents);
  }
}

/** Until when a process has an upload target in hand whose bytes were sent to the store itself. */
export class Acceptances1763700000006 implements MigrationInterface {
  // Not by TypeORM's addColumn, which on SQLite copies the whole table.
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE upload_targets ADD COLUMN accepting_until bigint');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE upload_targets DROP COLUMN accepting_until');
  }
}

const index = (name: string, columnNames: string[], where?: string) =>
  new TableIndex({ name, columnNames, ...(where === undefined ? {} : { where }) });

const before = [
  index('ix_attachments_created_at', ['organization_id', 'shared', 'created_at', 'id']),
  index('ix_attachments_file_name', ['organization_id', 'shared', 'file_name', 'id']),
  index('ix_attachments_size', ['organization_id', 'shared', 'size', 'id']),
  index('ix_attachments_record', ['organization_id', 'record_type', 'record_id', 'created_at', 'id']),
  index('ix_attachments_expires_at', ['expires_at', 'id']),
];

const after = [
  index('ix_attachments_created_at', ['organization_id', 'created_at', 'id'], 'shared'),
  index('ix_attachments_file_name', ['organization_id', 'file_name', 'id'], 'shared'),
  index('ix_attachments_size', ['organization_id', 'size', 'id'], 'shared'),
  index(
    'ix_attachments_only_linked',
    ['organization_id', 'record_id', 'created_at', 'id'],
    'shared AND record_id IS NULL',
  ),
  index(
    'ix_attachments_record',
    ['organization_id', 'record_type', 'record_id', 'created_at', 'id'],
    'record_id IS NOT NULL',
  ),
  index('ix_attachments_expires_at', ['expires_at', 'id'], 'expires_at IS NOT NULL'),
];

const notApproved = index('ix_blobs_not_approved', ['organization_id', 'verdict'], "verdict <> 'APPROVED'");

/** Indexes of only the rows that a query looks for among many others. Most rows are then in fewer indexes. */
export class PartialIndexes1763700000007 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.dropIndices('attachments', before);
    for (const index of after) await runner.createIndex('attachments', index);
    await runner.createIndex('blobs', notApproved);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropIndex('blobs', notApproved);
    await runner.dropIndices('attachments', after);
    for (const index of before) await runner.createIndex('attachments', index);
  }
}

const unrendered = new TableIndex({
  name: 'ix_attachments_unrendered',
  columnNames: ['id'],
  where: 'description IS NOT NULL AND description_html IS NULL',
});

/** Descriptions as HTML, made once. Those that are there already are rendered in the background, and found by the index. */
export class DescriptionHtml1763700000008 implements MigrationInterface {
  // Not by TypeORM's addColumn, which on SQLite copies the whole table.
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE attachments ADD COLUMN description_html text');
    await runner.createIndex('attachments', unrendered);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropIndex('attachments', unrendered);
    await runner.query('ALTER TABLE attachments DROP COLUMN description_html');
  }
}

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
