import { idColumn, instantColumn, sizeColumn, textColumn } from '../columns.js';
import { Column, Entity, Index, PrimaryColumn } from '../typeorm.js';

/** OPEN: waits for its bytes. RECEIVING: a request is bringing them. FINISHED: they are stored. */
export type UploadTargetState = 'OPEN' | 'RECEIVING' | 'FINISHED';

/** Leave to store one object directly, once. */
@Entity('upload_targets')
@Index('ix_upload_targets_document_key', ['documentKey'], { unique: true })
@Index('ix_upload_targets_expires_at', ['expiresAt', 'id'])
export class UploadTargetRow {
  @PrimaryColumn(idColumn('id'))
  id!: string;

  @Column(idColumn('organization_id'))
  organizationId!: string;

  @Column(textColumn('principal_id', 255))
  principalId!: string;

  @Column(textColumn('document_key', 128))
  documentKey!: string;

  @Column(textColumn('file_name', 255))
  fileName!: string;

  /** Empty: it is found in the bytes. */
  @Column(textColumn('content_type', 255))
  contentType!: string;

  /** Exactly so many bytes are to come. */
  @Column(sizeColumn('size'))
  size!: number;

  @Column(textColumn('state', 16))
  state!: UploadTargetState;

  /** While RECEIVING what was sent to the store itself: when whoever does so counts as dead. */
  @Column({ ...instantColumn('accepting_until'), nullable: true })
  acceptingUntil!: Date | null;

  /** While RECEIVING: the request that brings the bytes. */
  @Column({ ...textColumn('attempt', 36), nullable: true })
  attempt!: string | null;

  /** Grows while bytes come. */
  @Column({ type: 'integer', name: 'beat', default: 0 })
  beat!: number;

  /** The digest that the bytes must have, as `writeDigest` writes it. */
  @Column({ ...textColumn('digest', 80), nullable: true })
  digest!: string | null;

  /** The digest of bytes that have come to us; lowercase hexadecimal, like `sha256`. */
  @Column({ ...textColumn('md5', 32), nullable: true })
  md5!: string | null;

  @Column({ ...textColumn('sha256', 64), nullable: true })
  sha256!: string | null;

  @Column(instantColumn('created_at'))
  createdAt!: Date;

  /** Null once an attachment uses the bytes: from then on the target lives as long as they do. */
  @Column({ ...instantColumn('expires_at'), nullable: true })
  expiresAt!: Date | null;
}
