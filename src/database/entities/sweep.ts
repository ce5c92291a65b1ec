import { instantColumn, textColumn } from '../columns.js';
import { Column, Entity, PrimaryColumn } from '../typeorm.js';

/** How far a regular look through the storage has come. */
@Entity('sweeps')
export class SweepRow {
  @PrimaryColumn(textColumn('name', 32))
  name!: string;

  /** Hour partitions before this have been looked through. */
  @Column(instantColumn('swept_until'))
  sweptUntil!: Date;
}
