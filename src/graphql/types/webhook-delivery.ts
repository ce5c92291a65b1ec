import { Field, ID, InputType, Int, ObjectType, registerEnumType } from 'type-graphql';
import type { WebhookDeliveryRow } from '../../database/entities/webhook-delivery.js';
import { connectionType } from './connection.js';
import { WebhookInteraction } from './enums.js';
import { DateTime, Node, Url } from './scalars.js';

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

@ObjectType({ implements: Node, description: 'One webhook to be sent.', simpleResolvers: true })
export class WebhookDelivery extends Node {
  @Field(() => ID, { description: 'The attachment that it tells of.' })
  attachmentId!: string;

  @Field(() => Url, { description: 'The receiver.' })
  uri!: string;

  @Field(() => WebhookInteraction, { description: 'The kind of event.' })
  interaction!: keyof typeof WebhookInteraction;

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
    description: 'The time of the next attempt; null if none follows.',
  })
  nextAttemptAt!: Date | null;

  @Field(() => DateTime, { description: 'The time of the verdict that it tells of.' })
  createdAt!: Date;
}

/** The one place that decides what of a delivery leaves. */
export function toWebhookDelivery(row: WebhookDeliveryRow): WebhookDelivery {
  const { id, attachmentId, uri, interaction, state, attempts, lastStatusCode, lastError } = row;
  const { nextAttemptAt, createdAt } = row;
  const outcome = { state, attempts, lastStatusCode, lastError, nextAttemptAt, createdAt };
  return Object.assign(new WebhookDelivery(), { id, attachmentId, uri, interaction, ...outcome });
}

export const WebhookDeliveryConnection = connectionType('WebhookDelivery', WebhookDelivery);

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
