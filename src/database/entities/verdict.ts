import { idColumn, instantColumn, textColumn } from '../columns.js';
import { Column, Entity, ForeignKey, PrimaryColumn } from '../typeorm.js';
import { BlobRow } from './blob.js';

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
