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

/** OPEN: waits for its bytes. RECEIVING: a request is bringing them. FINISHED: they are stored. */
export type UploadTargetState = 'OPEN' | 'RECEIVING' | 'FINISHED';

/**
 * PUT: all bytes come in one request, to us or to the store. TUS: in as many as it takes, to us. S3_MULTIPART: in parts, to the
 * store.
 */
export type UploadProtocol = 'PUT' | 'TUS' | 'S3_MULTIPART';

/** The terms of an upload, as it was made. */
export interface UploadTerms {
  /** The policy that holds for it; null for the service's own. */
  policy: string | null;
  /** The API key that made it; null for a JSON Web Token. */
  keyId: string | null;
  /** Its requests need a credential of its maker. Otherwise its URL is enough. */
  needsCredential: boolean;
  /** Upload-Metadata, as it was sent. */
  metadata: string | null;
  /** Upload-Concat, as it was sent. */
  concat: string | null;
  /** True if it came by Resumable Uploads for HTTP, not by tus. */
  isHttp?: boolean;
}

/** Leave to store one object directly, once. */
@Entity('upload_targets')
@Index('ix_upload_targets_document_key', ['documentKey'], { unique: true })
@Index('ix_upload_targets_expires_at', ['expiresAt', 'id'])
@Index('ix_upload_targets_unused', ['organizationId', 'principalId', 'state', 'expiresAt', 'size'], {
  where: 'expires_at IS NOT NULL',
})
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

  /** Exactly so many bytes are to come; at most so many while their number is not known. */
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

  /** Whether bytes that have come to us are UTF-8. */
  @Column({ type: 'boolean', name: 'utf8', nullable: true })
  utf8!: boolean | null;

  @Column({ ...textColumn('protocol', 16), default: 'PUT' })
  protocol!: UploadProtocol;

  /** By TUS: so many bytes are durable. */
  @Column({ ...sizeColumn('received'), default: 0 })
  received!: number;

  /** By TUS: where these lie until they are whole. By S3_MULTIPART: the name that the store has for what its parts make. */
  @Column({ type: 'text', name: 'place', nullable: true })
  place!: string | null;

  /** By TUS: true until the client has said how many bytes there are. */
  @Column({ type: 'boolean', name: 'deferred', nullable: true })
  deferred!: boolean | null;

  /** Null for one by PUT that an earlier version has made. */
  @Column({ ...jsonColumn('terms'), nullable: true })
  terms!: UploadTerms | null;

  @Column(instantColumn('created_at'))
  createdAt!: Date;

  /** Null once an attachment uses the bytes: from then on the target lives as long as they do. */
  @Column({ ...instantColumn('expires_at'), nullable: true })
  expiresAt!: Date | null;
}

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
