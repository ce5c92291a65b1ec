import { instantColumn, textColumn } from '../columns.js';
import { Column, Entity, PrimaryColumn } from '../typeorm.js';

/** Bytes that must go: written with the deletion of their blob, gone once the storage has removed them. */
@Entity('removals')
export class RemovalRow {
  @PrimaryColumn(textColumn('document_key', 128))
  documentKey!: string;

  @Column(instantColumn('created_at'))
  createdAt!: Date;
}
