import { randomUUID } from 'node:crypto';
import { operationNeeds, type Permission, permissions, routeNeeds } from '../../../src/auth/viewer.js';
import type { Database } from '../../../src/database/database.js';
import { guardRootFields } from '../../../src/graphql/argument-guards.js';
import { createSchema } from '../../../src/graphql/schema.js';
import { Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { report } from '../../support/report.js';
import { startService, type TestService } from '../../support/service.js';
import { storedFiles } from '../../support/stored-files.js';
import { openTestDatabase } from '../../support/test-database.js';
import { allOperations, type Operation } from './sample-operations.js';

let service: TestService;
let database: Database;
const clients = new Map<Permission | 'none', Client>();
let fileUrl: string;

beforeAll(async () => {
  service = await startService({ FEDERATION: 'true' });
  database = await openTestDatabase(service.dataDirectory);
  for (const permission of permissions) {
    clients.set(permission, await newClient(service, { permissions: [permission] }));
  }
  clients.set('none', await newClient(service, { permissions: [] }));
  const record = { type: 'T', id: '1' };
  fileUrl = (await service.client.upload({ content: 'x', name: 'x.txt' }, { record })).url;
});
afterAll(async () => {
  await database.close();
  await service.close();
});

const clientOf = (permission: Permission | 'none') => clients.get(permission) ?? new Client('', null);

/** How far the cleaning has come, and downloads that were permitted, are written down at times of their own. */
const writtenLater = new Set(['sweeps', 'audit_events']);

/** The files, and how many rows each table has: a refusal must leave them untouched. */
async function stored(): Promise<object> {
  const tables = database.read.connection.entityMetadatas.filter(
    ({ tableName }) => !writtenLater.has(tableName),
  );
  const counts = await Promise.all(
    tables.map(async ({ tableName, target }) => [tableName, await database.read.count(target)]),
  );
  return { files: await storedFiles(service.dataDirectory), rows: Object.fromEntries(counts) as object };
}

const operations = allOperations();
const needOf = ({ type, name }: Operation) => operationNeeds[type]?.[name] ?? null;
const isLetIn = (need: readonly Permission[], permission: Permission | 'none') =>
  need.length === 0 || need.some((one) => one === permission);

test('the table has every operation of the schema, and no other', () => {
  const listed = Object.entries(operationNeeds).flatMap(([type, fields]) =>
    Object.keys(fields).map((field) => `${type}.${field}`),
  );
  expect(listed.toSorted()).toEqual(operations.map(({ type, name }) => `${type}.${name}`).toSorted());
});

test('a schema with an operation that the table does not have is not built', () => {
  const schema = createSchema();
  const fields = schema.getQueryType()?.getFields() ?? {};
  const { viewer } = fields;
  Object.assign(fields, { everything: { ...viewer, name: 'everything' } });
  expect(() => guardRootFields(schema)).toThrow('Query.everything is not in the table of permissions.');
});

const guarded = operations.flatMap((operation) => {
  const need = needOf(operation);
  return need ? [{ name: `${operation.type}.${operation.name}`, operation, need }] : [];
});

test('only the schema for gateways asks for no credential', () => {
  const open = operations.filter((operation) => needOf(operation) === null);
  expect(open.map(({ name }) => name)).toEqual(['_service']);
});

describe.each(guarded)('$name', ({ operation, need }) => {
  const ask = (client: Client) =>
    client.graphql(
      operation.document(),
      operation.variables({
        'input.fileName': 'x.txt',
        'input.to.id': 'another',
        'input.events.0': true,
        'input.uri': 'https://93.184.216.34/hook',
        // Webhooks of all attachments are for administrators.
        ...(operation.name === 'webhookDeliveries' ? { attachmentId: randomUUID() } : {}),
      }),
    );

  test.each([...permissions, 'none'] as const)('with %s', async (permission) => {
    const before = isLetIn(need, permission) ? null : await stored();
    const { errors, status } = await ask(clientOf(permission));
    const code = errors?.[0]?.extensions.code;
    if (before === null) {
      // A subscription is let in, and then sent to WebSocket.
      const unknown = ['NOT_FOUND', 'DOCUMENT_KEY_UNKNOWN'];
      const answers = operation.kind === 'subscription' ? ['BAD_USER_INPUT'] : unknown;
      expect([undefined, ...answers]).toContain(code);
      return;
    }
    const missing = need.join(' or ');
    expect({ code, status, message: errors?.[0]?.message }).toEqual({
      code: 'FORBIDDEN',
      status: 200,
      message: `The credential lacks the permission ${missing}.`,
    });
    expect(await stored()).toEqual(before);
  });

  test('without a credential, and with a bad one', async () => {
    const before = await stored();
    for (const key of [null, 'cck_nobody_has_this_key']) {
      const { status, headers, errors } = await ask(new Client(service.url, key));
      expect([status, errors?.[0]?.extensions.code]).toEqual([401, 'UNAUTHENTICATED']);
      expect(headers.get('www-authenticate')).toContain('Bearer');
    }
    expect(await stored()).toEqual(before);
  });
});

test('every pair of an operation and a permission was asked', () => {
  const pairs = operations.length * permissions.length;
  report(`${operations.length} operations, ${pairs} pairs of operation and permission`);
  expect(pairs).toBeGreaterThanOrEqual(88);
});

describe('routes', () => {
  /** How each route that needs a permission is asked. */
  const asks: Record<string, (client: Client) => Promise<Response>> = {
    'GET /attachments/:id': (client) => client.download(fileUrl.replace(/\/[^/]*$/, '')),
    'GET /attachments/:id/*': (client) => client.download(fileUrl),
    'POST /uploads': ({ url, headers }) =>
      fetch(`${url}/uploads`, {
        method: 'POST',
        headers: {
          ...headers,
          'tus-resumable': '1.0.0',
          'upload-length': '1',
          'upload-metadata': 'filename YQ==',
        },
      }),
  };
  const successes: Record<string, number> = { 'POST /uploads': 201 };
  const guardedRoutes = Object.entries(routeNeeds).flatMap(([route, need]) =>
    need === null ? [] : [{ route, need }],
  );

  test('each that needs a permission is asked here', () => {
    expect(Object.keys(asks)).toEqual(guardedRoutes.map(({ route }) => route));
  });

  test.each(guardedRoutes)('$route', async ({ route, need }) => {
    for (const permission of [...permissions, 'none'] as const) {
      const answer = await asks[route]?.(clientOf(permission));
      expect([permission, answer?.status]).toEqual([
        permission,
        isLetIn(need, permission) ? (successes[route] ?? 200) : 403,
      ]);
    }
    const anonymous = await asks[route]?.(new Client(service.url, null));
    expect(anonymous?.status).toBe(401);
    expect(anonymous?.headers.get('www-authenticate')).toContain('Bearer');
  });
});

describe('content in a body is not stored, not even for a moment', () => {
  const content = 'x'.repeat(400_000);
  const doors = {
    multipart: (client: Client) => client.tryUpload({ content, name: 'x.txt' }),
    base64: (client: Client) => {
      const variables = { base64: Buffer.from(content).toString('base64') };
      return client.graphql(
        `mutation ($base64: String) { createAttachment(input: { content: { base64: $base64 }, fileName: "x.txt" }) {
          attachment { id } } }`,
        variables,
      );
    },
  };

  test.each(Object.entries(doors))('as %s', async (_door, upload) => {
    const before = await stored();
    for (const permission of ['attachments:read', 'attachments:admin', 'keys:admin', 'none'] as const) {
      const { status, errors } = await upload(clientOf(permission));
      expect([permission, status, errors?.[0]?.extensions.code]).toEqual([permission, 403, 'FORBIDDEN']);
      expect(errors?.[0]?.message).toContain('attachments:write');
    }
    const anonymous = await upload(new Client(service.url, null));
    expect([anonymous.status, anonymous.errors?.[0]?.extensions.code]).toEqual([401, 'UNAUTHENTICATED']);
    expect(await stored()).toEqual(before);
  });
});
