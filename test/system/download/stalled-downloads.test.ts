import { randomBytes } from 'node:crypto';
import { readdirSync, readlinkSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { insertOrganization } from '../../service/live/insert-organization.js';
import { eventually } from '../../service/live/live-client.js';
import type { Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { RawConnection, requestHead } from '../../support/raw-http.js';
import { startService, type TestService } from '../../support/service.js';

/** More than the system takes in for a client that does not read. */
const content = randomBytes(24 * 1024 * 1024);

/** Stored files that this process has open. */
function openFiles(dataDirectory: string): number {
  const targets = readdirSync('/proc/self/fd').map((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`);
    } catch {
      return '';
    }
  });
  return targets.filter((target) => target.startsWith(`${dataDirectory}/files`)).length;
}

const get = (target: string, headers: Record<string, string> = {}) => {
  const { host, pathname, search } = new URL(target);
  const lines = Object.entries({ Host: host, ...headers }).map(([name, value]) => `${name}: ${value}`);
  return [`GET ${pathname}${search} HTTP/1.1`, ...lines, '', ''].join('\r\n');
};

/** Asks again until that is the answer. */
async function until(status: number, get: () => Promise<Response>): Promise<void> {
  for (const end = Date.now() + 30_000; ; await sleep(20)) {
    const answer = await get();
    await answer.arrayBuffer();
    if (answer.status === status) return;
    if (Date.now() > end) throw new Error(`Still ${answer.status}.`);
  }
}

describe('downloads that are not read', () => {
  let service: TestService;
  let signed: string;
  let url: string;
  beforeEach(async () => {
    service = await startService({
      STALL_TIMEOUT_SECONDS: '5',
      MAX_CONCURRENT_DOWNLOADS: '20',
      STORAGE_URL: '',
    });
    ({ url } = await service.client.upload({ name: 'a.bin', content }));
    const { attachments } = await service.client.ask<{ attachments: { nodes: { downloadUrl: string }[] } }>(
      '{ attachments { nodes { downloadUrl } } }',
    );
    signed = attachments.nodes[0]?.downloadUrl ?? '';
  });
  afterEach(() => service.close());

  /** Resolves once the answer has begun; nothing more is read of it. */
  async function stall(target: string, headers: Record<string, string> = {}): Promise<Socket> {
    const { hostname, port } = new URL(target);
    const socket = connect(Number(port), hostname).on('error', () => undefined);
    socket.write(get(target, headers));
    await new Promise<void>((resolve) => socket.once('readable', resolve));
    return socket;
  }

  test('are refused past a bound, leave no file open, and are cut off', async () => {
    const stalled = await Promise.all(Array.from({ length: 20 }, () => stall(signed)));
    await until(429, () => fetch(signed, { headers: { range: 'bytes=0-9' } }));
    await eventually(() => openFiles(service.dataDirectory) === 0);
    const refused = await fetch(signed);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1']);
    expect(await refused.json()).toMatchObject({
      errors: [
        { extensions: { code: 'RATE_LIMITED', limit: 20, details: [{ type: 'too_many_downloads' }] } },
      ],
    });
    // Whoever has a credential is counted apart; what sends no bytes takes no place.
    expect((await fetch(url, { method: 'HEAD', headers: service.client.headers })).status).toBe(200);
    expect((await fetch(signed, { method: 'HEAD' })).status).toBe(200);
    expect((await fetch(signed, { headers: { range: 'bytes=99999999-' } })).status).toBe(416);
    const own = await service.client.download(url);
    expect((await own.arrayBuffer()).byteLength).toBe(content.length);

    // They are closed by the service: only then are their places free.
    await until(206, () => fetch(signed, { headers: { range: 'bytes=0-9' } }));
    const cutOff = () => service.logLines.filter((line) => line.includes('the answer is not taken'));
    await eventually(() => cutOff().length === stalled.length, 30_000);
    for (const socket of stalled) socket.destroy();
  }, 60_000);

  test('are counted by the principal of a credential, however it is written', async () => {
    const spellings = ['Bearer', 'bearer', 'Basic', 'Basic  '];
    const stalled = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        stall(url, { Authorization: `${spellings[index % 4]} ${service.key}` }),
      ),
    );
    const own = () => fetch(url, { headers: { ...service.client.headers, range: 'bytes=0-9' } });
    await until(429, own);
    for (const socket of stalled) socket.resetAndDestroy();
    await until(206, own);
  }, 60_000);

  test('leave room for other organizations, whatever the number of credentials of the one', async () => {
    await using many = await startService({ MAX_CONCURRENT_DOWNLOADS: '4', STORAGE_URL: '' });
    const { url: own } = await many.client.upload(
      { name: 'a.bin', content },
      { record: { type: 'Task', id: '1' } },
    );
    const other = await newClient(many, { organizationId: await insertOrganization(many.dataDirectory) });
    const { url: theirs } = await other.upload({ name: 'b.bin', content });
    const clients: Client[] = [];
    while (clients.length < 5) clients.push(await newClient(many));
    const stalls = clients.flatMap(({ headers }) => [1, 2, 3, 4].map(() => stall(own, headers)));
    const stalled = await Promise.all(stalls);
    const range = { range: 'bytes=0-9' };
    const askOwn = () => fetch(own, { headers: { ...many.client.headers, ...range } });
    await until(429, askOwn);
    const refused = await askOwn();
    expect(await refused.json()).toMatchObject({ errors: [{ extensions: { limit: 20 } }] });
    expect((await fetch(theirs, { headers: { ...other.headers, ...range } })).status).toBe(206);
    for (const socket of stalled) socket.destroy();
  }, 60_000);

  test('for a while go on where they were, also after the file was closed', async () => {
    const socket = await stall(signed, { Connection: 'close' });
    const chunks: Buffer[] = [];
    let received = 0;
    await eventually(() => openFiles(service.dataDirectory) === 0);
    // Slower than the service sends, and with a rest on the way, but above the minimum.
    for await (const chunk of socket) {
      chunks.push(chunk as Buffer);
      const before = Math.floor(received / 4_000_000);
      received += (chunk as Buffer).length;
      if (Math.floor(received / 4_000_000) > before) await sleep(1_300);
    }
    const answer = Buffer.concat(chunks);
    const body = answer.subarray(answer.indexOf('\r\n\r\n') + 4);
    expect(body.equals(content)).toBe(true);
  }, 60_000);
});

test('an answer that is not read is cut off, whatever it is', async () => {
  await using service = await startService({ STALL_TIMEOUT_SECONDS: '1' });
  const { id } = await service.client.upload({ name: 'a.txt', content: 'a' });
  const description = 'x'.repeat(10_000);
  await service.client.ask(
    'mutation ($input: UpdateAttachmentInput!) { updateAttachment(input: $input) { __typename } }',
    { input: { attachmentId: id, description } },
  );
  const raws = Array.from({ length: 40 }, (_, index) => `d${index}: description { raw }`).join(' ');
  const body = JSON.stringify({ query: `{ attachment(id: "${id}") { ${raws} } }` });
  const head = requestHead('/graphql', {
    ...service.client.headers,
    'Content-Type': 'application/json',
    'Content-Length': body.length,
  });
  const connection = await RawConnection.open(service.url);
  connection.stopReading();
  // More than the system takes in for a client that does not read.
  for (let time = 0; time < 40; time += 1) await connection.send(head + body);
  const isCutOff = (line: string) => /the answer is not taken|the client has gone/.test(line);
  await eventually(() => service.logLines.some(isCutOff), 30_000);
  connection.startReading();
  await connection.closed();
}, 60_000);
