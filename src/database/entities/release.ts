import { idColumn, instantColumn, textColumn } from '../columns.js';
import { Column, Entity, ForeignKey, PrimaryColumn } from '../typeorm.js';
import { BlobRow } from './blob.js';

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
