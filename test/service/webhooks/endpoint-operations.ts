import { webhookEvents } from '../../../src/database/entities/webhook.js';
import type { Client } from '../../support/client.js';
import type { Received } from './receiver.js';

const endpointFields = `id uri events description state failingSince pausedAt pauseReason earlierSecretsUntil
  createdAt createdBy { id }`;

export interface EndpointData {
  id: string;
  uri: string;
  events: string[];
  description: string | null;
  state: string;
  failingSince: string | null;
  pausedAt: string | null;
  pauseReason: string | null;
  earlierSecretsUntil: string | null;
  createdAt: string;
  createdBy: { id: string };
}

export const deliveryFields =
  'id attachmentId endpointId uri event interaction state attempts lastStatusCode lastError nextAttemptAt createdAt';

export interface DeliveryData {
  id: string;
  attachmentId: string | null;
  endpointId: string | null;
  uri: string;
  event: string;
  interaction: string | null;
  state: string;
  attempts: number;
  lastError: string | null;
  nextAttemptAt: string | null;
  createdAt: string;
}

type Verb = 'create' | 'update' | 'enable' | 'delete' | 'test';

const selections: Record<Verb, string> = {
  create: `webhookEndpoint { ${endpointFields} } secret`,
  update: `webhookEndpoint { ${endpointFields} }`,
  enable: `webhookEndpoint { ${endpointFields} }`,
  delete: 'deletedWebhookEndpointId',
  test: `delivery { ${deliveryFields} }`,
};

/** All events, which a test need not name then. */
export const allEvents = webhookEvents.filter((event) => event !== 'PING');

export interface EndpointPayload {
  webhookEndpoint: EndpointData;
  secret: string;
  deletedWebhookEndpointId: string;
  delivery: DeliveryData;
}

export function tryEndpoint(client: Client, verb: Verb, input: object) {
  const name = `${verb}WebhookEndpoint`;
  const type = `${name[0]?.toUpperCase()}${name.slice(1)}Input`;
  return client.graphql<{ payload: EndpointPayload | null }>(
    `mutation ($input: ${type}!) { payload: ${name}(input: $input) { ${selections[verb]} } }`,
    { input },
  );
}

export async function endpoint(client: Client, verb: Verb, input: object): Promise<EndpointPayload> {
  const { data, errors } = await tryEndpoint(client, verb, input);
  if (!data?.payload) throw new Error(JSON.stringify(errors));
  return data.payload;
}

export async function rotate(client: Client, input: object): Promise<EndpointPayload> {
  const { rotated } = await client.ask<{ rotated: EndpointPayload }>(
    `mutation ($input: RotateWebhookEndpointSecretInput!) {
      rotated: rotateWebhookEndpointSecret(input: $input) { webhookEndpoint { ${endpointFields} } secret } }`,
    { input },
  );
  return rotated;
}

export async function endpointOf(client: Client, id: string): Promise<EndpointData | null> {
  const query = `query ($id: ID!) { node(id: $id) { ... on WebhookEndpoint { ${endpointFields} } } }`;
  return (await client.ask<{ node: EndpointData | null }>(query, { id })).node;
}

/** Deliveries that the arguments, in GraphQL, ask for; the newest first. */
export async function deliveriesOf(client: Client, given: string): Promise<DeliveryData[]> {
  const { webhookDeliveries } = await client.ask<{ webhookDeliveries: { nodes: DeliveryData[] } }>(
    `{ webhookDeliveries(${given}) { nodes { ${deliveryFields} } } }`,
  );
  return webhookDeliveries.nodes;
}

export interface ToldBody {
  type: string;
  timestamp: string;
  schemaVersion: number;
  data: {
    attachment: { id: string; status: string; version: number; record: object | null };
    rejection: { reason: string } | null;
    principal: { id: string } | null;
    details: Record<string, unknown>;
  };
}

export const bodyOf = ({ body }: Received): ToldBody => JSON.parse(body) as ToldBody;

/** The types of the events that came, in order, without `attachment_`; of one attachment if it is named. */
export function typesOf(received: readonly Received[], attachmentId?: string): string[] {
  const bodies = received.map(bodyOf).filter(({ type }) => type !== 'ping');
  const own = bodies.filter(({ data }) => attachmentId === undefined || data.attachment.id === attachmentId);
  return own.map(({ type }) => type.replace('attachment_', ''));
}
