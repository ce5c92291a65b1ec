import { idColumn, instantColumn, jsonColumn, textColumn } from '../columns.js';
import { Column, Entity, Index, PrimaryColumn } from '../typeorm.js';

/** Events to subscribe to. */
export type WebhookInteraction = 'ATTACHMENT_APPROVED' | 'ATTACHMENT_REJECTED';

/** Who wants to be told of an attachment's verdict. Lives as long as the attachment; a copy has none of them. */
@Entity('webhook_subscriptions')
@Index('ix_webhook_subscriptions_attachment', ['attachmentId'])
export class WebhookSubscriptionRow {
  @PrimaryColumn(idColumn('id'))
  id!: string;

  @Column(idColumn('organization_id'))
  organizationId!: string;

  @Column(idColumn('attachment_id'))
  attachmentId!: string;

  @Column(textColumn('uri', 2_048))
  uri!: string;

  @Column(jsonColumn('interactions'))
  interactions!: WebhookInteraction[];

  @Column(instantColumn('created_at'))
  createdAt!: Date;

  /** Since when its receiver wants no more; null while it does. */
  @Column({ ...instantColumn('ended_at'), nullable: true })
  endedAt!: Date | null;
}
