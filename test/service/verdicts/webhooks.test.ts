import type { AttachmentData, Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { startService, type TestService } from '../../support/service.js';
import { WebhookReceiver, webhookSecret } from '../../support/webhook-receiver.js';
import { eicar } from './gated-scanner.js';

let receiver: WebhookReceiver;
let uri: string;
let service: TestService;
let owner: Client;

const settings = {
  WEBHOOK_SECRET: webhookSecret,
  WEBHOOK_ALLOW_PRIVATE: 'true',
  WEBHOOK_RETRY_SECONDS: '0,0',
};

beforeEach(async () => {
  receiver = new WebhookReceiver();
  uri = await receiver.open();
});
afterEach(async () => {
  receiver.close();
  await service.close();
});

async function start(env: Record<string, string>): Promise<void> {
  service = await startService({ ...settings, ...env });
  owner = service.client;
}

const both = () => [{ uri, interactions: ['ATTACHMENT_APPROVED', 'ATTACHMENT_REJECTED'] }];

interface Deliveries {
  webhookDeliveries: {
    totalCount: number;
    nodes: { id: string; state: string; attempts: number; lastStatusCode: number | null; uri: string }[];
  };
}

const deliveries = (attachmentId: string, client = owner) =>
  client.graphql<Deliveries>(
    `query ($id: ID!) { webhookDeliveries(attachmentId: $id) { totalCount
      nodes { id state attempts lastStatusCode lastError uri interaction attachmentId nextAttemptAt createdAt } } }`,
    { id: attachmentId },
  );

async function settled(attachment: AttachmentData, state: string) {
  for (let round = 0; round < 200; round += 1) {
    const [node] = (await deliveries(attachment.id)).data?.webhookDeliveries.nodes ?? [];
    if (node?.state === state) return node;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`It never was ${state}: ${JSON.stringify((await deliveries(attachment.id)).data)}`);
}

describe('with a scanner', () => {
  test('approval and rejection are told, signed, with everything about the file', async () => {
    await start({ SCANNER: 'eicar' });
    const good = await owner.upload({ content: 'good', name: 'good.txt' }, { webhooks: both() });
    const bad = await owner.upload({ content: eicar, name: 'bad.txt' }, { webhooks: both() });
    const received = await receiver.got(2);
    const [approved, rejected] = [good, bad].map(({ id }) =>
      received.find(({ body }) => body.data.attachment['id'] === id),
    );
    const { id, organizationId, fileName, contentType, size, md5, sha256 } = good;
    const attachment = { id, organizationId, fileName, contentType, size, status: 'APPROVED' };
    expect(approved?.body).toMatchObject({
      type: 'attachment_approved',
      data: { attachment: { ...attachment, md5: md5.hash, sha256: sha256.hash }, rejection: null },
    });
    expect(rejected?.body).toMatchObject({
      type: 'attachment_rejected',
      data: { attachment: { status: 'REJECTED' }, rejection: { reason: 'MALWARE' } },
    });
    expect(receiver.faults).toEqual([]);
    expect(await settled(good, 'DELIVERED')).toMatchObject({ attempts: 1, lastStatusCode: 204, uri });
  });

  test('deliveries are listed and counted by their state', async () => {
    await start({ SCANNER: 'eicar' });
    const attachment = await owner.upload({ content: 'x', name: 'x.txt' }, { webhooks: both() });
    await settled(attachment, 'DELIVERED');
    const query = `query ($id: ID!, $state: [WebhookDeliveryState!]) {
      webhookDeliveries(attachmentId: $id, state: $state) { totalCount nodes { state } } }`;
    const inState = async (state: string[] | null) => {
      const { webhookDeliveries } = await owner.ask<Deliveries>(query, { id: attachment.id, state });
      return [webhookDeliveries.totalCount, webhookDeliveries.nodes.length];
    };
    const found = [null, ['DELIVERED', 'FAILED'], ['QUEUED', 'FAILED'], []].map(inState);
    expect(await Promise.all(found)).toEqual([
      [1, 1],
      [1, 1],
      [0, 0],
      [0, 0],
    ]);
  });

  test('only what was asked for is told', async () => {
    await start({ SCANNER: 'eicar' });
    const onlyRejected = [{ uri, interactions: ['ATTACHMENT_REJECTED'] }];
    await owner.upload({ content: 'good', name: 'good.txt' }, { webhooks: onlyRejected });
    const bad = await owner.upload({ content: eicar, name: 'bad.txt' }, { webhooks: onlyRejected });
    await settled(bad, 'DELIVERED');
    expect(receiver.received.map(({ body }) => body.type)).toEqual(['attachment_rejected']);
  });

  test('a receiver that fails is tried again under the same id, and once more when asked', async () => {
    await start({ SCANNER: 'eicar' });
    receiver.answers = [500, 500, 500];
    const attachment = await owner.upload({ content: 'x', name: 'x.txt' }, { webhooks: both() });
    const failed = await settled(attachment, 'FAILED');
    expect(failed).toMatchObject({ attempts: 3, lastStatusCode: 500 });
    await owner.ask(
      `mutation ($id: ID!) { redeliverWebhook(input: { deliveryId: $id }) { delivery { state } } }`,
      {
        id: failed.id,
      },
    );
    expect(await settled(attachment, 'DELIVERED')).toMatchObject({ attempts: 4 });
    expect(new Set(receiver.received.map(({ id }) => id))).toEqual(new Set([failed.id]));
  });
});

test('without a scanner the approval is told at once', async () => {
  await start({});
  const attachment = await owner.upload({ content: 'x', name: 'x.txt' }, { webhooks: both() });
  expect(attachment.status).toBe('APPROVED');
  await settled(attachment, 'DELIVERED');
  expect(receiver.received.map(({ body }) => body.type)).toEqual(['attachment_approved']);
});

test('deliveries are seen by whoever sees the attachment', async () => {
  await start({});
  const attachment = await owner.upload({ content: 'x', name: 'x.txt' }, { webhooks: both() });
  const { id } = await settled(attachment, 'DELIVERED');
  const other = await newClient(service);
  expect((await deliveries(attachment.id, other)).errors?.[0]?.extensions.code).toBe('NOT_FOUND');
  const query = `query ($id: ID!) { node(id: $id) { id __typename } }`;
  expect(await owner.ask(query, { id })).toEqual({ node: { id, __typename: 'WebhookDelivery' } });
  expect(await other.ask(query, { id })).toEqual({ node: null });
  const redeliver = `mutation ($id: ID!) { redeliverWebhook(input: { deliveryId: $id }) { delivery { id } } }`;
  expect((await other.graphql(redeliver, { id })).errors?.[0]?.extensions.code).toBe('NOT_FOUND');
});

test('an address that is not public is refused, and nothing is stored', async () => {
  await start({ WEBHOOK_ALLOW_PRIVATE: 'false' });
  const answer = await owner.tryUpload(
    { content: 'x', name: 'x.txt' },
    { webhooks: [...both(), { uri: 'http://169.254.169.254/latest', interactions: [] }] },
  );
  expect(answer.errors?.[0]?.extensions).toMatchObject({
    code: 'WEBHOOK_URI_NOT_ALLOWED',
    details: [
      { loc: ['input', 'webhooks', 0, 'uri'] },
      { loc: ['input', 'webhooks', 1, 'uri'] },
      { loc: ['input', 'webhooks', 1, 'interactions'] },
    ],
  });
  const { attachments } = await owner.ask<{ attachments: { totalCount: number } }>(
    '{ attachments { totalCount } }',
  );
  expect(attachments.totalCount).toBe(0);
});
