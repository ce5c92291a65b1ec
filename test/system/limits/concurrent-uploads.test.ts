import { setTimeout as sleep } from 'node:timers/promises';
import { insertOrganization } from '../../service/live/insert-organization.js';
import type { Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { formBody, formHeaders, graphqlForm, RawConnection, requestHead } from '../../support/raw-http.js';
import { startService, type TestService } from '../../support/service.js';
import { mapOne, uploadOne } from '../pitfalls/upload-session.js';
import { createTarget } from './direct-target.js';

const max = 2;
const content = Buffer.alloc(400_000, 'x');

describe('MAX_CONCURRENT_UPLOADS', () => {
  let service: TestService;
  let held: RawConnection[];
  beforeEach(async () => {
    service = await startService({ MAX_CONCURRENT_UPLOADS: `${max}` });
    held = [];
  });
  afterEach(async () => {
    for (const connection of held) connection.destroy();
    await service.close();
  });

  type Door = 'multipart' | 'json' | 'direct';

  /** A request of this kind, its head and its body. */
  async function requestOf(door: Door, client = service.client): Promise<[head: string, body: Buffer]> {
    if (door === 'direct') {
      const { url, headers } = await createTarget(client, content);
      const head = requestHead(new URL(url).pathname, { ...headers, 'Content-Length': content.length });
      return [head.replace('POST', 'PUT'), content];
    }
    const isForm = door === 'multipart';
    const query = `mutation ($base64: String!) {
      createAttachment(input: { fileName: "a.txt", content: { base64: $base64 } }) { attachment { id } } }`;
    const body = isForm
      ? formBody(graphqlForm(uploadOne, mapOne, [{ content }]))
      : Buffer.from(JSON.stringify({ query, variables: { base64: content.toString('base64') } }));
    const headers = isForm
      ? { 'Apollo-Require-Preflight': 'true', ...formHeaders(body.length) }
      : { 'Content-Type': 'application/json', 'Content-Length': body.length };
    return [requestHead('/graphql', { ...client.headers, ...headers }), body];
  }

  /** Begins an upload and leaves it at that; resolves with how to end it. */
  async function hold(door: Door, client?: Client): Promise<() => Promise<number>> {
    const [head, body] = await requestOf(door, client);
    const connection = await RawConnection.open(service.url);
    held.push(connection);
    await connection.send(head);
    await connection.send(body.subarray(0, 100_000));
    await sleep(100);
    return async () => {
      await connection.send(body.subarray(100_000));
      return (await connection.response()).status;
    };
  }

  /** The answer to the head of an upload alone. */
  async function attempt(door: Door, client?: Client) {
    const [head] = await requestOf(door, client);
    const connection = await RawConnection.open(service.url);
    held.push(connection);
    await connection.send(head);
    const { status, headers, body } = await connection.response();
    return { status, retryAfter: headers.get('retry-after'), body: JSON.parse(body) as unknown };
  }

  test.each<[Door, Door, Door]>([
    ['multipart', 'json', 'direct'],
    ['json', 'direct', 'multipart'],
    ['direct', 'multipart', 'json'],
  ])(
    '%s and %s fill it; %s is refused before its body is read, until one has ended',
    async (first, second, third) => {
      const endFirst = await hold(first);
      const endSecond = await hold(second);
      for (const door of [first, second, third]) {
        expect(await attempt(door)).toMatchObject({
          status: 429,
          retryAfter: '1',
          body: {
            errors: [
              { extensions: { code: 'RATE_LIMITED', limit: max, details: [{ type: 'too_many_uploads' }] } },
            ],
          },
        });
      }
      // Neither other requests nor other credentials are concerned.
      await service.client.ask('{ viewer { organizationId } }');
      await (await newClient(service)).upload({ content: 'other' });

      expect(await endFirst()).toBe(first === 'direct' ? 201 : 200);
      const endThird = await hold(third);
      expect(await endSecond()).toBe(second === 'direct' ? 201 : 200);
      expect(await endThird()).toBe(third === 'direct' ? 201 : 200);
      await service.client.upload({ content: 'last' });
    },
  );

  test('an organization with many credentials has five times as many, and leaves room for others', async () => {
    const other = await newClient(service, {
      organizationId: await insertOrganization(service.dataDirectory),
    });
    const clients: Client[] = [];
    while (clients.length < 6) clients.push(await newClient(service));
    const doors: Door[] = ['multipart', 'json', 'direct'];
    const ends: (() => Promise<number>)[] = [];
    for (const client of clients.slice(1))
      for (const _ of [1, 2]) ends.push(await hold(doors[ends.length % 3] ?? 'json', client));
    for (const door of doors)
      expect(await attempt(door, clients[0])).toMatchObject({
        status: 429,
        body: { errors: [{ extensions: { limit: 5 * max, details: [{ type: 'too_many_uploads' }] } }] },
      });
    await other.upload({ content: 'another organization’s' });
    await ends[0]?.();
    await clients[0]?.upload({ content: 'after' });
  });

  test.each<Door>(['multipart', 'json', 'direct'])(
    'a client that goes away frees its place: %s',
    async (door) => {
      for (let index = 0; index < 3 * max; index += 1) {
        await hold(door);
        held.pop()?.abort();
        await sleep(100);
      }
      await service.client.upload({ content: 'after' });
    },
  );
});
