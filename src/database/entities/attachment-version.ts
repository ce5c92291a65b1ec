import { idColumn, instantColumn, sizeColumn, textColumn } from '../columns.js';
import { Column, Entity, ForeignKey, Index, PrimaryColumn } from '../typeorm.js';
import { BlobRow } from './blob.js';

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
