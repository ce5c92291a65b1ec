import { setTimeout as sleep } from 'node:timers/promises';
import { beginUpload } from '../../support/begin-upload.js';
import { Client } from '../../support/client.js';
import { startService, type TestService } from '../../support/service.js';
import { storedFiles } from '../../support/stored-files.js';
import { claims, secret, sign } from '../../system/auth/tokens.js';
import { openLive } from '../live/live-client.js';
import { createKey, statusOf, tryRevokeKey } from './key-operations.js';

const permissions = ['attachments:read', 'attachments:write'];
const record = { type: 'Case', id: '1' };
let now = Date.now();
let service: TestService;
beforeAll(async () => {
  service = await startService(
    { JWT_SECRET: secret, JWT_CREATE_ORGANIZATIONS: 'true' },
    { clock: () => new Date(now) },
  );
});
afterAll(() => service.close());

async function signedUrl(client: Client, expiresIn = 300, id?: string): Promise<string> {
  const attachment = id ?? (await client.upload({ content: 'x', name: 'x.txt' }, { record })).id;
  for (;;) {
    const { attachment: found } = await client.ask<{ attachment: { downloadUrl: string | null } }>(
      'query ($id: ID!, $expiresIn: Int!) { attachment(id: $id) { downloadUrl(expiresIn: $expiresIn) } }',
      { id: attachment, expiresIn },
    );
    if (found.downloadUrl !== null) return found.downloadUrl;
    await sleep(20);
  }
}

/** Half of it has come and been admitted. Returns how to send the rest, which resolves with the status. */
async function beginAdmitted(client: Client, content: Buffer): Promise<() => Promise<number>> {
  const { sent, finish } = beginUpload(client, content);
  await sent;
  await sleep(300);
  return async () => (await finish()).status;
}

describe('a key that is revoked', () => {
  test('is refused by the very next request', async () => {
    const { apiKey, client } = await createKey(service.client, { permissions });
    const { url } = await client.upload({ content: 'x' });
    for (let time = 0; time < 3; time += 1) expect(await statusOf(client)).toBe(200);
    await tryRevokeKey(service.client, apiKey.id);
    expect(await statusOf(client)).toBe(401);
    expect((await client.download(url)).status).toBe(401);
  });

  test('ends its WebSockets without waiting for anybody to look, and no others', async () => {
    const [revoked, kept] = [await createKey(service.client), await createKey(service.client)];
    const live = await openLive(service.url, revoked.client.key ?? '');
    const other = await openLive(service.url, kept.client.key ?? '');
    await tryRevokeKey(service.client, revoked.apiKey.id);
    for (let time = 0; time < 20 && live.closed === null; time += 1) await statusOf(service.client);
    expect(live.closed).toMatchObject({ code: 4403 });
    expect(other.closed).toBeNull();
    other.close();
  });

  test('takes the signed URLs along that it has made, and those alone', async () => {
    const { apiKey, client } = await createKey(service.client, { permissions });
    const { id } = await client.upload({ content: 'x', name: 'x.txt' }, { record });
    const [own, others] = [await signedUrl(client, 300, id), await signedUrl(service.client, 300, id)];
    expect((await fetch(own)).status).toBe(200);
    await tryRevokeKey(service.client, apiKey.id);
    for (const method of ['GET', 'HEAD']) expect((await fetch(own, { method })).status).toBe(403);
    expect(await (await fetch(own)).text()).toContain('signature_revoked');
    expect((await fetch(others)).status).toBe(200);
  });

  test('ends the upload targets that it has made, one whose bytes are on their way too, and those alone', async () => {
    const { apiKey, client } = await createKey(service.client, { permissions });
    const create = `mutation { createUploadTarget(input: { fileName: "a.txt", size: 4 }) { target { url documentKey } } }`;
    const make = async (by: Client) =>
      (await by.ask<{ createUploadTarget: { target: { url: string; documentKey: string } } }>(create))
        .createUploadTarget.target;
    const [idle, busy, others] = [await make(client), await make(client), await make(service.client)];
    const before = await storedFiles(service.dataDirectory);
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    const sent = fetch(busy.url, { method: 'PUT', body: readable, duplex: 'half' });
    await writer.write(Buffer.from('ab'));
    const stateOf = 'query ($documentKey: String!) { uploadTarget(documentKey: $documentKey) { state } }';
    for (let state = ''; state !== 'RECEIVING'; ) {
      const found = await client.ask<{ uploadTarget: { state: string } }>(stateOf, busy);
      state = found.uploadTarget.state;
    }
    await tryRevokeKey(service.client, apiKey.id);
    await writer.write(Buffer.from('cd'));
    await writer.close();
    for (const answer of [await sent, await fetch(idle.url, { method: 'PUT', body: 'abcd' })])
      expect([answer.status, await answer.text()]).toEqual([
        403,
        expect.stringContaining('signature_revoked'),
      ]);
    // Cleaning may take away what was there.
    expect(before).toEqual(expect.arrayContaining(await storedFiles(service.dataDirectory)));
    expect((await fetch(others.url, { method: 'PUT', body: 'abcd' })).status).toBe(201);
  });

  test('stops an upload under way at its next step, with nothing stored', async () => {
    const before = (await storedFiles(service.dataDirectory)).length;
    const { apiKey, client } = await createKey(service.client, { permissions });
    const answer = await beginAdmitted(client, Buffer.alloc(3_000_000, 7));
    await tryRevokeKey(service.client, apiKey.id);
    expect(await answer()).toBe(401);
    expect(await storedFiles(service.dataDirectory)).toHaveLength(before);
  });
});

test('a key that expires ends its signed URLs, is no longer cached, and stops its uploads', async () => {
  const expiresAt = new Date(now + 60_000).toISOString();
  const { client } = await createKey(service.client, { permissions, expiresAt });
  const url = await signedUrl(client, 3_600);
  const good = await fetch(url);
  expect(good.headers.get('cache-control')).toMatch(/^private, max-age=(5\d|60)$/);
  const answer = await beginAdmitted(client, Buffer.alloc(100_000, 7));
  now += 60_000;
  expect((await fetch(url)).status).toBe(403);
  expect(await answer()).toBe(401);
  now -= 60_000;
});

test("a user's signed URL outlives the token, as an upload does, and the audit says whose it was", async () => {
  const user = new Client(service.url, await sign(claims({ sub: 'anna@example.com', exp: seconds(30) })));
  const admin = new Client(
    service.url,
    await sign(claims({ sub: 'root', permissions: ['attachments:admin'] })),
  );
  const url = await signedUrl(user);
  const answer = await beginAdmitted(user, Buffer.alloc(100_000, 7));
  now += 120_000;
  expect(await statusOf(user)).toBe(401);
  expect(await answer()).toBe(200);
  expect((await fetch(url)).status).toBe(200);
  now -= 120_000;
  const downloads = async () => {
    const { auditLog } = await admin.ask<{ auditLog: { nodes: { principal: unknown; details: unknown }[] } }>(
      '{ auditLog(filter: { action: [ATTACHMENT_DOWNLOADED] }) { nodes { principal { id } details } } }',
    );
    return auditLog.nodes;
  };
  while ((await downloads()).length === 0) await sleep(50);
  expect(await downloads()).toEqual([
    { principal: null, details: { by: 'SIGNED_URL', madeBy: 'anna@example.com' } },
  ]);
});

const seconds = (from: number) => Math.floor(now / 1_000) + from;

test('the same is signed with the same URL for a while, and every copy of a field too', async () => {
  now = Date.parse('2030-01-01T00:00:00.500Z');
  const { id } = await service.client.upload({ content: 'x', name: 'x.txt' }, { record });
  const first = await signedUrl(service.client, 300, id);
  now += 60_000;
  expect(await signedUrl(service.client, 300, id)).toBe(first);
  expect((await fetch(first)).headers.get('cache-control')).toMatch(/^private, max-age=\d+$/);
  now += 60_000;
  expect(await signedUrl(service.client, 300, id)).not.toBe(first);
  expect(await signedUrl(service.client, 3_600, id)).not.toBe(first);
});
