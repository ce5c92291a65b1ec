import { idColumn, sizeColumn } from '../columns.js';
import { Column, Entity, Index, PrimaryColumn } from '../typeorm.js';

/** How much an organization may store, if not as much as the settings say. */
@Entity('quotas')
export class QuotaRow {
  @PrimaryColumn(idColumn('organization_id'))
  organizationId!: string;

  /** Null: the settings decide. -1: there is no bound. */
  @Column({ ...sizeColumn('max_bytes'), nullable: true })
  maxBytes!: number | null;

  /** The same of attachments. */
  @Column({ ...sizeColumn('max_attachments'), nullable: true })
  maxAttachments!: number | null;
}

/** Room for content on its way. Written and renewed by the process that takes it in, of organizations with a bound only. */
@Entity('reservations')
@Index('ix_reservations_organization', ['organizationId'])
export class ReservationRow {
  @PrimaryColumn(idColumn('id'))
  id!: string;

  @Column(idColumn('organization_id'))
  organizationId!: string;

  @Column(sizeColumn('bytes'))
  bytes!: number;

  /** Grows by one with each renewal. No instant: a clock may be set. */
  @Column({ type: 'integer', name: 'beat' })
  beat!: number;
}
