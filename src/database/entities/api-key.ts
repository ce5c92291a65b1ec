import { idColumn, instantColumn, jsonColumn, textColumn } from '../columns.js';
import { Column, Entity, Index, PrimaryColumn } from '../typeorm.js';

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
