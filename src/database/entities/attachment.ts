import {
  Column,
  Entity,
  ForeignKey,
  Index,
  idColumn,
  instantColumn,
  jsonColumn,
  PrimaryColumn,
  sizeColumn,
  textColumn,
} from '../typeorm.js';
import { BlobRow } from './blob.js';

/** How a description is read; Markdown if there is none. */
export type TextFormat = 'MARKDOWN' | 'PLAIN';

/** Facts about an attachment, in use or in the trash. */
export abstract class AttachmentColumns {
  @PrimaryColumn(idColumn('id'))
  id!: string;

  @Column(idColumn('organization_id'))
  organizationId!: string;

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

  /** Grows by one with each further content that is approved. */
  @Column({ type: 'integer', name: 'version', default: 1 })
  version = 1;
}

const mine = ['organizationId', 'createdById', 'shared'];

/** Indexes of the lists of a table of attachments, each named after the table. */
const listIndexes: readonly (readonly [name: string, columns: string[], options?: { where: string }])[] = [
  ['created_at', ['organizationId', 'createdAt', 'id'], { where: 'shared' }],
  ['file_name', ['organizationId', 'sortName', 'id'], { where: 'shared' }],
  ['size', ['organizationId', 'size', 'id'], { where: 'shared' }],
  [
    'only_linked',
    ['organizationId', 'recordId', 'createdAt', 'id'],
    { where: 'shared AND record_id IS NULL' },
  ],
  ['creator', [...mine, 'createdAt', 'id']],
  ['creator_file_name', [...mine, 'sortName', 'id']],
  ['creator_size', [...mine, 'size', 'id']],
  [
    'record',
    ['organizationId', 'recordType', 'recordId', 'createdAt', 'id'],
    { where: 'record_id IS NOT NULL' },
  ],
  ['content_type', ['organizationId', 'contentType', 'id']],
  ['blob', ['blobId']],
];

function listed(table: string): ClassDecorator {
  return (target) => {
    for (const [name, columns, options] of listIndexes)
      Index(`ix_${table}_${name}`, columns, { ...options })(target);
    ForeignKey(() => BlobRow, ['blobId'], ['id'], { name: `fk_${table}_blob` })(target);
  };
}

/** A named use of a blob by an organization. */
@Entity('attachments')
@listed('attachments')
@Index('ix_attachments_unnamed', ['id'], { where: "search_name = ''" })
@Index('ix_attachments_expires_at', ['expiresAt', 'id'], { where: 'expires_at IS NOT NULL' })
@Index('ix_attachments_unrendered', ['id'], { where: 'description IS NOT NULL AND description_html IS NULL' })
export class AttachmentRow extends AttachmentColumns {}

/** A place that an attachment had: type and id of the record, and the field or null. */
export type StoredPlace = readonly [type: string, id: string, field: string | null];

/** An attachment in the trash: until `expiresAt`. It has left all lists of attachments by being a row of another table. */
@Entity('trashed_attachments')
@listed('trashed_attachments')
@Index('ix_trashed_attachments_expires_at', ['expiresAt', 'id'])
export class TrashedAttachmentRow extends AttachmentColumns {
  @Column(instantColumn('deleted_at'))
  deletedAt!: Date;

  /** The places that it was deleted from. Whoever may edit them may restore it. */
  @Column(jsonColumn('places'))
  places!: readonly StoredPlace[];
}

/**
 * One content of an attachment that has had more than one, the current one included. An attachment whose content was never
 * replaced has none of these.
 */
@Entity('attachment_versions')
@Index('ix_attachment_versions_position', ['attachmentId', 'position'], { unique: true })
@Index('ix_attachment_versions_blob', ['blobId'])
export class AttachmentVersionRow {
  /** The attachment's own for its first content. */
  @PrimaryColumn(idColumn('id'))
  id!: string;

  @Column(idColumn('organization_id'))
  organizationId!: string;

  /** In use or in the trash. */
  @Column(idColumn('attachment_id'))
  attachmentId!: string;

  /** Counts contents from 1 in the order in which they came, rejected ones too. */
  @Column({ type: 'integer', name: 'position' })
  position!: number;

  /** The version that it is, was, or would be once it is approved. */
  @Column({ type: 'integer', name: 'number' })
  number!: number;

  @ForeignKey(() => BlobRow, { name: 'fk_attachment_versions_blob' })
  @Column(idColumn('blob_id'))
  blobId!: string;

  @Column(textColumn('file_name', 255))
  fileName!: string;

  @Column(textColumn('content_type', 255))
  contentType!: string;

  @Column(sizeColumn('size'))
  size!: number;

  @Column(textColumn('created_by_id', 255))
  createdById!: string;

  @Column(instantColumn('created_at'))
  createdAt!: Date;

  /** When it was counted as a version: with its first approval, or as the first content; null until then. */
  @Column({ ...instantColumn('approved_at'), nullable: true })
  approvedAt!: Date | null;
}
