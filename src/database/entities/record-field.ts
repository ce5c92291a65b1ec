import { idColumn, textColumn } from '../columns.js';
import { Column, Entity, Index, PrimaryColumn } from '../typeorm.js';

/** A named slot of a record. The row comes into being with the first link and stays, for its version must only grow. */
@Entity('record_fields')
@Index('ix_record_fields_record', ['organizationId', 'recordType', 'recordId', 'name'], { unique: true })
export class RecordFieldRow {
  @PrimaryColumn(idColumn('id'))
  id!: string;

  @Column(idColumn('organization_id'))
  organizationId!: string;

  @Column(textColumn('record_type', 255))
  recordType!: string;

  @Column(textColumn('record_id', 255))
  recordId!: string;

  @Column(textColumn('name', 255))
  name!: string;

  /** Grows by one with every change of the field's links. */
  @Column({ type: 'integer', name: 'version' })
  version!: number;
}
