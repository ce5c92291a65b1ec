import { idColumn, instantColumn, jsonColumn, textColumn } from '../columns.js';
import { Column, Entity, Index, PrimaryColumn } from '../typeorm.js';

/**
 * One action: who did it, and to what. Rows are added and, once they have outlived the retention, removed. Nothing of them changes
 * but the name of a principal who is erased.
 */
@Entity('audit_events')
@Index('ix_audit_events_organization', ['organizationId', 'id'])
@Index('ix_audit_events_subject', ['subjectId', 'id'])
@Index('ix_audit_events_once', ['onceKey'], { unique: true, where: 'once_key IS NOT NULL' })
export class AuditEventRow {
  /** A uuid of version 7 that begins with `createdAt`, so that ids are in the order of time. */
  @PrimaryColumn(idColumn('id'))
  id!: string;

  @Column(idColumn('organization_id'))
  organizationId!: string;

  /** Null: nobody's credential did it, but the service, its operator, or whoever has a signed URL. */
  @Column({ ...textColumn('principal_id', 255), nullable: true })
  principalId!: string | null;

  @Column(textColumn('action', 32))
  action!: string;

  /** The id of the attachment, or of the API key or webhook endpoint if the action is on one. */
  @Column(idColumn('subject_id'))
  subjectId!: string;

  @Column({ ...jsonColumn('details'), nullable: true })
  details!: object | null;

  /** Unique among events that are recorded once only: sha256, lowercase hexadecimal. */
  @Column({ ...textColumn('once_key', 64), nullable: true })
  onceKey!: string | null;

  @Column(instantColumn('created_at'))
  createdAt!: Date;
}
