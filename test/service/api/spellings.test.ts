import { v7 as uuidv7 } from 'uuid';
import type { Answer } from '../../support/client.js';
import { startService, type TestService } from '../../support/service.js';
import { createKey, whoAmI } from '../auth/key-operations.js';
import { endpoint } from '../webhooks/endpoint-operations.js';

let service: TestService;
beforeAll(async () => {
  service = await startService({ WEBHOOK_ALLOW_PRIVATE: 'true' });
});
afterAll(() => service.close());

const record = { type: 'Case', id: 'AB000000-0000-7000-8000-00000000000a' };
const errorsOf = ({ errors }: Answer<unknown>) => errors?.map(({ message }) => message) ?? [];

interface Named {
  attachments: { nodes: { fileName: string }[]; totalCount: number };
}
const find = async (filter: object) => {
  const query = `query ($filter: AttachmentFilter) {
    attachments(filter: $filter, orderBy: { field: FILE_NAME, direction: ASC }) { totalCount nodes { fileName } } }`;
  return service.client.graphql<Named>(query, { filter });
};
const namesOf = async (filter: object) =>
  (await find(filter)).data?.attachments.nodes.map(({ fileName }) => fileName);

/** Each operation that takes an id of ours, in an order in which all of them succeed. */
const operations: [string, string][] = [
  ['query', 'attachment(id: $id) { id }'],
  ['query', 'node(id: $id) { id }'],
  ['query', 'node(id: $delivery) { id }'],
  ['query', 'node(id: $key) { id }'],
  ['query', 'node(id: $endpoint) { id }'],
  ['query', 'webhookDeliveries(attachmentId: $id) { nodes { id } }'],
  ['query', 'webhookDeliveries(endpointId: $endpoint) { nodes { id endpointId } }'],
  ['query', 'auditLog(filter: { attachmentId: $id }, first: 1) { nodes { id } }'],
  ['query', 'auditLog(filter: { principalId: $principal }, first: 1) { nodes { id } }'],
  ['query', 'attachments(filter: { createdBy: $principal }, first: 1) { nodes { id } }'],
  ['mutation', 'claimAttachment(input: { attachmentId: $id, record: $record }) { attachment { id } }'],
  ['mutation', 'linkAttachments(input: { attachmentIds: [$id], record: $record }) { field { version } }'],
  ['mutation', 'updateAttachment(input: { attachmentId: $id, fileName: "b.txt" }) { attachment { id } }'],
  ['mutation', 'rescanAttachment(input: { attachmentId: $id }) { attachment { id } }'],
  ['mutation', 'releaseAttachment(input: { attachmentId: $id, reason: "x" }) { attachment { id } }'],
  ['mutation', 'copyAttachment(input: { attachmentId: $id }) { attachment { id } }'],
  ['mutation', 'redeliverWebhook(input: { deliveryId: $delivery }) { delivery { id } }'],
  [
    'mutation',
    'updateWebhookEndpoint(input: { id: $endpoint, description: "x" }) { webhookEndpoint { id } }',
  ],
  ['mutation', 'rotateWebhookEndpointSecret(input: { id: $endpoint }) { webhookEndpoint { id } }'],
  ['mutation', 'enableWebhookEndpoint(input: { id: $endpoint }) { webhookEndpoint { id } }'],
  ['mutation', 'testWebhookEndpoint(input: { id: $endpoint }) { delivery { id } }'],
  ['mutation', 'deleteWebhookEndpoint(input: { id: $endpoint }) { deletedWebhookEndpointId }'],
  ['mutation', 'revokeApiKey(input: { id: $key }) { apiKey { id } }'],
  ['mutation', 'deleteAttachment(input: { attachmentId: $id }) { deletedAttachmentId }'],
];

/** With each name of a variable in its operations. */
function toOperation([kind, field]: [string, string]): { query: string; names: string[] } {
  const names = [...new Set(Array.from(field.matchAll(/\$(\w+)/g), ([, name = '']) => name))];
  const types = names.map((name) => `$${name}: ${name === 'record' ? 'RecordInput' : 'ID'}!`);
  return { query: `${kind} (${types.join(', ')}) { ${field} }`, names };
}

test.each(['\0', '01a1fb65-08c0-765b-84f5-000000000000\0', '\ud800', '../../etc', ''])(
  'the text %j is like an id that never was, wherever one of ours is asked for',
  async (text) => {
    const ours = { id: text, delivery: text, endpoint: text, key: text };
    for (const operation of operations) {
      const { query, names } = toOperation(operation);
      if (names.includes('principal')) continue;
      const { errors = [] } = await service.client.graphql(query, { ...ours, record });
      const codes = errors.map(({ extensions }) => extensions.code);
      expect({ query, codes: codes.filter((code) => code !== 'NOT_FOUND') }).toEqual({ query, codes: [] });
      if (operation[0] === 'mutation') expect({ query, codes }).toEqual({ query, codes: ['NOT_FOUND'] });
    }
  },
);

describe('ids in capitals', () => {
  test(`find what they are the ids of, in ${operations.length} operations and both routes`, async () => {
    const webhooks = [{ uri: 'http://127.0.0.1:9/', interactions: ['ATTACHMENT_APPROVED'] }];
    const { id, url } = await service.client.upload({ content: 'x', name: 'a.txt' }, { webhooks });
    const { apiKey } = await createKey(service.client);
    const { principal } = await whoAmI(service.client);
    const { webhookDeliveries } = await service.client.ask<{
      webhookDeliveries: { nodes: { id: string }[] };
    }>('query ($id: ID!) { webhookDeliveries(attachmentId: $id) { nodes { id } } }', { id });
    const delivery = webhookDeliveries.nodes[0]?.id ?? '';
    const input = { uri: 'http://127.0.0.1:9/', events: ['PING'] };
    const { webhookEndpoint } = await endpoint(service.client, 'create', input);
    await endpoint(service.client, 'test', { id: webhookEndpoint.id });
    const small = { id, delivery, endpoint: webhookEndpoint.id, key: apiKey.id, principal: principal.id };
    const capitals = Object.fromEntries(
      Object.entries(small).map(([name, one]) => [name, one.toUpperCase()]),
    );
    for (const path of [`/attachments/${capitals['id']}`, url.replace(id, id.toUpperCase())])
      expect((await service.client.download(path)).status).toBe(200);
    for (const operation of operations) {
      const [, field] = operation;
      const answer = await service.client.graphql(toOperation(operation).query, { ...capitals, record });
      expect({ field, errors: errorsOf(answer) }).toEqual({ field, errors: [] });
      expect(JSON.stringify(answer.data)).toMatch(/"version":1|[0-9a-f]{8}-[0-9a-f]{4}-7/);
      for (const [name, one] of Object.entries(capitals))
        expect({ field, name, echoed: JSON.stringify(answer.data).includes(one) }).toEqual({
          field,
          name,
          echoed: false,
        });
    }
  });

  test('if they are of records, stay as the host application writes them', async () => {
    const { id } = await service.client.upload({ content: 'x', name: 'r.txt' }, { record });
    const ofRecord = async (recordId: string) => {
      const { data } = await service.client.graphql<{
        record: { id: string; attachments: { nodes: { id: string }[] } };
      }>(
        'query ($type: String!, $id: ID!) { record(type: $type, id: $id) { attachments { nodes { id } } } }',
        {
          type: record.type,
          id: recordId,
        },
      );
      return data?.record.attachments.nodes.map((one) => one.id);
    };
    expect(await ofRecord(record.id)).toEqual([id]);
    expect(await ofRecord(record.id.toLowerCase())).toEqual([]);
    expect(await namesOf({ record: { ...record, id: record.id.toLowerCase() } })).toEqual([]);
  });

  test('are not taken in other forms, which find nothing, and say nothing else', async () => {
    const never = uuidv7();
    for (const id of [`{${never}}`, `urn:uuid:${never}`, never.replaceAll('-', ''), `${never} `, 'x', '']) {
      const { data, errors } = await service.client.graphql<{ attachment: null }>(
        'query ($id: ID!) { attachment(id: $id) { id } }',
        { id },
      );
      expect([id, data, errors]).toEqual([id, { attachment: null }, undefined]);
    }
  });
});

describe('filters', () => {
  beforeAll(async () => {
    const jpeg = new Uint8Array(Buffer.from('ffd8ffe000104a46494600010100000100010000ffd9', 'hex'));
    await service.client.upload({ content: jpeg, name: 'Picture.JPG' });
    await service.client.upload({ content: 'x', name: 'Café menu.txt' });
    await service.client.upload({ content: '{}', name: 'Menu.json' });
  });

  test.each<[object, string[]]>([
    [{ contentType: ['image/jpg'] }, ['Picture.JPG']],
    [{ contentType: ['image/pjpeg'] }, ['Picture.JPG']],
    [{ contentType: ['IMAGE/JPEG; q=1'] }, ['Picture.JPG']],
    [{ contentType: ['image/*'] }, ['Picture.JPG']],
    [{ contentType: ['application/x-json', 'image/jpg'] }, ['Menu.json', 'Picture.JPG']],
    [{ contentType: ['*/*'], fileNameContains: 'menu' }, ['Café menu.txt', 'Menu.json']],
    [{ contentType: ['image/png', '*/*'], fileNameContains: 'menu.j' }, ['Menu.json']],
    [{ contentType: ['*'] }, []],
    [{ contentType: ['*/png'] }, []],
    [{ fileNameContains: 'Cafe\u0301' }, ['Café menu.txt']],
    [{ fileNameContains: 'CAFÉ' }, ['Café menu.txt']],
  ])('%j finds %j', async (filter, expected) => {
    expect(await namesOf(filter)).toEqual(expected);
  });

  test.each([
    [{ fileNameContains: '\u0000' }, 'filter.fileNameContains'],
    [{ fileNameContains: 'abc\u0000def' }, 'filter.fileNameContains'],
    [{ contentType: ['text/plain\u0000'] }, 'filter.contentType.0'],
    [{ createdBy: '\u0000' }, 'filter.createdBy'],
    [{ sha256: '\u0000' }, 'filter.sha256'],
  ])('%j is refused', async (filter, loc) => {
    const { errors } = await find(filter);
    expect(errors?.[0]?.extensions).toMatchObject({
      code: 'BAD_USER_INPUT',
      details: [{ type: 'nul_character' }],
    });
    expect(errors?.[0]?.extensions.details[0]?.loc.join('.')).toBe(loc);
  });
});
