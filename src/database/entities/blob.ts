import { idColumn, instantColumn, sizeColumn, textColumn } from '../columns.js';
import { Column, Entity, Index, PrimaryColumn } from '../typeorm.js';

export type Verdict = 'PENDING' | 'APPROVED' | 'REJECTED' | 'SCAN_FAILED';

/** Stored bytes; shared by the copies of an attachment, and removed with the last of them. */
@Entity('blobs')
@Index('ix_blobs_document_key', ['documentKey'], { unique: true })
@Index('ix_blobs_sha256', ['organizationId', 'sha256'])
@Index('ix_blobs_verified_at', ['verifiedAt', 'id'], { where: 'damaged_at IS NULL' })
@Index('ix_blobs_damaged', ['organizationId', 'damagedAt'], { where: 'damaged_at IS NOT NULL' })
@Index('ix_blobs_not_approved', ['organizationId', 'verdict'], { where: "verdict <> 'APPROVED'" })
export class BlobRow {
  /** The uuid at the end of the document key. */
  @PrimaryColumn(idColumn('id'))
  id!: string;

  @Column(idColumn('organization_id'))
  organizationId!: string;

  @Column(textColumn('document_key', 128))
  documentKey!: string;

  @Column(sizeColumn('size'))
  size!: number;

  /** Lowercase hexadecimal, as is `sha256`. */
  @Column(textColumn('md5', 32))
  md5!: string;

  @Column(textColumn('sha256', 64))
  sha256!: string;

  /** The encoding of text, by its name in the standard of encodings; null where it is not known. */
  @Column({ ...textColumn('charset', 16), nullable: true })
  charset!: string | null;

  @Column(textColumn('verdict', 16))
  verdict!: Verdict;

  @Column(instantColumn('created_at'))
  createdAt!: Date;

  /** The time when the stored bytes were last read again and were those that came; null before the first time. */
  @Column({ ...instantColumn('verified_at'), nullable: true })
  verifiedAt: Date | null = null;

  /** The time when they were last found to be other bytes, or none; null while they are whole. */
  @Column({ ...instantColumn('damaged_at'), nullable: true })
  damagedAt: Date | null = null;

  /** The difference that was found, in a short sentence; null while they are whole. */
  @Column({ ...textColumn('damage', 255), nullable: true })
  damage: string | null = null;
}
