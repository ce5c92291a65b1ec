import { idColumn, instantColumn } from '../columns.js';
import { Column, Entity, ForeignKey, Index, PrimaryColumn } from '../typeorm.js';
import { AttachmentRow } from './attachment.js';
import { RecordFieldRow } from './record-field.js';

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
