import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorTable } from '../../../src/errors.js';
import type { AnswerError } from '../../support/client.js';
import { RawConnection, type RawResponse, requestHead } from '../../support/raw-http.js';
import { startService, type TestService } from '../../support/service.js';
import { get, query, type Refusal, refusals, unreadable } from './refusals.js';

const megabyte = 1024 * 1024;
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

describe('a refusal', () => {
  let service: TestService;
  let connection: RawConnection;
  beforeAll(async () => {
    service = await startService();
  });
  afterAll(() => service.close());
  beforeEach(async () => {
    connection = await RawConnection.open(service.url);
  });
  afterEach(() => connection.destroy());

  test.each(Object.entries(refusals))('for %s', async (_name, refusal) => {
    await connection.send(refusal.request);
    const response = await connection.response();
    expectRefusal(response, refusal);
    expect(response.headers.get('connection')).not.toBe('close');
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    const challenge =
      refusal.status === 401 ? 'Bearer realm="claimcheck", Basic realm="claimcheck"' : undefined;
    expect(response.headers.get('www-authenticate')).toBe(challenge);

    await connection.send(query('{ __typename }'));
    expect((await connection.response()).body).toContain('"data":{"__typename":"Query"}');
  });

  test.each(Object.entries(unreadable))('for %s', async (_name, refusal) => {
    await connection.send(refusal.request);
    const response = await connection.response();
    expectRefusal(response, refusal);
    expect(response.headers.get('connection')).toBe('close');
    await connection.closed();
  });

  test.each(['/nothing', '/attachments', '/uploads/token', '/console/old.js', '/s/token', '/graphql/stream'])(
    'to GET %s is kept by no cache',
    async (path) => {
      const { ok, headers } = await fetch(`${service.url}${path}`);
      expect({ ok, caching: headers.get('cache-control') }).toEqual({ ok: false, caching: 'no-store' });
    },
  );

  test('is not the answer to HTTP/1.0 without a host', async () => {
    await connection.send('GET /health/live HTTP/1.0\r\n\r\n');
    expect((await connection.response()).status).toBe(200);
  });

  test('reaches a client that reads only once it has sent all, even where the connection ends with it', async () => {
    const { hostname, port } = new URL(service.url);
    const socket = connect(Number(port), hostname).pause();
    const body = Buffer.alloc(32 * megabyte, ' ');
    const headers = {
      Connection: 'close',
      'Content-Type': 'application/json',
      'Content-Length': body.length,
    };
    socket.write(requestHead('/graphql', headers));
    await new Promise<unknown>((resolve) => socket.once('error', resolve).write(body, resolve));
    const received = await text(socket);
    expect(received).toMatch(/^HTTP\/1\.1 413 .+REQUEST_TOO_LARGE/s);
  });

  test('is not mixed into an answer under way', async () => {
    const { url } = await service.client.upload({ content: Buffer.alloc(16 * megabyte, 'abcdefgh') });
    const { hostname, port, pathname } = new URL(url);
    const socket = connect(Number(port), hostname);
    socket.write(get(pathname, `Authorization: Bearer ${service.key}\r\n`));
    const received: Buffer[] = [];
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      if (received.push(chunk) === 1) socket.write('no HTTP at all\r\n\r\n');
      await sleep(1);
    }
    const answer = Buffer.concat(received).toString();
    expect(answer.slice(0, 15)).toBe('HTTP/1.1 200 OK');
    expect(answer.lastIndexOf('HTTP/1.1')).toBe(0);
    expect(answer.length).toBeLessThan(16 * megabyte);
  });
});

function expectRefusal({ status, headers, body }: RawResponse, expected: Refusal): void {
  expect(headers.get('content-type')).toMatch(/^application\/json(; charset=utf-8)?$/);
  expect(headers.get('x-request-id')).toMatch(uuid);
  const { errors } = JSON.parse(body) as { errors: AnswerError[] };
  expect(errors.length).toBeGreaterThan(0);
  for (const { message, extensions, ...others } of errors) {
    expect(message).toMatch(/\w.+/);
    expect(Object.keys(errorTable)).toContain(extensions.code);
    for (const detail of extensions.details) {
      expect(detail).toEqual({
        loc: expect.any(Array),
        msg: expect.any(String),
        type: expect.stringMatching(/^[a-z_]+$/),
      });
    }
    expect(Object.keys(extensions).filter((key) => !['code', 'details', 'limit'].includes(key))).toEqual([]);
    expect(Object.keys(others).filter((key) => !['path', 'locations'].includes(key))).toEqual([]);
  }
  const [first] = errors;
  expect({
    status,
    code: first?.extensions.code,
    ...('type' in expected ? { type: first?.extensions.details[0]?.type } : {}),
    ...('limit' in expected ? { limit: first?.extensions.limit } : {}),
  }).toEqual({ ...expected, request: undefined });
  expect(body).not.toMatch(/node_modules|\/src\/|\.js\b|SELECT|SQLITE|\/tmp\/|\s{4}at /);
}
