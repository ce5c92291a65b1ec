import {
  Column,
  Entity,
  ForeignKey,
  Index,
  idColumn,
  instantColumn,
  PrimaryColumn,
  sizeColumn,
  textColumn,
} from '../typeorm.js';
import { AttachmentRow } from './attachment.js';

/** A named slot of a record. The row comes into being with the first link and stays, for its version must only grow. */
@Entity('record_fields')
@Index('ix_record_fields_record', ['organizationId', 'recordType', 'recordId', 'name'], { unique: true })
export class RecordFieldRow {
  @PrimaryColumn(idColumn('id'))
  id!: string;

  @Column(idColumn('organization_id'))
  organizationId!: string;

  @Column(textColumn('record_type', 255))
  recordType!: string;

  @Column(textColumn('record_id', 255))
  recordId!: string;

  @Column(textColumn('name', 255))
  name!: string;

  /** Grows by one with every change of the field's links. */
  @Column({ type: 'integer', name: 'version' })
  version!: number;
}

/** An attachment at a position in a record's field. */
@Entity('links')
@Index('ix_links_attachment', ['attachmentId'])
export class LinkRow {
  @ForeignKey(() => RecordFieldRow, { name: 'fk_links_field' })
  @PrimaryColumn(idColumn('field_id'))
  fieldId!: string;

  @ForeignKey(() => AttachmentRow, { name: 'fk_links_attachment' })
  @PrimaryColumn(idColumn('attachment_id'))
  attachmentId!: string;

  /** Counts from 0, without gaps. */
  @Column({ type: 'integer', name: 'position' })
  position!: number;

  @Column(instantColumn('created_at'))
  createdAt!: Date;
}

/** A link that whoever has it can download an attachment by. Its token is shown once and never stored. */
@Entity('share_links')
@Index('ix_share_links_token_hash', ['tokenHash'], { unique: true })
@Index('ix_share_links_attachment', ['attachmentId', 'id'])
@Index('ix_share_links_ended_at', ['endedAt'], { where: 'ended_at IS NOT NULL' })
export class ShareLinkRow {
  @PrimaryColumn(idColumn('id'))
  id!: string;

  @Column(idColumn('organization_id'))
  organizationId!: string;

  /** It may be gone: a link outlives its attachment, so that whoever follows it is told that it is over. */
  @Column(idColumn('attachment_id'))
  attachmentId!: string;

  /** sha256 of the token, lowercase hexadecimal. */
  @Column(textColumn('token_hash', 64))
  tokenHash!: string;

  @Column(textColumn('created_by_id', 255))
  createdById!: string;

  /** The API key that made it, and ends it; null for a JSON Web Token. */
  @Column({ ...idColumn('key_id'), nullable: true })
  keyId!: string | null;

  @Column({ type: 'integer', name: 'max_downloads', nullable: true })
  maxDownloads!: number | null;

  /** Downloads that began at the first byte. */
  @Column({ type: 'integer', name: 'downloads' })
  downloads!: number;

  /** Bytes of other ranges, counted while `maxDownloads` bounds them. */
  @Column(sizeColumn('range_bytes'))
  rangeBytes!: number;

  @Column(instantColumn('created_at'))
  createdAt!: Date;

  @Column({ ...instantColumn('expires_at'), nullable: true })
  expiresAt!: Date | null;

  @Column({ ...instantColumn('revoked_at'), nullable: true })
  revokedAt!: Date | null;

  @Column({ ...instantColumn('last_used_at'), nullable: true })
  lastUsedAt!: Date | null;

  /** When its attachment was deleted. */
  @Column({ ...instantColumn('ended_at'), nullable: true })
  endedAt!: Date | null;
}
