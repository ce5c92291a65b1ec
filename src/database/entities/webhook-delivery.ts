import { idColumn, instantColumn, textColumn } from '../columns.js';
import { Column, Entity, Index, PrimaryColumn } from '../typeorm.js';
import type { WebhookInteraction } from './webhook-subscription.js';

/** QUEUED: another attempt follows. DELIVERED: a receiver has said so. FAILED: given up, unless redelivered. */
export type WebhookDeliveryState = 'QUEUED' | 'DELIVERED' | 'FAILED';

/** One webhook to be sent. It outlives its attachment while it is QUEUED, and no longer. */
@Entity('webhook_deliveries')
@Index('ix_webhook_deliveries_attachment', ['attachmentId', 'createdAt', 'id'])
export class WebhookDeliveryRow {
  /** A uuid of version 7: the `webhook-id`, the same in every attempt. */
  @PrimaryColumn(idColumn('id'))
  id!: string;

  @Column(idColumn('organization_id'))
  organizationId!: string;

  @Column(idColumn('attachment_id'))
  attachmentId!: string;

  @Column(idColumn('subscription_id'))
  subscriptionId!: string;

  @Column(textColumn('uri', 2_048))
  uri!: string;

  @Column(textColumn('interaction', 32))
  interaction!: WebhookInteraction;

  @Column(textColumn('state', 16))
  state!: WebhookDeliveryState;

  /** How many have been made, over redeliveries too. */
  @Column({ type: 'integer', name: 'attempts' })
  attempts!: number;

  /** How many of them had been made when it was last queued; the delays between attempts count from there. */
  @Column({ type: 'integer', name: 'attempts_before' })
  attemptsBefore!: number;

  /** The HTTP status of the last attempt; null if no answer came. */
  @Column({ type: 'integer', name: 'last_status_code', nullable: true })
  lastStatusCode!: number | null;

  /** Why the last attempt failed, in a short sentence; null where it did not. */
  @Column({ ...textColumn('last_error', 255), nullable: true })
  lastError!: string | null;

  /** Null unless QUEUED. */
  @Column({ ...instantColumn('next_attempt_at'), nullable: true })
  nextAttemptAt!: Date | null;

  /** The body, exactly as it is sent. */
  @Column({ type: 'text', name: 'body' })
  body!: string;

  @Column(instantColumn('created_at'))
  createdAt!: Date;

  @Column({ ...instantColumn('delivered_at'), nullable: true })
  deliveredAt!: Date | null;
}
