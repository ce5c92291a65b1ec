import type { MigrationInterface, QueryRunner } from 'typeorm';
import { Table } from '../typeorm.js';

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
