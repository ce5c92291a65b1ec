import { setTimeout as sleep } from 'node:timers/promises';
import { eicarString } from '../../../src/scanner/create-scanner.js';
import type { Client } from '../../support/client.js';
import { WebhookReceiver, webhookSecret } from '../../support/webhook-receiver.js';
import { type ApiKeyData, createKey, tryRevokeKey } from '../auth/key-operations.js';
import { codeOf, RaceStage } from './race-stage.js';

let receiver: WebhookReceiver;
let uri: string;
let races: RaceStage;
beforeAll(async () => {
  receiver = new WebhookReceiver();
  uri = await receiver.open();
  races = await RaceStage.open({
    SCANNER: 'eicar',
    WEBHOOK_SECRET: webhookSecret,
    WEBHOOK_ALLOW_PRIVATE: 'true',
  });
});
afterAll(async () => {
  await races[Symbol.asyncDispose]();
  receiver.close();
});

const mutation = (client: Client, name: string, type: string, input: object, fields: string) =>
  client.graphql<Record<string, Record<string, { status?: string; state?: string }>>>(
    `mutation ($input: ${type}!) { ${name}(input: $input) { ${fields} } }`,
    { input },
  );

async function until<T>(read: () => Promise<T>, isSo: (value: T) => boolean): Promise<T> {
  for (let round = 0; round < 600; round += 1) {
    const value = await read();
    if (isSo(value)) return value;
    await sleep(20);
  }
  throw new Error(`It did not come to be: ${JSON.stringify(await read())}`);
}

async function statusOf(id: string): Promise<string> {
  const query = 'query ($id: ID!) { attachment(id: $id) { status } }';
  const { attachment } = await races.client.ask<{ attachment: { status: string } }>(query, { id });
  return attachment.status;
}

test('a release stands, whatever rescans come beside it, and two at once are one', async () => {
  const release = (id: string) => (client: Client) => {
    const input = { attachmentId: id, reason: 'false alarm' };
    return mutation(client, 'releaseAttachment', 'ReleaseAttachmentInput', input, 'attachment { status }');
  };
  const rescan = (id: string) => (client: Client) =>
    mutation(
      client,
      'rescanAttachment',
      'RescanAttachmentInput',
      { attachmentId: id },
      'attachment { status }',
    );
  const released: string[] = [];
  await races.run('two releases and two rescans', 20, async () => {
    const { id } = await races.client.upload({ content: eicarString, name: 'a.txt' });
    await until(
      () => statusOf(id),
      (status) => status === 'REJECTED',
    );
    const answers = await races.atOnce([release(id), rescan(id), release(id), rescan(id)]);
    expect(answers.map(codeOf)).toEqual(['ok', 'ok', 'ok', 'ok']);
    for (const { data } of [answers[0], answers[2]].flatMap((answer) => answer ?? [])) {
      expect(data).toEqual({ releaseAttachment: { attachment: { status: 'APPROVED' } } });
    }
    const events = await races.events(id);
    expect([events['ATTACHMENT_RELEASED'], events['ATTACHMENT_RESCANNED']]).toEqual([1, 2]);
    released.push(id);
    return 'ok';
  });
  // The scans that were asked for come to their end meanwhile.
  await sleep(300);
  for (const id of released) expect([id, await statusOf(id)]).toEqual([id, 'APPROVED']);
});

test('a copy that is made while the verdict comes is told of it, too', async () => {
  const copy = (attachmentId: string) => (client: Client) =>
    mutation(client, 'copyAttachment', 'CopyAttachmentInput', { attachmentId }, 'attachment { id status }');
  const untold: string[] = [];
  await races.run('six copies beside the verdict', 40, async () => {
    const { id } = await races.upload();
    const answers = await Promise.all(
      Array.from({ length: 6 }, async (_, index) => {
        await sleep(2 * index);
        return copy(id)(races.client);
      }),
    );
    const copies = answers.flatMap(({ data }) => data?.['copyAttachment']?.['attachment'] ?? []) as {
      id: string;
      status: string;
    }[];
    expect(copies).toHaveLength(6);
    await until(
      () => statusOf(id),
      (status) => status === 'APPROVED',
    );
    const pending = copies.filter(({ status }) => status === 'PENDING');
    for (const each of pending)
      if ((await races.events(each.id))['ATTACHMENT_APPROVED'] !== 1) untold.push(each.id);
    return `${pending.length} before the verdict`;
  });
  expect(untold).toEqual([]);
});

test('revocations at once of one key all say the same instant, and one event is written', async () => {
  await races.run('three revocations', 20, async () => {
    const { apiKey } = await createKey(races.client, {});
    const revoke = (client: Client) => tryRevokeKey(client, apiKey.id);
    const answers = await races.atOnce([revoke, revoke, revoke]);
    const instants = answers.map(
      ({ data }) => (data as { revokeApiKey: { apiKey: ApiKeyData } } | null)?.revokeApiKey.apiKey.revokedAt,
    );
    expect(instants[0]).toEqual(expect.any(String));
    expect(new Set(instants).size).toBe(1);
    expect((await races.events(apiKey.id))['API_KEY_REVOKED']).toBe(1);
    return 'ok';
  });
});

test('redeliveries at once of one webhook end in its delivery, under its id', async () => {
  const query = `query ($id: ID!) { webhookDeliveries(attachmentId: $id) { nodes { id state } } }`;
  const deliveryOf = async (id: string) => {
    const answer = await races.client.ask<{
      webhookDeliveries: { nodes: { id: string; state: string }[] };
    }>(query, { id });
    expect(answer.webhookDeliveries.nodes.length).toBeLessThanOrEqual(1);
    return answer.webhookDeliveries.nodes[0];
  };
  const isDelivered = (delivery: { state: string } | undefined) => delivery?.state === 'DELIVERED';
  await races.run('three redeliveries', 15, async () => {
    const { id } = await races.upload({ webhooks: [{ uri, interactions: ['ATTACHMENT_APPROVED'] }] });
    const delivery = await until(() => deliveryOf(id), isDelivered);
    const redeliver = (client: Client) =>
      mutation(
        client,
        'redeliverWebhook',
        'RedeliverWebhookInput',
        { deliveryId: delivery?.id },
        'delivery { state }',
      );
    const answers = await races.atOnce([redeliver, redeliver, redeliver]);
    expect(answers.map(codeOf)).toEqual(['ok', 'ok', 'ok']);
    for (const { data } of answers)
      expect(data).toEqual({ redeliverWebhook: { delivery: { state: 'QUEUED' } } });
    const timesOf = () => receiver.received.filter((each) => each.id === delivery?.id).length;
    await until(
      async () => timesOf(),
      (times) => times >= 2,
    );
    await until(() => deliveryOf(id), isDelivered);
    expect(timesOf()).toBeLessThanOrEqual(4);
    return `sent ${timesOf()} times`;
  });
  expect(receiver.faults).toEqual([]);
});
