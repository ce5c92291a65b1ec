import { instantColumn, textColumn } from '../columns.js';
import { Column, Entity, Index, PrimaryColumn } from '../typeorm.js';

/** A key that the sweep has found without a row. From then on no blob may be made of it: its bytes go, or have gone. */
@Entity('swept_keys')
@Index('ix_swept_keys_swept_at', ['sweptAt'])
export class SweptKeyRow {
  @PrimaryColumn(textColumn('document_key', 128))
  documentKey!: string;

  @Column(instantColumn('swept_at'))
  sweptAt!: Date;
}
