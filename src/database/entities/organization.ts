import {
  Column,
  Entity,
  Index,
  idColumn,
  instantColumn,
  jsonColumn,
  PrimaryColumn,
  sizeColumn,
  textColumn,
} from '../typeorm.js';

/** A tenant. Nothing of one organization exists for another. */
@Entity('organizations')
export class OrganizationRow {
  @PrimaryColumn(idColumn('id'))
  id!: string;

  @Column(textColumn('name', 255))
  name!: string;

  @Column(instantColumn('created_at'))
  createdAt!: Date;
}

/** A user or service account that has a key or has created something. */
@Entity('principals')
export class PrincipalRow {
  @PrimaryColumn(idColumn('organization_id'))
  organizationId!: string;

  @PrimaryColumn(textColumn('id', 255))
  id!: string;

  @Column(textColumn('kind', 16))
  kind!: 'USER' | 'SERVICE';

  @Column({ ...textColumn('name', 255), nullable: true })
  name!: string | null;
}

/** How much an organization may store, if not as much as the settings say. */
@Entity('quotas')
export class QuotaRow {
  @PrimaryColumn(idColumn('organization_id'))
  organizationId!: string;

  /** Null: the settings decide. -1: there is no bound. */
  @Column({ ...sizeColumn('max_bytes'), nullable: true })
  maxBytes!: number | null;

  /** The same of attachments. */
  @Column({ ...sizeColumn('max_attachments'), nullable: true })
  maxAttachments!: number | null;
}

/** Room for content on its way. Written and renewed by the process that takes it in, of organizations with a bound only. */
@Entity('reservations')
@Index('ix_reservations_organization', ['organizationId'])
export class ReservationRow {
  @PrimaryColumn(idColumn('id'))
  id!: string;

  @Column(idColumn('organization_id'))
  organizationId!: string;

  @Column(sizeColumn('bytes'))
  bytes!: number;

  /** Grows by one with each renewal. No instant: a clock may be set. */
  @Column({ type: 'integer', name: 'beat' })
  beat!: number;
}

/** A credential. The key itself is shown once and never stored. */
@Entity('api_keys')
@Index('ix_api_keys_hash', ['hash'], { unique: true })
@Index('ix_api_keys_organization', ['organizationId', 'id'])
export class ApiKeyRow {
  @PrimaryColumn(idColumn('id'))
  id!: string;

  @Column(idColumn('organization_id'))
  organizationId!: string;

  @Column(textColumn('principal_id', 255))
  principalId!: string;

  @Column(textColumn('name', 255))
  name!: string;

  /** The key's first characters, to tell keys apart. */
  @Column(textColumn('prefix', 16))
  prefix!: string;

  /** sha256 of the whole key, lowercase hexadecimal. */
  @Column(textColumn('hash', 64))
  hash!: string;

  @Column(jsonColumn('permissions'))
  permissions!: string[];

  @Column(instantColumn('created_at'))
  createdAt!: Date;

  @Column({ ...instantColumn('expires_at'), nullable: true })
  expiresAt!: Date | null;

  @Column({ ...instantColumn('revoked_at'), nullable: true })
  revokedAt!: Date | null;

  /** Behind by up to a few minutes; null before the first use. */
  @Column({ ...instantColumn('last_used_at'), nullable: true })
  lastUsedAt!: Date | null;
}

/**
 * One action: who did it, and to what. Rows are added and, once they have outlived the retention, removed. Nothing of them changes
 * but the name of a principal who is erased.
 */
@Entity('audit_events')
@Index('ix_audit_events_organization', ['organizationId', 'id'])
@Index('ix_audit_events_subject', ['subjectId', 'createdAt'])
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
