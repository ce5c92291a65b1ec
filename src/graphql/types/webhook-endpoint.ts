import { Field, ID, InputType, Int, ObjectType, registerEnumType } from 'type-graphql';
import { type WebhookEndpointRow, webhookEvents } from '../../database/entities/webhook.js';
import { maxOverlapHours } from '../../webhooks/endpoints.js';
import { connectionType, DateTime, Node, Url } from './connection.js';
import { WebhookDelivery, WebhookEvent } from './webhook-delivery.js';

const optional = { nullable: true } as const;

const WebhookEndpointState = { ENABLED: 'ENABLED', PAUSED: 'PAUSED' } as const;
registerEnumType(WebhookEndpointState, {
  name: 'WebhookEndpointState',
  description: 'The states of a webhook endpoint.',
  valuesConfig: {
    ENABLED: { description: 'It is told of events.' },
    PAUSED: { description: 'The service has given up on it: it is told nothing until somebody enables it.' },
  },
});

const WebhookPauseReason = { FAILING: 'FAILING', GONE: 'GONE' } as const;
registerEnumType(WebhookPauseReason, {
  name: 'WebhookPauseReason',
  description: 'The reasons for which the service pauses an endpoint.',
  valuesConfig: {
    FAILING: { description: 'For WEBHOOK_PAUSE_DAYS every attempt failed.' },
    GONE: { description: 'The receiver answered 410.' },
  },
});

@ObjectType({
  implements: Node,
  description: "A receiver of the organization's events.",
  simpleResolvers: true,
})
export class WebhookEndpoint extends Node {
  /** The id that the field `createdBy` is read by. */
  createdById!: string;

  @Field(() => Url, { description: 'The receiver.' })
  uri!: string;

  @Field(() => [WebhookEvent], { description: 'The events that it is told of.' })
  events!: (keyof typeof WebhookEvent)[];

  @Field(() => String, { ...optional, description: 'A note for people.' })
  description!: string | null;

  @Field(() => WebhookEndpointState, { description: 'Whether it is told of events.' })
  state!: keyof typeof WebhookEndpointState;

  @Field(() => DateTime, {
    ...optional,
    description: 'The first failed attempt since the last that succeeded; null: none has failed.',
  })
  failingSince!: Date | null;

  @Field(() => DateTime, { ...optional, description: 'The time since which it is paused; null: it is not.' })
  pausedAt!: Date | null;

  @Field(() => WebhookPauseReason, { ...optional, description: 'The reason; null: it is not paused.' })
  pauseReason!: keyof typeof WebhookPauseReason | null;

  @Field(() => DateTime, {
    ...optional,
    description: 'Until then earlier secrets sign too; null: only the newest signs.',
  })
  earlierSecretsUntil!: Date | null;

  @Field(() => DateTime, { description: 'The time of its creation.' })
  createdAt!: Date;

  @Field(() => DateTime, { description: 'The time of its last change.' })
  updatedAt!: Date;
}

/** The one place that decides what of an endpoint leaves. Its secrets never do. */
export function toWebhookEndpoint(row: WebhookEndpointRow): WebhookEndpoint {
  const { id, uri, events, description, state, failingSince, pausedAt, pauseReason } = row;
  const { createdById, createdAt, updatedAt } = row;
  const until = Math.max(...row.secrets.map((one) => one.until ?? 0));
  return Object.assign(new WebhookEndpoint(), {
    ...{ id, uri, events: webhookEvents.filter((event) => events.includes(event)), description },
    ...{ state, failingSince, pausedAt, pauseReason, createdById, createdAt, updatedAt },
    earlierSecretsUntil: until > 0 ? new Date(until) : null,
  });
}

export const WebhookEndpointConnection = connectionType('WebhookEndpoint', WebhookEndpoint);

@InputType({ description: "Has a receiver told of the organization's events, from now on." })
export class CreateWebhookEndpointInput {
  @Field(() => Url, { description: 'The receiver: http or https, publicly reachable.' })
  uri!: URL;

  @Field(() => [WebhookEvent], { description: 'The events to tell of, at least one.' })
  events!: (keyof typeof WebhookEvent)[];

  @Field(() => String, { ...optional, description: 'A note for people.' })
  description?: string | null;
}

@ObjectType({ description: 'secret is shown this once.', simpleResolvers: true })
export class CreateWebhookEndpointPayload {
  @Field(() => WebhookEndpoint, { description: 'The endpoint without its secret.' })
  webhookEndpoint!: WebhookEndpoint;

  @Field(() => String, {
    description:
      'Signs what is sent to the endpoint, in the form of Standard Webhooks. It cannot be read again.',
  })
  secret!: string;
}

@InputType({ description: 'Changes an endpoint. Members that are left out stay as they are.' })
export class UpdateWebhookEndpointInput {
  @Field(() => ID, { description: "An endpoint of the viewer's organization; else NOT_FOUND." })
  id!: string;

  @Field(() => Url, { ...optional, description: 'The new receiver; null: unchanged.' })
  uri?: URL | null;

  @Field(() => [WebhookEvent], { ...optional, description: 'At least one; null: unchanged.' })
  events?: (keyof typeof WebhookEvent)[] | null;

  @Field(() => String, { ...optional, description: 'Null takes it away.' })
  description?: string | null;
}

@InputType({ description: 'Gives an endpoint a new secret.' })
export class RotateWebhookEndpointSecretInput {
  @Field(() => ID, { description: "An endpoint of the viewer's organization; else NOT_FOUND." })
  id!: string;

  @Field(() => Int, {
    defaultValue: 24,
    description: `Earlier secrets sign too for so long; 0 ends them at once. At most ${maxOverlapHours}.`,
  })
  overlapHours!: number;
}

@ObjectType({ description: 'secret is shown this once.', simpleResolvers: true })
export class RotateWebhookEndpointSecretPayload extends CreateWebhookEndpointPayload {}

@InputType()
abstract class EndpointInput {
  @Field(() => ID, { description: "An endpoint of the viewer's organization; else NOT_FOUND." })
  id!: string;
}

@InputType({ description: 'Has a paused endpoint told of events again.' })
export class EnableWebhookEndpointInput extends EndpointInput {}

@InputType({ description: 'Ends an endpoint for good.' })
export class DeleteWebhookEndpointInput extends EndpointInput {}

@InputType({ description: 'Sends an endpoint a test.' })
export class TestWebhookEndpointInput extends EndpointInput {}

@ObjectType()
abstract class EndpointPayload {
  @Field(() => WebhookEndpoint, { description: 'The endpoint as it is now.' })
  webhookEndpoint!: WebhookEndpoint;
}

@ObjectType({ description: 'The endpoint as the change left it.', simpleResolvers: true })
export class UpdateWebhookEndpointPayload extends EndpointPayload {}

@ObjectType({ description: 'The endpoint, enabled.', simpleResolvers: true })
export class EnableWebhookEndpointPayload extends EndpointPayload {}

@ObjectType({ description: 'The endpoint is told nothing any more.', simpleResolvers: true })
export class DeleteWebhookEndpointPayload {
  @Field(() => ID, { description: 'The id of the deleted endpoint.' })
  deletedWebhookEndpointId!: string;
}

@ObjectType({ description: 'The test that was queued.', simpleResolvers: true })
export class TestWebhookEndpointPayload {
  @Field(() => WebhookDelivery, { description: 'The delivery: node(id) tells what came of it.' })
  delivery!: WebhookDelivery;
}
