import {
  Column,
  Entity,
  Index,
  idColumn,
  instantColumn,
  jsonColumn,
  PrimaryColumn,
  textColumn,
} from '../typeorm.js';

/** All that webhooks tell of. PING is no event: an endpoint is tested by it. */
export const webhookEvents = [
  'ATTACHMENT_CREATED',
  'ATTACHMENT_APPROVED',
  'ATTACHMENT_REJECTED',
  'ATTACHMENT_CLAIMED',
  'ATTACHMENT_LINKED',
  'ATTACHMENT_UNLINKED',
  'ATTACHMENT_UPDATED',
  'ATTACHMENT_REPLACED',
  'ATTACHMENT_TRANSFERRED',
  'ATTACHMENT_DELETED',
  'ATTACHMENT_RESTORED',
  'ATTACHMENT_PURGED',
  'ATTACHMENT_DAMAGED',
  'ATTACHMENT_REPAIRED',
  'PING',
] as const;

export type WebhookEventName = (typeof webhookEvents)[number];

/** PAUSED: the service has given up on the receiver. Nothing is told until somebody enables it. */
export type WebhookEndpointState = 'ENABLED' | 'PAUSED';

/** FAILING: for days nothing was delivered. GONE: the receiver has answered 410. */
export type WebhookPauseReason = 'FAILING' | 'GONE';

/** A secret that signs, in the form of Standard Webhooks; `until` in milliseconds since 1970, null: until it is rotated. */
export interface EndpointSecret {
  secret: string;
  until: number | null;
}

/** A receiver of an organization's events. */
@Entity('webhook_endpoints')
@Index('ix_webhook_endpoints_organization', ['organizationId', 'id'])
export class WebhookEndpointRow {
  @PrimaryColumn(idColumn('id'))
  id!: string;

  @Column(idColumn('organization_id'))
  organizationId!: string;

  @Column(textColumn('uri', 2_048))
  uri!: string;

  @Column(jsonColumn('events'))
  events!: WebhookEventName[];

  @Column({ ...textColumn('description', 255), nullable: true })
  description!: string | null;

  /** The newest first. They are kept as they sign: nothing else can. */
  @Column(jsonColumn('secrets'))
  secrets!: EndpointSecret[];

  @Column(textColumn('state', 16))
  state!: WebhookEndpointState;

  /** The first attempt that has failed since the last one that has not; null while none has. */
  @Column({ ...instantColumn('failing_since'), nullable: true })
  failingSince!: Date | null;

  /** Null unless PAUSED, as is `pauseReason`. */
  @Column({ ...instantColumn('paused_at'), nullable: true })
  pausedAt!: Date | null;

  @Column({ ...textColumn('pause_reason', 16), nullable: true })
  pauseReason!: WebhookPauseReason | null;

  @Column(textColumn('created_by_id', 255))
  createdById!: string;

  @Column(instantColumn('created_at'))
  createdAt!: Date;

  @Column(instantColumn('updated_at'))
  updatedAt!: Date;
}

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
