import { idColumn, instantColumn, textColumn } from '../columns.js';
import { Column, Entity, Index, PrimaryColumn } from '../typeorm.js';
import type { WebhookEventName } from './webhook-endpoint.js';

/** QUEUED: another attempt follows. DELIVERED: a receiver has said so. FAILED: given up, unless redelivered. */
export type WebhookDeliveryState = 'QUEUED' | 'DELIVERED' | 'FAILED';

const ofEndpoint = 'endpoint_id IS NOT NULL';

/**
 * One webhook to be sent, to a subscription or an endpoint. A subscription's outlives its attachment while it is QUEUED, and no
 * longer. An endpoint's is kept for a while, whatever becomes of the attachment and the endpoint.
 */
@Entity('webhook_deliveries')
@Index('ix_webhook_deliveries_attachment', ['attachmentId', 'createdAt', 'id'])
@Index('ix_webhook_deliveries_organization', ['organizationId', 'createdAt', 'id'])
@Index('ix_webhook_deliveries_state', ['organizationId', 'state', 'createdAt', 'id'])
@Index('ix_webhook_deliveries_endpoint', ['endpointId', 'createdAt', 'id'], { where: ofEndpoint })
@Index('ix_webhook_deliveries_queue', ['endpointId', 'attachmentId', 'id'], {
  where: `state = 'QUEUED' AND ${ofEndpoint}`,
})
@Index('ix_webhook_deliveries_created_at', ['createdAt'], { where: ofEndpoint })
export class WebhookDeliveryRow {
  /** A uuid of version 7: the `webhook-id`, the same in every attempt. */
  @PrimaryColumn(idColumn('id'))
  id!: string;

  @Column(idColumn('organization_id'))
  organizationId!: string;

  /** Empty for a test of an endpoint, which tells of none. */
  @Column(idColumn('attachment_id'))
  attachmentId!: string;

  /** For an endpoint, the endpoint's id. */
  @Column(idColumn('subscription_id'))
  subscriptionId!: string;

  /** Null for a subscription. */
  @Column({ ...idColumn('endpoint_id'), nullable: true })
  endpointId!: string | null;

  @Column(textColumn('uri', 2_048))
  uri!: string;

  @Column(textColumn('interaction', 32))
  interaction!: WebhookEventName;

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

  /** Null unless QUEUED, and while an earlier one of the same attachment is to come to the endpoint first. */
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
