import { setTimeout as sleep } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import { newClient } from '../../support/keys.js';
import { startService, type TestService } from '../../support/service.js';
import {
  codeOf,
  createKey,
  listKeys,
  statusOf,
  tryCreateKey,
  tryRevokeKey,
  whoAmI,
} from './key-operations.js';
import { storedTexts } from './stored-texts.js';

describe('API keys', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startService();
  });
  afterAll(() => service.close());

  test('a new key is shown once, stored as a hash only, and acts as a service account of its own', async () => {
    const permissions = ['attachments:read', 'attachments:write', 'attachments:read'];
    const { secret, apiKey, client } = await createKey(service.client, { name: 'Build', permissions });
    expect(secret).toMatch(/^cck_[\w-]{43}$/);
    expect(apiKey).toMatchObject({ name: 'Build', expiresAt: null, lastUsedAt: null, revokedAt: null });
    expect(apiKey.permissions).toEqual(['attachments:read', 'attachments:write']);
    expect(secret.startsWith(apiKey.prefix)).toBe(true);
    expect(apiKey.prefix.length).toBeLessThan(16);
    const { organizationId } = await whoAmI(service.client);
    expect(apiKey.principal).toMatchObject({ kind: 'SERVICE', name: 'Build' });
    expect(await whoAmI(client)).toEqual({
      principal: apiKey.principal,
      organizationId,
      permissions: apiKey.permissions,
    });
    const attachment = await client.upload({ content: 'x' });
    expect(attachment.createdBy).toEqual(apiKey.principal);
    for (const authorization of [`Basic ${secret}`, `bearer ${secret}`]) {
      const download = await client.download(attachment.url, { authorization });
      expect({ authorization, status: download.status }).toEqual({ authorization, status: 200 });
    }
    expect(await storedTexts(service.dataDirectory)).not.toContain(secret);
    expect(service.logLines.join('')).not.toContain(secret);
  });

  test('are for keys:admin only', async () => {
    const { client } = await createKey(service.client, {
      permissions: ['attachments:read', 'attachments:write', 'attachments:admin'],
    });
    const answers = [
      await tryCreateKey(client),
      await tryRevokeKey(client, uuidv7()),
      await client.graphql('{ apiKeys { totalCount } }'),
    ];
    expect(answers.map(({ errors }) => errors?.[0]?.extensions)).toEqual(
      answers.map(() => ({
        code: 'FORBIDDEN',
        details: [{ loc: [], msg: 'Needs keys:admin.', type: 'missing_permission' }],
      })),
    );
  });

  test('give no permission that their maker does not have', async () => {
    const { client } = await createKey(service.client, { permissions: ['keys:admin', 'attachments:read'] });
    const answer = await tryCreateKey(client, {
      permissions: ['attachments:write', 'attachments:read', 'attachments:admin'],
    });
    expect(answer.errors?.[0]?.extensions).toMatchObject({
      code: 'FORBIDDEN',
      details: [
        { loc: ['input', 'permissions', 0], msg: expect.stringContaining('attachments:write') },
        { loc: ['input', 'permissions', 2], msg: expect.stringContaining('attachments:admin') },
      ],
    });
    const narrower = await createKey(client, { permissions: ['attachments:read'] });
    expect(await codeOf(narrower.client.tryUpload({ content: 'x' }))).toBe('FORBIDDEN');
    expect(await codeOf(tryCreateKey(narrower.client))).toBe('FORBIDDEN');
  });

  test('are refused with every fault at once, and nothing is stored', async () => {
    const { totalCount } = await listKeys(service.client);
    const answer = await tryCreateKey(service.client, {
      name: 'two\nlines',
      permissions: ['attachments:read', 'attachments:*', 'ATTACHMENTS:READ', ''],
      expiresAt: new Date(Date.now() - 1_000).toISOString(),
    });
    expect(answer.errors?.[0]?.extensions.code).toBe('BAD_USER_INPUT');
    expect(answer.errors?.[0]?.extensions.details.map(({ loc, type }) => [loc.join('.'), type])).toEqual([
      ['input.name', 'invalid_name'],
      ['input.permissions.1', 'unknown_permission'],
      ['input.permissions.2', 'unknown_permission'],
      ['input.permissions.3', 'unknown_permission'],
      ['input.expiresAt', 'not_in_future'],
    ]);
    for (const name of ['', ' ', 'x'.repeat(256), '\u0000']) {
      expect(await codeOf(tryCreateKey(service.client, { name }))).toBe('BAD_USER_INPUT');
    }
    const many = Array.from({ length: 20_000 }, () => 'x');
    const long = await tryCreateKey(service.client, { permissions: many });
    expect(long.errors?.[0]?.extensions).toMatchObject({ limit: 20, details: [{ type: 'too_many' }] });
    expect((await listKeys(service.client)).totalCount).toBe(totalCount);
  });

  test('are listed newest first, in pages, and found by node', async () => {
    const made: Awaited<ReturnType<typeof createKey>>[] = [];
    for (const name of ['a', 'b', 'c']) made.unshift(await createKey(service.client, { name }));
    const first = await listKeys(service.client, { first: 2 });
    expect(first.nodes.map(({ id }) => id)).toEqual(made.slice(0, 2).map(({ apiKey }) => apiKey.id));
    expect(first.pageInfo.hasNextPage).toBe(true);
    const next = await listKeys(service.client, { first: 1, after: first.pageInfo.endCursor ?? '' });
    expect(next.nodes.map(({ name }) => name)).toEqual(['a']);
    const everything = await listKeys(service.client, { first: 1_000 });
    expect(everything.totalCount).toBe(everything.nodes.length);
    expect(JSON.stringify(everything)).not.toContain(made[0]?.secret);
    const query = 'query ($id: ID!) { node(id: $id) { __typename id ... on ApiKey { name } } }';
    const id = made[1]?.apiKey.id;
    const found = { data: { node: { __typename: 'ApiKey', id, name: 'b' } } };
    expect(await service.client.graphql(query, { id })).toMatchObject(found);
    const { client: admin } = await createKey(service.client, { permissions: ['keys:admin'] });
    expect(await admin.graphql(query, { id })).toMatchObject(found);
    const { client: reader } = await createKey(service.client);
    expect(await reader.graphql(query, { id })).toMatchObject({ data: { node: null }, errors: undefined });
    const { id: attachment } = await service.client.upload({ content: 'x' });
    expect(await service.client.ask(query, { id: attachment })).toMatchObject({
      node: { __typename: 'Attachment' },
    });
    expect(await admin.ask(query, { id: attachment })).toEqual({ node: null });
    const { client: writer } = await createKey(service.client, { permissions: ['attachments:write'] });
    expect(await codeOf(writer.graphql(query, { id }))).toBe('FORBIDDEN');
  });

  test.each([
    ['first: -1', 'first'],
    ['first: 1001', 'first'],
    ['after: "x"', 'after'],
  ])('apiKeys(%s) is refused', async (page, loc) => {
    const answer = await service.client.graphql(`{ apiKeys(${page}) { nodes { id } } }`);
    expect(answer.errors?.[0]?.extensions).toMatchObject({
      code: 'BAD_USER_INPUT',
      details: [{ loc: [loc] }],
    });
  });

  test('are refused within a second of being revoked, once and for all', async () => {
    const { apiKey, client } = await createKey(service.client);
    expect(await statusOf(client)).toBe(200);
    const first = await tryRevokeKey(service.client, apiKey.id);
    const revokedAt = performance.now();
    expect(first.data?.revokeApiKey.apiKey.revokedAt).not.toBeNull();
    while ((await statusOf(client)) !== 401) await sleep(20);
    expect(performance.now() - revokedAt).toBeLessThan(1_100);
    await sleep(20);
    const again = await tryRevokeKey(service.client, apiKey.id);
    expect(again.errors).toBeUndefined();
    expect(again.data?.revokeApiKey.apiKey.revokedAt).toBe(first.data?.revokeApiKey.apiKey.revokedAt);
    expect(await statusOf(client)).toBe(401);
  });

  test('do not exist for another organization', async () => {
    const organizationId = uuidv7();
    const other = await newClient(service, {
      permissions: ['attachments:read', 'keys:admin'],
      organizationId,
    });
    const { apiKey, client } = await createKey(service.client);
    const theirs = await createKey(other);
    expect((await whoAmI(theirs.client)).organizationId).toBe(organizationId);
    expect((await listKeys(other)).nodes.map(({ name }) => name)).toEqual(['CI', 'other']);
    expect((await listKeys(other)).totalCount).toBe(2);
    const unknown = await tryRevokeKey(other, uuidv7());
    const foreign = await tryRevokeKey(other, apiKey.id);
    expect(unknown.errors?.[0]?.extensions.code).toBe('NOT_FOUND');
    expect(foreign.errors).toEqual(unknown.errors);
    const query = 'query ($id: ID!) { node(id: $id) { id } }';
    expect(await other.ask(query, { id: apiKey.id })).toEqual({ node: null });
    await sleep(1_100);
    expect(await statusOf(client)).toBe(200);
    const { endCursor } = (await listKeys(service.client, { first: 1 })).pageInfo;
    const beyond = await listKeys(other, { after: endCursor ?? '' });
    expect(beyond.nodes.map(({ id }) => id)).not.toContain(apiKey.id);
  });
});
