import { idColumn, instantColumn, textColumn } from '../columns.js';
import { Column, Entity, Index, PrimaryColumn } from '../typeorm.js';

/**
 * The attachment, or the operation of several steps, that a principal has created under a key of its own choosing. A retry gets the
 * same answer.
 */
@Entity('idempotency_keys')
@Index('ix_idempotency_keys_created_at', ['createdAt'])
export class IdempotencyKeyRow {
  @PrimaryColumn(idColumn('organization_id'))
  organizationId!: string;

  @PrimaryColumn(textColumn('principal_id', 255))
  principalId!: string;

  @PrimaryColumn(textColumn('key', 255))
  key!: string;

  /** sha256 of the input, its content by its own sha256, lowercase hexadecimal. */
  @Column(textColumn('fingerprint', 64))
  fingerprint!: string;

  /** The operation's id, if it is one of several steps. */
  @Column(idColumn('attachment_id'))
  attachmentId!: string;

  @Column(instantColumn('created_at'))
  createdAt!: Date;

  /** Whether steps are left, which a retry goes on with. */
  @Column({ type: 'boolean', name: 'unfinished', default: false })
  unfinished!: boolean;
}
