import { idColumn, instantColumn, jsonColumn, textColumn } from '../columns.js';
import { Column, Entity, Index, PrimaryColumn } from '../typeorm.js';

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
