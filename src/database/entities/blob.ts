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

export type RejectionReason = 'MALWARE' | 'CONTENT_TYPE' | 'POLICY';

/** Why a blob was rejected last. It says so still where the rejection has been overridden. */
@Entity('rejections')
export class RejectionRow {
  @ForeignKey(() => BlobRow, { name: 'fk_rejections_blob', onDelete: 'CASCADE' })
  @PrimaryColumn(idColumn('blob_id'))
  blobId!: string;

  @Column(textColumn('reason', 16))
  reason!: RejectionReason;

  @Column({ type: 'text', name: 'message' })
  message!: string;

  /** The scanner's name for the malware. */
  @Column({ ...textColumn('signature', 255), nullable: true })
  signature!: string | null;

  @Column(instantColumn('rejected_at'))
  rejectedAt!: Date;
}

/** Who has overridden a blob's rejection, and why. No scan undoes it. */
@Entity('releases')
export class ReleaseRow {
  @ForeignKey(() => BlobRow, { name: 'fk_releases_blob', onDelete: 'CASCADE' })
  @PrimaryColumn(idColumn('blob_id'))
  blobId!: string;

  @Column(textColumn('released_by_id', 255))
  releasedById!: string;

  @Column({ type: 'text', name: 'reason' })
  reason!: string;

  @Column(instantColumn('released_at'))
  releasedAt!: Date;
}

/** A blob that has been decoded as a picture, or could not be. It is known from then on. */
@Entity('pictures')
export class PictureRow {
  @ForeignKey(() => BlobRow, { name: 'fk_pictures_blob', onDelete: 'CASCADE' })
  @PrimaryColumn(idColumn('blob_id'))
  blobId!: string;

  /** Pixels, with `height`, as it is shown; null if nobody knows. */
  @Column({ type: 'integer', name: 'width', nullable: true })
  width!: number | null;

  @Column({ type: 'integer', name: 'height', nullable: true })
  height!: number | null;

  /** The reason why there is no preview of it; null if there is one. */
  @Column({ ...textColumn('fault', 16), nullable: true })
  fault!: 'broken' | 'too_costly' | null;

  /** The time when it was decoded. */
  @Column(instantColumn('decoded_at'))
  decodedAt!: Date;
}
