import { textColumn } from '../columns.js';
import { Column, Entity, PrimaryColumn } from '../typeorm.js';

/** Content that has been on its way for a while, to no row as yet. Written and renewed by the process that takes it in. */
@Entity('intakes')
export class IntakeRow {
  @PrimaryColumn(textColumn('document_key', 128))
  documentKey!: string;

  /** Grows by one with each renewal. No instant: a clock may be set. */
  @Column({ type: 'integer', name: 'beat' })
  beat!: number;
}
