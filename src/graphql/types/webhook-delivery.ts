import { Field, ID, InputType, Int, ObjectType, registerEnumType } from 'type-graphql';
import type { WebhookDeliveryRow } from '../../database/entities/webhook-delivery.js';
import { connectionType } from './connection.js';
import { WebhookInteraction } from './enums.js';
import { DateTime, Node, Url } from './scalars.js';

const WebhookDeliveryState = { QUEUED: 'QUEUED', DELIVERED: 'DELIVERED', FAILED: 'FAILED' } as const;
registerEnumType(WebhookDeliveryState, { name: 'WebhookDeliveryState' });

const optional = { nullable: true } as const;

@ObjectType({ implements: Node, description: 'One webhook to be sent.', simpleResolvers: true })
export class WebhookDelivery extends Node {
  @Field(() => ID)
  attachmentId!: string;

  @Field(() => Url)
  uri!: string;

  @Field(() => WebhookInteraction)
  interaction!: keyof typeof WebhookInteraction;

  @Field(() => WebhookDeliveryState)
  state!: keyof typeof WebhookDeliveryState;

  @Field(() => Int)
  attempts!: number;

  @Field(() => Int, optional)
  lastStatusCode!: number | null;

  @Field(() => String, optional)
  lastError!: string | null;

  @Field(() => DateTime, optional)
  nextAttemptAt!: Date | null;

  @Field(() => DateTime)
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

@InputType()
export class RedeliverWebhookInput {
  @Field(() => ID)
  deliveryId!: string;
}

@ObjectType({ simpleResolvers: true })
export class RedeliverWebhookPayload {
  @Field(() => WebhookDelivery)
  delivery!: WebhookDelivery;
}
