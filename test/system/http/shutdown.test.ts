import { setTimeout as sleep } from 'node:timers/promises';
import { LiveSocket } from '../../service/live/live-socket.js';
import { RawConnection, requestHead } from '../../support/raw-http.js';
import { startService } from '../../support/service.js';

const typename = '{"query":"{ __typename }"}';
const json = (body: string) =>
  requestHead('/graphql', { 'Content-Type': 'application/json', 'Content-Length': body.length }) + body;

describe('at shutdown', () => {
  test.each([
    ['answered', typename, 200, '{"data":{"__typename":"Query"}}'],
    ['refused', '{"query":"{ __typename }"]', 400, 'The body is not valid JSON.'],
  ])('a request under way is %s, and its connection ends', async (_how, body, status, text) => {
    const service = await startService();
    const connection = await RawConnection.open(service.url);
    await connection.send(json(body).slice(0, -5));
    await service.client.graphql('{ __typename }');

    const started = performance.now();
    const closed = service.close();
    await connection.send(body.slice(-5));
    const response = await connection.response();
    expect(response.status).toBe(status);
    expect(response.body).toContain(text);
    await Promise.all([closed, connection.closed()]);
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  test('a request whose headers are still arriving is answered as ever', async () => {
    const service = await startService();
    const connection = await RawConnection.open(service.url);
    await connection.send('GET /nothing HTTP/1.1\r\n');
    await service.client.graphql('{ __typename }');
    const closed = service.close();
    await sleep(100);
    await connection.send('Host: localhost\r\n\r\n');
    const { status, body, headers } = await connection.response();
    expect({ status, connection: headers.get('connection') }).toEqual({ status: 404, connection: 'close' });
    expect(JSON.parse(body)).toMatchObject({ errors: [{ extensions: { code: 'NOT_FOUND' } }] });
    await Promise.all([closed, connection.closed()]);
  });

  test('one whose headers never end is closed after HEADERS_TIMEOUT_SECONDS, and a request that takes longer is not', async () => {
    const service = await startService({ SHUTDOWN_TIMEOUT_SECONDS: '3600', HEADERS_TIMEOUT_SECONDS: '1' });
    const [endless, next, slow] = await Promise.all([
      RawConnection.open(service.url),
      RawConnection.open(service.url),
      RawConnection.open(service.url),
    ]);
    await slow.send(json(typename).slice(0, -5));
    await endless.send('GET /nothing HTTP/1.1\r\n');
    await next.send('GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\nGET /nothing HTTP/1.1\r\n');
    await service.client.graphql('{ __typename }');
    const closed = service.close();
    await Promise.all([endless.closed(), next.closed()]);
    await slow.send(typename.slice(-5));
    expect((await slow.response()).status).toBe(200);
    await closed;
  });

  test('a first request that arrives just then is answered', async () => {
    const service = await startService();
    const connection = await RawConnection.open(service.url);
    await service.client.graphql('{ __typename }');
    const closed = service.close();
    await connection.send(json(typename));
    const { status, headers } = await connection.response();
    expect({ status, connection: headers.get('connection') }).toEqual({ status: 200, connection: 'close' });
    await Promise.all([closed, connection.closed()]);
  });

  test('connections that have brought nothing are closed', async () => {
    const service = await startService({ SHUTDOWN_TIMEOUT_SECONDS: '3600' });
    const unused = await Promise.all(Array.from({ length: 5 }, () => RawConnection.open(service.url)));
    await service.client.graphql('{ __typename }');
    await Promise.all([service.close(), ...unused.map((connection) => connection.closed())]);
  });

  test('answers say so before connections are closed, whether they are good or refusals', async () => {
    const service = await startService();
    // It keeps the service closing for a moment, since it does not answer.
    const mute = await LiveSocket.open(service.url);
    mute.socket.pause();
    const connections = await Promise.all(
      Array.from({ length: 2 }, async () => {
        const connection = await RawConnection.open(service.url);
        await connection.send(json(typename).slice(0, -5));
        return connection;
      }),
    );
    await service.client.graphql('{ __typename }');
    const closed = service.close();
    await sleep(100);
    await connections[0]?.send(typename.slice(-5));
    await connections[1]?.send('"x"]}');
    const told: [number, string | undefined][] = [];
    for (const connection of connections) {
      const { status, headers } = await connection.response();
      told.push([status, headers.get('connection')]);
    }
    expect(told).toEqual([
      [200, 'close'],
      [400, 'close'],
    ]);
    await closed;
    mute.end();
  });
});
