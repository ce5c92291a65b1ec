import { request as ask, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually, onAttachment, onRecord } from '../../service/live/live-client.js';
import { LiveSocket } from '../../service/live/live-socket.js';
import { StreamClient } from '../../service/live/stream-client.js';
import type { AnswerError } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { RawConnection } from '../../support/raw-http.js';
import { startService, type TestService } from '../../support/service.js';

const tokenHeader = 'x-graphql-event-stream-token';
const viewer = '{ viewer { organizationId } }';
const eventStream = { accept: 'text/event-stream' };

const target = ({ url }: TestService, parameters = '') => `${url}/graphql/stream${parameters}`;
const asked = (query: string) => `?query=${encodeURIComponent(query)}`;

interface Sent extends Omit<RequestInit, 'headers'> {
  headers?: Record<string, string>;
  parameters?: string;
  key?: string | null;
}

async function send(service: TestService, { headers, parameters = '', key = service.key, ...sent }: Sent) {
  const answer = await fetch(target(service, parameters), {
    ...sent,
    headers: { ...(key === null ? {} : { authorization: `Bearer ${key}` }), ...headers },
  });
  const body = await answer.text();
  const isJson = body !== '' && /json/.test(answer.headers.get('content-type') ?? '');
  const { errors } = (isJson ? JSON.parse(body) : {}) as { errors?: AnswerError[] };
  const { code, details } = errors?.[0]?.extensions ?? { details: [] };
  return { status: answer.status, body, code, type: details[0]?.type, headers: answer.headers };
}

const reserve = (service: TestService, key = service.key) => send(service, { method: 'PUT', key });

function post(service: TestService, payload: unknown, { headers, ...sent }: Sent = {}) {
  const body = typeof payload === 'string' ? payload : JSON.stringify(payload);
  return send(service, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', ...headers },
    ...sent,
  });
}

describe('a request that is not of the protocol', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startService();
  });
  afterAll(async () => {
    expect(service.logLines.filter((line) => /masked error|"level":50/.test(line))).toEqual([]);
    await service.close();
  });

  const json = { 'content-type': 'application/json' };
  const preflight = { 'apollo-require-preflight': 'true' };
  const notOfIt = { status: 400, code: 'BAD_USER_INPUT', type: 'event_stream' };
  const noStream = { status: 404, code: 'NOT_FOUND', type: 'not_found' };
  const csrf = { status: 400, type: 'csrf' };

  test.each<[string, Sent, object]>([
    ['accepts no stream', { method: 'POST', headers: json, body: `{"query":"${viewer}"}` }, notOfIt],
    ['asks nothing', { method: 'POST', headers: { ...json, ...eventStream }, body: '{}' }, notOfIt],
    ['asks a number', { method: 'POST', headers: { ...json, ...eventStream }, body: '{"query":1}' }, notOfIt],
    [
      'has variables that are a list',
      { method: 'POST', headers: { ...json, ...eventStream }, body: '{"query":"{a}","variables":[]}' },
      notOfIt,
    ],
    ['is a list', { method: 'POST', headers: { ...json, ...eventStream }, body: '[]' }, notOfIt],
    ['is null', { method: 'POST', headers: { ...json, ...eventStream }, body: 'null' }, notOfIt],
    [
      'is no JSON',
      { method: 'POST', headers: { ...json, ...eventStream }, body: '{' },
      { status: 400, type: 'json_invalid' },
    ],
    [
      'is too large',
      { method: 'POST', headers: { ...json, ...eventStream }, body: ' '.repeat(2 ** 25) },
      { status: 413, type: 'too_large' },
    ],
    [
      'reserves with too large a body',
      { method: 'PUT', headers: json, body: ' '.repeat(2 ** 25) },
      { status: 413, type: 'too_large' },
    ],
    [
      'is a form',
      {
        method: 'POST',
        headers: { ...preflight, 'content-type': 'multipart/form-data; boundary=b' },
        body: '--b--',
      },
      { status: 400, type: 'media_type' },
    ],
    [
      'is a simple text',
      {
        method: 'POST',
        headers: { 'content-type': 'text/plain', ...eventStream },
        body: `{"query":"${viewer}"}`,
      },
      csrf,
    ],
    ['queries by GET without a preflight', { parameters: asked(viewer), headers: eventStream }, csrf],
    [
      'would be a page',
      { parameters: asked(viewer), headers: { accept: 'text/html,text/event-stream' } },
      csrf,
    ],
    [
      'has bad variables in its URL',
      { parameters: `${asked(viewer)}&variables={`, headers: { ...eventStream, ...preflight } },
      notOfIt,
    ],
    ['opens a stream that is not there', { headers: { ...eventStream, [tokenHeader]: 'x' } }, noStream],
    ['opens __proto__', { headers: { ...eventStream, [tokenHeader]: '__proto__' } }, noStream],
    ['opens constructor by the URL', { parameters: '?token=constructor', headers: eventStream }, noStream],
    [
      'posts to a stream that is not there',
      { method: 'POST', headers: { ...json, [tokenHeader]: 'x' }, body: `{"query":"${viewer}"}` },
      noStream,
    ],
    [
      'ends one that is not there',
      { method: 'DELETE', parameters: '?operationId=1', headers: { [tokenHeader]: 'x' } },
      noStream,
    ],
    ['deletes nothing', { method: 'DELETE' }, notOfIt],
    ['patches', { method: 'PATCH' }, { status: 405, type: 'method_not_allowed' }],
    ['reserves without a credential', { method: 'PUT', key: null }, { status: 401, code: 'UNAUTHENTICATED' }],
  ])('one that %s is refused', async (_what, sent, expected) => {
    expect(await send(service, sent)).toMatchObject(expected);
  });

  test('HEAD is 405', async () => {
    const { status, headers } = await send(service, { method: 'HEAD' });
    expect([status, headers.get('allow')]).toEqual([405, 'GET, POST, PUT, DELETE, OPTIONS']);
  });

  test('a mutation by GET changes nothing, a query is answered', async () => {
    const { id } = await service.client.upload({ content: 'x' });
    const mutation = `mutation { deleteAttachment(input: { attachmentId: "${id}" }) { deletedAttachmentId } }`;
    const refused = await send(service, {
      parameters: asked(mutation),
      headers: { ...eventStream, ...preflight },
    });
    expect([refused.status, refused.body]).toEqual([200, expect.stringContaining('"type":"transport"')]);
    const answered = await send(service, {
      parameters: asked(`{ attachment(id: "${id}") { id } }`),
      headers: { ...eventStream, ...preflight },
    });
    expect(answered.body.replace(':\n\n', '')).toBe(
      `event: next\ndata: {"data":{"attachment":{"id":"${id}"}}}\n\nevent: complete\ndata:\n\n`,
    );
    expect(answered.headers.get('cache-control')).toBe('no-store, no-transform');
  });

  test("a reserved stream is its maker's alone, and no other learns that it is there", async () => {
    const colleague = await newClient(service);
    const { body: token, status } = await reserve(service);
    expect(status).toBe(201);
    const as = (key: string | null, value: string) => ({ key, headers: { [tokenHeader]: value } });
    for (const sent of [
      { method: 'GET', accept: true },
      { method: 'POST', body: JSON.stringify({ query: viewer, extensions: { operationId: '1' } }) },
      { method: 'DELETE', parameters: '?operationId=1' },
    ]) {
      const ask = async (value: string) => {
        const { headers, ...rest } = as(colleague.key, value);
        const accepting = 'accept' in sent ? eventStream : { 'content-type': 'application/json' };
        const { accept: _, ...others } = sent as Sent & { accept?: boolean };
        const answer = await send(service, { ...rest, ...others, headers: { ...headers, ...accepting } });
        return [answer.status, answer.body];
      };
      expect(await ask(token)).toEqual(await ask('never'));
      expect((await ask(token))[0]).toBe(404);
    }
    const own = await post(
      service,
      { query: viewer, extensions: { operationId: '1' } },
      as(service.key, token),
    );
    expect(own.status).toBe(202);
  });

  test('each fault in operations of a reserved stream is told, and keeps nothing', async () => {
    const { body: token } = await reserve(service);
    const headers = { [tokenHeader]: token };
    const say = (extensions: unknown, query = viewer) => post(service, { query, extensions }, { headers });
    const streamed = fetch(target(service), {
      headers: { ...service.client.headers, ...eventStream, ...headers },
    });
    const response = await streamed;
    expect(await say({ operationId: 'x'.repeat(256) })).toMatchObject({ status: 400, type: 'too_long' });
    expect(await say({})).toMatchObject({ status: 400, type: 'event_stream' });
    expect(await say([])).toMatchObject({ status: 400, type: 'event_stream' });
    for (const operationId of ['__proto__', 'constructor', { toString: 1 }, ['1'], 1])
      expect(await say({ operationId })).toMatchObject({ status: 400, type: 'event_stream' });
    for (const [operationId, type] of [
      ['__proto__', 'event_stream'],
      ['x'.repeat(256), 'too_long'],
    ]) {
      const url = new URL(target(service));
      url.searchParams.set('query', viewer);
      url.searchParams.set('extensions', JSON.stringify({ operationId }));
      const refused = await fetch(url, {
        headers: {
          ...service.client.headers,
          ...headers,
          accept: 'application/json',
          'apollo-require-preflight': 'true',
        },
      });
      expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining(`"${type}"`)]);
    }
    const watching = onRecord({ type: 'Task', id: '1' }, 'id');
    expect((await post(service, { ...watching, extensions: { operationId: '1' } }, { headers })).status).toBe(
      202,
    );
    expect(await say({ operationId: '1' })).toMatchObject({ status: 409, type: 'event_stream_taken' });
    expect(await send(service, { headers: { ...eventStream, ...headers } })).toMatchObject({ status: 409 });
    for (const [id, query] of Object.entries({ a: '{ nothing }', b: '{', c: viewer })) {
      expect((await say({ operationId: id }, query)).status).toBe(202);
    }
    expect(await send(service, { method: 'DELETE', headers })).toMatchObject({ status: 400 });
    for (const id of ['1', '1', 'a', 'toString']) {
      expect(
        (await send(service, { method: 'DELETE', parameters: `?operationId=${id}`, headers })).status,
      ).toBe(200);
    }
    // The same id again: nothing of its first use is left.
    expect((await post(service, { ...watching, extensions: { operationId: '1' } }, { headers })).status).toBe(
      202,
    );
    await response.body?.cancel();
  });
});

describe('a stream', () => {
  const record = { type: 'Task', id: '1' };

  test('passes a proxy that knows HTTP/1.1 requests alone', async () => {
    await using service = await startService();
    const upgrades: string[] = [];
    const proxy = createServer((incoming, outgoing) => {
      const { method, url, headers } = incoming;
      const { upgrade, ...rest } = headers;
      if (upgrade !== undefined) upgrades.push(upgrade);
      const forwarded = ask(
        new URL(url ?? '', service.url),
        { method, headers: { ...rest, connection: 'close' } },
        (answer) => {
          outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
          answer.pipe(outgoing);
          outgoing.once('close', () => answer.destroy());
        },
      );
      forwarded.on('error', () => outgoing.destroy());
      incoming.pipe(forwarded);
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    await expect(LiveSocket.open(url)).rejects.toThrow();
    for (const isSingle of [false, true]) {
      const client = new StreamClient(url, service.key, { isSingle });
      const told = client.subscribe(onRecord(record, 'id'));
      while (told.events.length === 0) await service.client.upload({ content: 'x' }, { record });
      expect(told.status).toBeNull();
      client.close();
    }
    proxy.closeAllConnections();
    proxy.close();
  });

  test('is counted with the sockets of its principal and organization, and gives its place back', async () => {
    const liveBounds = { connectionsOfPrincipal: 4, connectionsOfOrganization: 6, connectionsOfAll: 7 };
    await using service = await startService({}, { liveBounds });
    const colleague = await newClient(service);
    const outcome = async (key: string | null, isSingle = false) => {
      const client = new StreamClient(service.url, key, { isSingle });
      const told = client.subscribe(onRecord(record, 'id'));
      await told.settle(() => told.status !== null || client.connected > 0);
      return { client, status: told.status };
    };
    const sockets = [
      await LiveSocket.acknowledged(service.url, service.key),
      await LiveSocket.acknowledged(service.url, service.key),
    ];
    const first = await outcome(service.key);
    const second = await outcome(service.key, true);
    expect([first.status, second.status]).toEqual([null, null]);
    expect((await outcome(service.key)).status).toBe(429);
    expect((await outcome(service.key, true)).status).toBe(429);
    const refused = await LiveSocket.open(service.url);
    refused.say({ type: 'connection_init', payload: { authorization: `Bearer ${service.key}` } });
    expect(await refused.closed).toBe(1013);
    const theirs = [await outcome(colleague.key), await outcome(colleague.key)];
    expect(theirs.map(({ status }) => status)).toEqual([null, null]);
    expect((await outcome(colleague.key)).status).toBe(429);
    // Queries take no place.
    expect((await post(service, { query: viewer }, { headers: eventStream })).status).toBe(200);
    first.client.close();
    for (let again = await outcome(service.key); again.status !== null; again = await outcome(service.key));
    for (const live of sockets) live.end();
  });

  test('that is reserved and never opened gives its place back', async () => {
    await using service = await startService({}, { liveBounds: { connectionsOfPrincipal: 1 } });
    expect((await reserve(service)).status).toBe(201);
    expect(await reserve(service)).toMatchObject({
      status: 429,
      code: 'RATE_LIMITED',
      type: 'too_many_connections',
    });
    for (let status = 429; status !== 201; status = (await reserve(service)).status) await sleep(500);
  }, 30_000);

  test('holds 100 subscriptions, and begins as many in a minute as its principal may', async () => {
    await using service = await startService({ RATE_LIMIT_PER_MINUTE: '1000' });
    const { body: token } = await reserve(service);
    const headers = { [tokenHeader]: token };
    const response = await fetch(target(service), {
      headers: { ...service.client.headers, ...eventStream, ...headers },
    });
    for (let id = 0; id < 101; id += 1) {
      await post(service, { ...onRecord(record, 'id'), extensions: { operationId: `${id}` } }, { headers });
    }
    let received = '';
    for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      received += piece;
      if (received.includes('event: next')) break;
    }
    expect(received).toMatch(/"id":"100".+too_many_subscriptions.+"limit":100/);
  });

  test('is cut off if its client does not read', async () => {
    await using service = await startService({ STALL_TIMEOUT_SECONDS: '1' });
    const { id } = await service.client.upload({ content: 'x', name: 'x.txt' });
    const description = 'd'.repeat(9_000);
    const connection = await RawConnection.open(service.url);
    const fields = Array.from({ length: 40 }, (_, at) => `a${at}: description { raw html }`).join(' ');
    const body = JSON.stringify(onAttachment(id, `id ${fields}`));
    await connection.send(
      `POST /graphql/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${service.key}\r\nAccept: text/event-stream\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    connection.stopReading();
    const open = async () =>
      /^claimcheck_event_streams_open 1$/m.test(await (await fetch(`${service.url}/metrics`)).text());
    await sleep(200);
    expect(await open()).toBe(true);
    for (let change = 0; await open(); change += 1) {
      if (change > 2_000) throw new Error('It was not cut off.');
      await service.client.ask(
        'mutation ($input: UpdateAttachmentInput!) { updateAttachment(input: $input) { __typename } }',
        {
          input: { attachmentId: id, description: `${description}${change}` },
        },
      );
    }
    connection.destroy();
  }, 60_000);

  test('ends when the service stops, and does not hold it up', async () => {
    const service = await startService();
    const clients = [false, true].map((isSingle) => new StreamClient(service.url, service.key, { isSingle }));
    const told = clients.map((client) => client.subscribe(onRecord(record, 'id')));
    await reserve(service);
    while (told.some(({ events }) => events.length === 0)) {
      await service.client.upload({ content: 'x' }, { record });
    }
    await service.close();
    await eventually(() => told.every(({ status }) => status === 0));
    expect(told.map(({ isComplete }) => isComplete)).toEqual([false, false]);
    for (const client of clients) client.close();
  });

  test('needs a credential that is good, whose failures are counted', async () => {
    await using service = await startService({
      FAILED_LOGINS_PER_MINUTE: '2',
      ANONYMOUS_RATE_LIMIT_PER_MINUTE: '2',
    });
    const statuses: number[] = [];
    for (const key of ['cck_a', 'cck_b', 'cck_c', null, null, null])
      statuses.push((await send(service, { method: 'PUT', key })).status);
    expect(statuses).toEqual([401, 401, 429, 401, 401, 429]);
  });

  test('leaves nothing if its request is aborted', async () => {
    await using service = await startService();
    for (let time = 0; time < 30; time += 1) {
      const stop = new AbortController();
      const begun = post(service, onRecord(record, 'id'), {
        headers: eventStream,
        signal: stop.signal,
      }).catch(() => undefined);
      await sleep(time % 10);
      stop.abort();
      await begun;
    }
    const metrics = async () => text((await fetch(`${service.url}/metrics`)).body ?? new ReadableStream());
    while (!/^claimcheck_event_streams_open 0$/m.test(await metrics())) await sleep(20);
  });
});
