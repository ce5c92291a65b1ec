import { ArgsType, Field, ID, InputType, Int, ObjectType, registerEnumType } from 'type-graphql';
import {
  type WebhookDeliveryRow,
  type WebhookEventName,
  webhookEvents,
} from '../../database/entities/webhook.js';
import { connectionType, DateTime, Node, Url } from './connection.js';
import { WebhookInteraction } from './enums.js';

export const WebhookDeliveryState = { QUEUED: 'QUEUED', DELIVERED: 'DELIVERED', FAILED: 'FAILED' } as const;
registerEnumType(WebhookDeliveryState, {
  name: 'WebhookDeliveryState',
  description: 'The states of a webhook that is to be sent.',
  valuesConfig: {
    DELIVERED: { description: 'The receiver answered with a status of 200 to 299.' },
    FAILED: { description: 'All attempts have failed.' },
    QUEUED: { description: 'An attempt is outstanding.' },
  },
});

export const WebhookEvent = Object.fromEntries(webhookEvents.map((event) => [event, event])) as {
  [Name in WebhookEventName]: Name;
};
registerEnumType(WebhookEvent, {
  name: 'WebhookEvent',
  description: 'The events that webhook endpoints are told of. More may come.',
  valuesConfig: {
    ATTACHMENT_APPROVED: { description: 'It was approved, or an administrator overrode its rejection.' },
    ATTACHMENT_CLAIMED: { description: 'A record claimed it.' },
    ATTACHMENT_CREATED: { description: 'Somebody uploaded or copied it.' },
    ATTACHMENT_DAMAGED: { description: 'Its stored bytes are missing, or not those that were stored.' },
    ATTACHMENT_DELETED: { description: 'Somebody deleted it, perhaps into the trash.' },
    ATTACHMENT_LINKED: { description: 'A field took it up, which in an EXCLUSIVE field claims it.' },
    ATTACHMENT_PURGED: { description: 'Deleted for good by the service, since it had expired.' },
    ATTACHMENT_REJECTED: { description: 'It, or new content for it, was rejected.' },
    ATTACHMENT_REPAIRED: { description: 'Its stored bytes are whole again.' },
    ATTACHMENT_REPLACED: { description: 'Somebody brought new content for it.' },
    ATTACHMENT_RESTORED: { description: 'Somebody took it out of the trash.' },
    ATTACHMENT_TRANSFERRED: { description: 'It was given from one record to another.' },
    ATTACHMENT_UNLINKED: { description: 'A field let go of it.' },
    ATTACHMENT_UPDATED: { description: 'Somebody changed its name, description or metadata.' },
    PING: { description: 'No event: a test, which is sent to every endpoint that is tested.' },
  },
});

@ObjectType({ implements: Node, description: 'One webhook to be sent.', simpleResolvers: true })
export class WebhookDelivery extends Node {
  @Field(() => ID, {
    nullable: true,
    description: 'The attachment that it tells of, which may be gone; null: a test, which tells of none.',
  })
  attachmentId!: string | null;

  @Field(() => ID, {
    nullable: true,
    description: 'The endpoint that it goes to, which may be gone; null: the upload named the receiver.',
  })
  endpointId!: string | null;

  @Field(() => Url, { description: 'The receiver.' })
  uri!: string;

  @Field(() => WebhookEvent, { description: 'The kind of event.' })
  event!: WebhookEventName;

  @Field(() => WebhookInteraction, {
    nullable: true,
    description: 'The event if it is a verdict; else null.',
  })
  interaction!: keyof typeof WebhookInteraction | null;

  @Field(() => WebhookDeliveryState, { description: 'The outcome until now.' })
  state!: keyof typeof WebhookDeliveryState;

  @Field(() => Int, { description: 'Attempts until now.' })
  attempts!: number;

  @Field(() => Int, { nullable: true, description: "The receiver's last HTTP status; null if none came." })
  lastStatusCode!: number | null;

  @Field(() => String, {
    nullable: true,
    description: 'The fault of the last attempt; null if it succeeded or none was made.',
  })
  lastError!: string | null;

  @Field(() => DateTime, {
    nullable: true,
    description:
      'The time of the next attempt; null if none follows, or earlier events of the attachment come first.',
  })
  nextAttemptAt!: Date | null;

  @Field(() => DateTime, { description: 'The time of the event that it tells of.' })
  createdAt!: Date;
}

/** The one place that decides what of a delivery leaves. */
export function toWebhookDelivery(row: WebhookDeliveryRow): WebhookDelivery {
  const { id, attachmentId, endpointId, uri, interaction: event, state, attempts, lastStatusCode } = row;
  const { lastError, nextAttemptAt, createdAt } = row;
  const outcome = { state, attempts, lastStatusCode, lastError, nextAttemptAt, createdAt };
  const interaction = event in WebhookInteraction ? event : null;
  const about = { attachmentId: attachmentId === '' ? null : attachmentId, endpointId };
  return Object.assign(new WebhookDelivery(), { id, ...about, uri, event, interaction, ...outcome });
}

export const WebhookDeliveryConnection = connectionType('WebhookDelivery', WebhookDelivery);

@ArgsType()
export class DeliveryArgs {
  @Field(() => [WebhookEvent], { nullable: true, description: 'Any of these; null: all.' })
  event?: WebhookEventName[] | null;

  @Field(() => ID, {
    nullable: true,
    description: 'Only those to this endpoint, which may be gone; null: to all.',
  })
  endpointId?: string | null;

  @Field(() => DateTime, { nullable: true, description: 'Only events later than this.' })
  createdAfter?: Date | null;

  @Field(() => DateTime, { nullable: true, description: 'Only events earlier than this.' })
  createdBefore?: Date | null;
}

@InputType({ description: 'Sends a webhook again, after its retries ended or beside them.' })
export class RedeliverWebhookInput {
  @Field(() => ID, { description: 'The id of a delivery that the viewer can see; else NOT_FOUND.' })
  deliveryId!: string;
}

@ObjectType({ description: 'The delivery that was queued again.', simpleResolvers: true })
export class RedeliverWebhookPayload {
  @Field(() => WebhookDelivery, { description: 'The delivery, queued again.' })
  delivery!: WebhookDelivery;
}
