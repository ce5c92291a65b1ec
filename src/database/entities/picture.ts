import { idColumn, instantColumn, textColumn } from '../columns.js';
import { Column, Entity, ForeignKey, PrimaryColumn } from '../typeorm.js';
import { BlobRow } from './blob.js';

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
