import { setTimeout as sleep } from 'node:timers/promises';
import { createMemoryStorage } from '../../../src/storage/memory.js';
import { Client } from '../../support/client.js';
import { formBody, formHeaders, graphqlForm, RawConnection, requestHead } from '../../support/raw-http.js';
import { report } from '../../support/report.js';
import { randomKey, startService, type TestService } from '../../support/service.js';
import { openTestDatabase } from '../../support/test-database.js';
import { secret as jwtSecret, sign } from '../auth/tokens.js';
import { holdsPieceOf, textOf } from '../http/secrets-in-text.js';
import { createTarget } from './direct-target.js';

const content = 'Nobody but the two of us may read this sentence.';
const signingSecret = 'signing-secret-of-the-test-0123456789';
const webhookSecret = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;
const hookToken = 'hook-token-5f2c9ad81b';

describe('the whole log', () => {
  const storage = createMemoryStorage();
  const secrets = new Map<string, string>([
    ['content', content],
    ['secret of tokens', jwtSecret],
    ['secret of URLs', signingSecret],
    ['secret of webhooks', webhookSecret.slice('whsec_'.length)],
    ['token in the address of a webhook', hookToken],
  ]);
  let service: TestService;
  let requests = 0;

  beforeAll(async () => {
    service = await startService(
      {
        LOG_LEVEL: 'trace',
        JWT_SECRET: jwtSecret,
        SIGNING_SECRET: signingSecret,
        WEBHOOK_SECRET: webhookSecret,
        WEBHOOK_ALLOW_PRIVATE: 'true',
        WEBHOOK_RETRY_SECONDS: '0',
        RATE_LIMIT_PER_MINUTE: '200',
        FAILED_LOGINS_PER_MINUTE: '5',
        OPERATIONS_TIMEOUT_SECONDS: '1',
        STALL_TIMEOUT_SECONDS: '1',
        MAX_FILE_SIZE: '1000000',
      },
      { storage },
    );
    secrets.set('key', service.key).set('forged key', randomKey());
  });
  afterAll(() => service.close());

  async function ask(path: string, init: RequestInit = {}): Promise<void> {
    requests += 1;
    await (await fetch(new URL(path, service.url), init)).arrayBuffer();
  }

  async function sendRaw(text: string): Promise<void> {
    requests += 1;
    const connection = await RawConnection.open(service.url);
    await connection.send(text);
    await connection.response(5_000).catch(() => undefined);
    connection.destroy();
  }

  const post = (body: unknown, headers: Record<string, string> = service.client.headers): Promise<void> =>
    ask('/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });

  test('has no secret in it after requests of every kind', async () => {
    const second = await meetSecond();
    await uploadAndFetch();
    await useCredentials();
    await misplaceKeys();
    await passLimits();
    await crash(second);
    await sleep(300);
    const texts = service.logLines.map((line) => textOf(JSON.parse(line)));
    for (const [name, secret] of secrets) {
      expect({ name, found: texts.filter((text) => holdsPieceOf(secret, text)) }).toEqual({
        name,
        found: [],
      });
    }
    expect(service.logLines.length).toBeGreaterThan(requests);
    report(`${requests} requests, ${texts.length} log lines, ${secrets.size} secrets looked for`);
  });

  async function meetSecond(): Promise<Client> {
    const permissions = ['attachments:read', 'attachments:write'];
    const token = await sign({ exp: 4_000_000_000, sub: 'eve', org: 'org', permissions });
    secrets.set('second token', token.slice(token.lastIndexOf('.') + 1));
    await post({ query: '{ viewer { organizationId } }' }, { authorization: `Bearer ${token}` });
    return new Client(service.url, token);
  }

  async function uploadAndFetch(): Promise<void> {
    const webhooks = [
      { uri: `http://127.0.0.1:9/hook?token=${hookToken}`, interactions: ['ATTACHMENT_APPROVED'] },
    ];
    const { id, url } = await service.client.upload({ content, name: 'plan.txt' }, { webhooks });
    requests += 3;
    const { attachment } = await service.client.ask<{ attachment: { downloadUrl: string } }>(
      `{ attachment(id: "${id}") { downloadUrl } }`,
    );
    secrets.set('signature', new URL(attachment.downloadUrl).searchParams.get('signature') ?? '');
    await ask(attachment.downloadUrl);
    await ask(`${attachment.downloadUrl}x`);
    await ask(attachment.downloadUrl.replace('/attachments/', '/attachment/'));
    await ask(url, { headers: service.client.headers });
    const { url: target, headers } = await createTarget(service.client, content);
    const token = target.slice(target.lastIndexOf('/') + 1);
    secrets.set('signature of an upload token', token.slice(token.indexOf('.') + 1));
    await ask(`${target}x`, { method: 'PUT', headers, body: content });
    await ask(`/uploads//${token}`, { method: 'PUT', headers, body: content });
    await ask(`/upload/${token}`, { method: 'PUT', headers, body: content });
    await ask(target, { method: 'PUT', headers: { 'content-type': content }, body: content });
    await sendRaw(
      `${requestHead(new URL(target).pathname, { 'Content-Type': 'text/plain', 'Content-Length': content.length }).replace('POST', 'PUT')}${content.slice(0, 20)}`,
    );
    await ask(target, { method: 'PUT', headers, body: content });
  }

  async function useCredentials(): Promise<void> {
    const made = await service.client.ask<{ createApiKey: { secret: string } }>(
      'mutation { createApiKey(input: { name: "other", permissions: ["attachments:read"] }) { secret } }',
    );
    secrets.set('key made over GraphQL', made.createApiKey.secret);
    const token = await sign({
      exp: 4_000_000_000,
      sub: 'ada',
      org: 'org',
      permissions: [],
      iss: 'x',
      aud: 'y',
    });
    secrets.set('token', token.slice(token.lastIndexOf('.') + 1));
    const query = { query: '{ viewer { organizationId } }' };
    for (const credential of [made.createApiKey.secret, token, `${token}x`, secrets.get('forged key') ?? ''])
      for (const scheme of ['Bearer', 'Basic', ''])
        await post(query, { authorization: `${scheme} ${credential}`.trim() });
  }

  async function misplaceKeys(): Promise<void> {
    const { key } = service;
    const forged = new Client(service.url, secrets.get('forged key') ?? '');
    for (const name of [
      'cookie',
      'user-agent',
      'x-api-key',
      'x-request-id',
      'x-forwarded-for',
      'referer',
      'x-apollo-operation-name',
    ])
      await post({ query: '{' }, { [name]: key });
    await post({ query: `{ ${key} }` });
    await post({ query: `query ${key} { viewer { organizationId } }`, operationName: key });
    await post({
      query: 'query ($id: ID!) { attachment(id: $id) { id } }',
      variables: { id: key, [key]: key },
    });
    await post({
      query: 'query ($id: ID!) { attachment(id: $id) { id } }',
      variables: { id: [key, content] },
    });
    await post(`{"query": "${key}", ${content}`);
    await ask(`/graphql?query={viewer}&key=${key}`, { headers: { 'apollo-require-preflight': key } });
    await ask(`/attachments/x/y?authorization=${key}`, { headers: forged.headers });
    await service.client.tryUpload({ content, name: `${content}\u202e.txt` }).catch(() => undefined);
    await sendRaw(`GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\nbroken ${content}\r\n\r\n`);
    await sendRaw(`GET /?key=${key}${'x'.repeat(20_000)} HTTP/1.1\r\n\r\n`);
    const form = formBody(
      graphqlForm({ query: `{ ${key} }`, variables: { f: null } }, { 0: ['variables.f'] }, [{ content }]),
    );
    const head = requestHead('/graphql', {
      Authorization: `Bearer ${key}`,
      'Apollo-Require-Preflight': '1',
      ...formHeaders(form.length),
    });
    await sendRaw(head + form.toString().slice(0, -30));
    await sendRaw(head + form.toString().replace('"map"', `"${key}"`));
  }

  async function passLimits(): Promise<void> {
    const { key } = service;
    await post({
      query: `{ ${Array.from({ length: 60 }, (_, index) => `${key.slice(4, 20).replaceAll('-', '_')}${index}: viewer { organizationId }`).join(' ')} }`,
    });
    const long = Buffer.from(content.repeat(8_000)).toString('base64');
    const query =
      'mutation ($t: String!) { createAttachment(input: { fileName: "a.txt", content: { base64: $t } }) { attachment { id } } }';
    for (const t of [long, `${long}!`, long.repeat(5), content]) await post({ query, variables: { t } });
    for (let index = 0; index < 200; index += 1) await post({ query: '{ viewer { organizationId } }' });
  }

  /** With a credential of its own, since the first has been used up. */
  async function crash(client: Client): Promise<void> {
    const { create } = storage;
    storage.create = async () => {
      throw Object.assign(new Error('The disk is on fire.'), { path: '/somewhere' });
    };
    await client.tryUpload({ content, name: 'plan.txt' });
    storage.create = create;
    const database = await openTestDatabase(service.dataDirectory);
    await database.write((manager) => manager.query('DROP TABLE webhook_subscriptions'));
    await database.close();
    const webhooks = [
      { uri: `http://127.0.0.1:9/hook?token=${hookToken}`, interactions: ['ATTACHMENT_APPROVED'] },
    ];
    const { errors } = await client.tryUpload({ content, name: 'plan.txt' }, { webhooks });
    expect(errors?.[0]?.extensions.code).toBe('INTERNAL_SERVER_ERROR');
    requests += 2;
  }
});
