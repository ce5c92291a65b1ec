import { idColumn, instantColumn, textColumn } from '../columns.js';
import { Column, Entity, ForeignKey, Index, PrimaryColumn } from '../typeorm.js';
import { AttachmentRow } from './attachment.js';

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

/** An attachment at a position in a record's field. */
@Entity('links')
@Index('ix_links_position', ['fieldId', 'position'])
@Index('ix_links_attachment', ['attachmentId', 'fieldId'])
export class LinkRow {
  @ForeignKey(() => RecordFieldRow, { name: 'fk_links_field' })
  @PrimaryColumn(idColumn('field_id'))
  fieldId!: string;

  @ForeignKey(() => AttachmentRow, { name: 'fk_links_attachment' })
  @PrimaryColumn(idColumn('attachment_id'))
  attachmentId!: string;

  /** Counts from 0, without gaps. */
  @Column({ type: 'integer', name: 'position' })
  position!: number;

  @Column(instantColumn('created_at'))
  createdAt!: Date;
}
