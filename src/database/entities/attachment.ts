import { idColumn, instantColumn, jsonColumn, sizeColumn, textColumn } from '../columns.js';
import { Column, Entity, ForeignKey, Index, PrimaryColumn } from '../typeorm.js';
import { BlobRow } from './blob.js';

/** A named use of a blob by an organization. */
/** How a description is read; Markdown if there is none. */
export type TextFormat = 'MARKDOWN' | 'PLAIN';

@Entity('attachments')
@Index('ix_attachments_created_at', ['organizationId', 'createdAt', 'id'], { where: 'shared' })
@Index('ix_attachments_file_name', ['organizationId', 'sortName', 'id'], { where: 'shared' })
@Index('ix_attachments_size', ['organizationId', 'size', 'id'], { where: 'shared' })
@Index('ix_attachments_only_linked', ['organizationId', 'recordId', 'createdAt', 'id'], {
  where: 'shared AND record_id IS NULL',
})
@Index('ix_attachments_creator', ['organizationId', 'createdById', 'shared', 'createdAt', 'id'])
@Index('ix_attachments_creator_file_name', ['organizationId', 'createdById', 'shared', 'sortName', 'id'])
@Index('ix_attachments_creator_size', ['organizationId', 'createdById', 'shared', 'size', 'id'])
@Index('ix_attachments_record', ['organizationId', 'recordType', 'recordId', 'createdAt', 'id'], {
  where: 'record_id IS NOT NULL',
})
@Index('ix_attachments_content_type', ['organizationId', 'contentType', 'id'])
@Index('ix_attachments_unnamed', ['id'], { where: "search_name = ''" })
@Index('ix_attachments_blob', ['blobId'])
@Index('ix_attachments_expires_at', ['expiresAt', 'id'], { where: 'expires_at IS NOT NULL' })
@Index('ix_attachments_unrendered', ['id'], { where: 'description IS NOT NULL AND description_html IS NULL' })
export class AttachmentRow {
  @PrimaryColumn(idColumn('id'))
  id!: string;

  @Column(idColumn('organization_id'))
  organizationId!: string;

  @ForeignKey(() => BlobRow, { name: 'fk_attachments_blob' })
  @Column(idColumn('blob_id'))
  blobId!: string;

  /** False until it is first claimed or linked: so long it exists for its creator only. */
  @Column({ type: 'boolean', name: 'shared' })
  shared!: boolean;

  @Column(textColumn('file_name', 255))
  fileName!: string;

  /** The name as it is searched, by `nameForms`; for conditions alone. Never empty but in rows of an earlier version. */
  @Column({ type: 'text', name: 'search_name', default: '', select: false })
  searchName?: string;

  /** The key that the name sorts by, by `nameForms`. */
  @Column({ ...textColumn('sort_name', 255), default: '' })
  sortName!: string;

  @Column(textColumn('content_type', 255))
  contentType!: string;

  /** The blob's size, kept here too because lists are ordered by it. */
  @Column(sizeColumn('size'))
  size!: number;

  @Column({ type: 'text', name: 'description', nullable: true })
  description!: string | null;

  @Column({ ...textColumn('description_format', 16), default: 'MARKDOWN' })
  descriptionFormat!: TextFormat;

  /**
   * The description as HTML; null until it is rendered. It can have 100,000 characters, so no query reads it that does not
   * ask for it by name.
   */
  @Column({ type: 'text', name: 'description_html', nullable: true, select: false })
  descriptionHtml?: string | null;

  @Column({ ...textColumn('metadata_type', 255), nullable: true })
  metadataType!: string | null;

  @Column({ ...jsonColumn('metadata_attributes'), nullable: true })
  metadataAttributes!: object | null;

  /** The record that claimed it, with `recordId`; both null until then. */
  @Column({ ...textColumn('record_type', 255), nullable: true })
  recordType!: string | null;

  @Column({ ...textColumn('record_id', 255), nullable: true })
  recordId!: string | null;

  @Column(textColumn('created_by_id', 255))
  createdById!: string;

  @Column(instantColumn('created_at'))
  createdAt!: Date;

  @Column(instantColumn('updated_at'))
  updatedAt!: Date;

  @Column({ ...instantColumn('claimed_at'), nullable: true })
  claimedAt!: Date | null;

  @Column({ ...instantColumn('expires_at'), nullable: true })
  expiresAt!: Date | null;
}
