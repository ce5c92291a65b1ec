import { recordEvent } from '../../../src/audit/audit-events.js';
import { WebhookEndpointRow } from '../../../src/database/entities/webhook.js';
import { newId } from '../../../src/new-id.js';
import { newClient } from '../../support/keys.js';
import { startService, type TestService } from '../../support/service.js';
import { openTestDatabase } from '../../support/test-database.js';
import {
  allEvents,
  bodyOf,
  deliveriesOf,
  endpoint,
  endpointOf,
  rotate,
  tryEndpoint,
  typesOf,
} from './endpoint-operations.js';
import { answer, type Behaviour, type Receiver, startReceiver, verify } from './receiver.js';
import { waitFor } from './stage.js';

const dayMs = 86_400_000;

let service: TestService;
beforeAll(async () => {
  const env = { WEBHOOK_ALLOW_PRIVATE: 'true', WEBHOOK_RETRY_SECONDS: '1,1', TRASH_DAYS: '1' };
  service = await startService(env);
});
afterAll(() => service.close());

/** The endpoints of a test go with it: others are told of nothing then. */
const made: string[] = [];
afterEach(async () => {
  for (const id of made.splice(0)) await tryEndpoint(service.client, 'delete', { id });
});

async function open(receiver: Receiver, events: readonly string[] = allEvents) {
  const payload = await endpoint(service.client, 'create', { uri: receiver.uri, events });
  made.push(payload.webhookEndpoint.id);
  return { id: payload.webhookEndpoint.id, secret: payload.secret };
}

const upload = async (name = 'x.txt', more: object = {}) =>
  (await service.client.upload({ content: name, name }, more)).id;

const change = (verb: string, input: object) => {
  const type = `${verb[0]?.toUpperCase()}${verb.slice(1)}Input`;
  return service.client.ask(`mutation ($input: ${type}!) { ${verb}(input: $input) { __typename } }`, {
    input,
  });
};

const came = (receiver: Receiver, count: number) =>
  waitFor(() => (receiver.received.length >= count ? receiver.received : undefined));

test('an endpoint is told of all that happens to an attachment, in order, signed by its own secret', async () => {
  await using receiver = await startReceiver();
  const { secret } = await open(receiver);
  const [one, two] = [
    { type: 'Invoice', id: '1' },
    { type: 'Invoice', id: '2' },
  ];
  const id = await upload('ä.txt', { record: one, field: 'files' });
  await change('updateAttachment', { attachmentId: id, fileName: 'b.txt', description: 'not told' });
  await change('replaceContent', { attachmentId: id, content: { base64: 'eHk=' } });
  await change('transferAttachment', { attachmentId: id, from: one, to: two });
  await change('deleteAttachment', { attachmentId: id });
  await change('restoreAttachment', { attachmentId: id });
  const received = await came(receiver, 10);
  expect(typesOf(received, id)).toEqual([
    ...['created', 'approved', 'linked', 'updated', 'replaced', 'approved'],
    ...['transferred', 'unlinked', 'deleted', 'restored'],
  ]);
  for (const each of received) verify(each, secret);
  const beginning = received.slice(0, 2).map((each) => bodyOf(each));
  expect(beginning.map(({ data }) => data['details'])).toEqual([{ record: one }, { record: one }]);
  const { id: me } = (
    await service.client.ask<{ viewer: { principal: { id: string } } }>('{ viewer { principal { id } } }')
  ).viewer.principal;
  expect(bodyOf(received[2] as never)).toEqual({
    type: 'attachment_linked',
    timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
    schemaVersion: 1,
    data: {
      attachment: {
        id,
        organizationId: expect.any(String) as string,
        fileName: 'ä.txt',
        contentType: 'text/plain',
        size: 6,
        md5: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
        sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
        status: 'APPROVED',
        version: 1,
        record: one,
        createdBy: { id: me },
        createdAt: expect.stringMatching(/Z$/) as string,
      },
      rejection: null,
      principal: { id: me },
      details: { record: one, field: 'files' },
    },
  });
  expect(JSON.stringify(received)).not.toContain('not told');
});

test('later events of an attachment wait for earlier ones; other attachments do not', async () => {
  const refusing: Behaviour = (response) => response.writeHead(refused ? 500 : 204).end();
  let refused = true;
  await using receiver = await startReceiver(refusing);
  await open(receiver, ['ATTACHMENT_CREATED', 'ATTACHMENT_UPDATED', 'ATTACHMENT_DELETED']);
  const id = await upload();
  await came(receiver, 1);
  await change('updateAttachment', { attachmentId: id, fileName: 'y.txt' });
  await change('deleteAttachment', { attachmentId: id });
  const other = await upload();
  await waitFor(() => (typesOf(receiver.received, other).length > 0 ? true : undefined));
  expect(new Set(typesOf(receiver.received, id))).toEqual(new Set(['created']));
  const waiting = await deliveriesOf(service.client, 'state: [QUEUED], event: [ATTACHMENT_DELETED]');
  expect(waiting).toMatchObject([{ attachmentId: id, interaction: null, nextAttemptAt: null, attempts: 0 }]);
  refused = false;
  await waitFor(() => (typesOf(receiver.received, id).includes('deleted') ? true : undefined));
  const types = typesOf(receiver.received, id).filter((type) => type !== 'created');
  expect(types).toEqual(['updated', 'deleted']);
});

test('secrets are shown once, and rotate with an overlap', async () => {
  await using receiver = await startReceiver();
  const { id, secret } = await open(receiver);
  const everything = `{ webhookEndpoints { nodes { id uri description events state createdAt updatedAt } } auditLog { nodes { details } } }`;
  expect(
    JSON.stringify([await endpointOf(service.client, id), await service.client.ask(everything)]),
  ).not.toContain('whsec_');
  const second = await rotate(service.client, { id });
  expect(second.webhookEndpoint.earlierSecretsUntil).not.toBeNull();
  await endpoint(service.client, 'test', { id });
  const [ping] = await came(receiver, 1);
  if (!ping) throw new Error('Nothing came.');
  expect(JSON.parse(ping.body)).toMatchObject({ type: 'ping', schemaVersion: 1, data: { endpoint: { id } } });
  for (const each of [secret, second.secret]) verify(ping, each);
  const third = await rotate(service.client, { id, overlapHours: 0 });
  expect(third.webhookEndpoint.earlierSecretsUntil).toBeNull();
  await endpoint(service.client, 'test', { id });
  const [, next] = await came(receiver, 2);
  if (!next) throw new Error('Nothing came.');
  verify(next, third.secret);
  for (const each of [secret, second.secret]) expect(() => verify(next, each)).toThrow();
});

test('an update to what an endpoint is already changes nothing', async () => {
  await using receiver = await startReceiver();
  const events = ['ATTACHMENT_CREATED', 'ATTACHMENT_DELETED'];
  const { id } = await open(receiver, events);
  const seen = async () =>
    service.client.ask<object>(
      `{ webhookEndpoints { nodes { id updatedAt } }
        auditLog(filter: { action: [WEBHOOK_ENDPOINT_UPDATED] }) { nodes { id } } }`,
    );
  const before = await seen();
  const same = { uri: receiver.uri, events: [...events, ...events].reverse(), description: null };
  for (const input of [{}, same, { description: null }])
    await endpoint(service.client, 'update', { id, ...input });
  expect(await seen()).toEqual(before);
  await endpoint(service.client, 'update', { id, description: 'x' });
  expect(await seen()).not.toEqual(before);
});

test('deliveries that wait go to the new address; a deleted endpoint is told nothing, and its deliveries can be read', async () => {
  await using old = await startReceiver(answer(500));
  await using moved = await startReceiver();
  const { id } = await open(old, ['ATTACHMENT_CREATED']);
  const attachmentId = await upload();
  await came(old, 1);
  await endpoint(service.client, 'update', { id, uri: moved.uri, description: 'moved' });
  await came(moved, 1);
  await upload();
  await came(moved, 2);
  await endpoint(service.client, 'delete', { id });
  await upload();
  expect(await endpointOf(service.client, id)).toBeNull();
  const [last] = await deliveriesOf(service.client, `endpointId: "${id}", attachmentId: "${attachmentId}"`);
  expect(last).toMatchObject({
    state: 'DELIVERED',
    attempts: 2,
    uri: moved.uri,
    event: 'ATTACHMENT_CREATED',
  });
  const again = await service.client.graphql(
    'mutation ($id: ID!) { redeliverWebhook(input: { deliveryId: $id }) { delivery { id } } }',
    { id: last?.id },
  );
  expect(again.errors?.[0]?.extensions).toMatchObject({
    code: 'BAD_USER_INPUT',
    details: [{ type: 'endpoint_deleted' }],
  });
  expect(moved.received).toHaveLength(2);
});

test('an endpoint that fails for days is paused, and told so; it can be tested, and enabled', async () => {
  let refused = true;
  await using receiver = await startReceiver((response) => response.writeHead(refused ? 500 : 204).end());
  const { id } = await open(receiver, ['ATTACHMENT_CREATED']);
  await upload();
  await waitFor(async () => (await endpointOf(service.client, id))?.failingSince ?? undefined);
  const database = await openTestDatabase(service.dataDirectory);
  const since = new Date(Date.now() - 6 * dayMs);
  await database.write((manager) => manager.update(WebhookEndpointRow, { id }, { failingSince: since }));
  await database.close();
  await upload();
  const paused = await waitFor(async () => {
    const found = await endpointOf(service.client, id);
    return found?.state === 'PAUSED' ? found : undefined;
  });
  expect(paused).toMatchObject({ pauseReason: 'FAILING', pausedAt: expect.any(String) as string });
  const failed = await waitFor(async () => {
    const queued = await deliveriesOf(service.client, `endpointId: "${id}", state: [QUEUED]`);
    return queued.length > 0 ? undefined : (await deliveriesOf(service.client, `endpointId: "${id}"`))[0];
  });
  refused = false;
  const redeliver = () =>
    service.client.graphql<object>(
      'mutation ($id: ID!) { redeliverWebhook(input: { deliveryId: $id }) { delivery { id } } }',
      { id: failed.id },
    );
  expect((await redeliver()).errors?.[0]?.extensions.details).toMatchObject([{ type: 'endpoint_paused' }]);
  const { auditLog } = await service.client.ask<{ auditLog: { nodes: object[] } }>(
    '{ auditLog(filter: { action: [WEBHOOK_ENDPOINT_PAUSED] }) { nodes { webhookEndpointId attachmentId principal { id } details } } }',
  );
  expect(auditLog.nodes).toMatchObject([
    { webhookEndpointId: id, attachmentId: null, principal: null, details: { reason: 'FAILING' } },
  ]);
  expect(await (await fetch(`${service.url}/metrics`)).text()).toContain(
    'claimcheck_webhook_endpoints_paused_total{reason="failing"} 1',
  );
  expect(service.logLines.join('')).toContain('a webhook endpoint is paused');
  await upload('missed.txt');
  const { delivery } = await endpoint(service.client, 'test', { id });
  await waitFor(
    async () =>
      (await deliveriesOf(service.client, `endpointId: "${id}", event: [PING], state: [DELIVERED]`))[0],
  );
  expect(delivery).toMatchObject({ attachmentId: null, event: 'PING', endpointId: id });
  const enabled = await endpoint(service.client, 'enable', { id });
  expect(enabled.webhookEndpoint).toMatchObject({
    state: 'ENABLED',
    pausedAt: null,
    pauseReason: null,
    failingSince: null,
  });
  await upload('told.txt');
  expect((await redeliver()).errors).toBeUndefined();
  await waitFor(() => (receiver.received.some(({ body }) => body.includes('told.txt')) ? true : undefined));
  expect(receiver.received.map(({ body }) => body).join()).not.toContain('missed.txt');
});

test('damage, and its end, come as every event of the audit log', async () => {
  await using receiver = await startReceiver();
  await open(receiver, ['ATTACHMENT_DAMAGED', 'ATTACHMENT_REPAIRED']);
  const { id, organizationId } = await service.client.upload({ content: 'x', name: 'x.txt' });
  const database = await openTestDatabase(service.dataDirectory);
  const actor = { organizationId, principal: null };
  const tell = (action: 'ATTACHMENT_DAMAGED' | 'ATTACHMENT_REPAIRED', details: object | null) =>
    database.write((manager) =>
      recordEvent(manager, actor, { action, subjectId: id, at: new Date(), details }),
    );
  await tell('ATTACHMENT_DAMAGED', { damage: 'it is cut' });
  await tell('ATTACHMENT_REPAIRED', null);
  await database.close();
  const bodies = (await came(receiver, 2)).map(bodyOf);
  expect(bodies.map(({ type, data }) => [type, data.principal, data.details])).toEqual([
    ['attachment_damaged', null, { damage: 'it is cut' }],
    ['attachment_repaired', null, {}],
  ]);
});

test('410 pauses an endpoint at once', async () => {
  await using receiver = await startReceiver(answer(410));
  const { id } = await open(receiver, ['ATTACHMENT_CREATED']);
  await upload();
  await waitFor(async () => ((await endpointOf(service.client, id))?.state === 'PAUSED' ? true : undefined));
  expect(await endpointOf(service.client, id)).toMatchObject({ pauseReason: 'GONE' });
});

describe('refused', () => {
  const events = ['ATTACHMENT_CREATED'];

  test.each(['create', 'update'] as const)(
    'by %s are long descriptions, bad addresses and no events, together',
    async (verb) => {
      const id = verb === 'update' ? { id: newId() } : {};
      const input = { ...id, uri: 'ftp://example.org/', events: [], description: 'x'.repeat(256) };
      const { errors } = await tryEndpoint(service.client, verb, input);
      expect(errors?.[0]?.extensions.details.map(({ loc, type }) => [loc.join('.'), type])).toEqual([
        ['input.description', 'too_long'],
        ['input.uri', 'invalid_scheme'],
        ['input.events', 'empty'],
      ]);
    },
  );

  test('is more than 20, of several at once too', async () => {
    const tries = await Promise.all(
      Array.from({ length: 24 }, () =>
        tryEndpoint(service.client, 'create', { uri: 'http://127.0.0.1:9/', events }),
      ),
    );
    for (const { data } of tries) if (data?.payload) made.push(data.payload.webhookEndpoint.id);
    expect(made).toHaveLength(20);
    const refused = tries.find(({ errors }) => errors);
    expect(refused?.errors?.[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', limit: 20 });
  });

  test('is whoever may not administer', async () => {
    const reader = await newClient(service, { permissions: ['attachments:read', 'attachments:write'] });
    for (const { errors } of [
      await tryEndpoint(reader, 'create', { uri: 'http://127.0.0.1:9/', events }),
      await reader.graphql('{ webhookEndpoints { nodes { id } } }'),
      await reader.graphql('{ webhookDeliveries { nodes { id } } }'),
    ])
      expect(errors?.[0]?.extensions).toMatchObject({
        code: 'FORBIDDEN',
        details: [{ type: 'missing_permission' }],
      });
  });
});

test('deliveries of endpoints are for administrators, and filtered by state, endpoint, event and time', async () => {
  await using receiver = await startReceiver();
  const [one, two] = [await open(receiver), await open(receiver, ['ATTACHMENT_CREATED'])];
  const attachmentId = await upload('told.txt', { record: { type: 'Invoice', id: '9' } });
  await came(receiver, 3);
  const reader = await newClient(service);
  const of = (given: string) => deliveriesOf(service.client, given);
  expect(await deliveriesOf(reader, `attachmentId: "${attachmentId}"`)).toEqual([]);
  const all = await of(`attachmentId: "${attachmentId}"`);
  expect(all.map(({ event, endpointId }) => [event, endpointId])).toEqual(
    expect.arrayContaining([
      ['ATTACHMENT_CREATED', one.id],
      ['ATTACHMENT_APPROVED', one.id],
      ['ATTACHMENT_CREATED', two.id],
    ]),
  );
  expect(await of(`endpointId: "${two.id}"`)).toHaveLength(1);
  expect(await of(`endpointId: "${one.id}", event: [ATTACHMENT_APPROVED]`)).toMatchObject([
    { interaction: 'ATTACHMENT_APPROVED' },
  ]);
  const at = all[0]?.createdAt;
  expect(await of(`endpointId: "${one.id}", createdBefore: "${at}"`)).toEqual([]);
  expect(await of(`endpointId: "${one.id}", createdAfter: "${at}"`)).toEqual([]);
  const nodes = await reader.ask<{ nodes: unknown[] }>('query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', {
    ids: [one.id, all[0]?.id],
  });
  expect(nodes.nodes).toEqual([null, null]);
});

test('without an endpoint nothing is written', async () => {
  await upload();
  const database = await openTestDatabase(service.dataDirectory);
  expect(await database.read.query('SELECT * FROM webhook_events')).toEqual([]);
  await database.close();
});
