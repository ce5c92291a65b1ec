import type { MigrationInterface, QueryRunner } from 'typeorm';
import { TableIndex } from '../typeorm.js';

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
