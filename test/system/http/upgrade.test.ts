import { randomBytes } from 'node:crypto';
import { RawConnection } from '../../support/raw-http.js';
import { startService, type TestService } from '../../support/service.js';

let service: TestService;
let connection: RawConnection;
beforeEach(async () => {
  service = await startService();
  connection = await RawConnection.open(service.url);
});
afterEach(async () => {
  connection.destroy();
  await service.close();
});

const offer =
  'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n';
const get = (path: string, headers = '') => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`;
const post = (alias: string, headers = '') => {
  const body = JSON.stringify({ query: `{ ${alias}: __typename }` });
  return `POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n${headers}\r\n${body}`;
};
const answers = async (count: number) => {
  const seen: string[] = [];
  while (seen.length < count) {
    const { status, body } = await connection.response();
    seen.push(`${status} ${/"data":\{"(\w+)"/.exec(body)?.[1] ?? /"code":"(\w+)"/.exec(body)?.[1] ?? body}`);
  }
  return seen;
};

describe('requests that offer HTTP/2', () => {
  test('are answered in their turn among others on one connection', async () => {
    const all = [post('a'), post('b', offer), get('/nothing', offer), post('c'), post('d', offer), post('e')];
    await connection.send(all.join(''));
    expect(await answers(6)).toEqual(['200 a', '200 b', '404 NOT_FOUND', '200 c', '200 d', '200 e']);
  });

  test('are answered one after the other', async () => {
    const seen: string[] = [];
    for (const request of [post('a', offer), get('/nothing', offer), post('b', offer), post('c')]) {
      await connection.send(request);
      seen.push(...(await answers(1)));
    }
    expect(seen).toEqual(['200 a', '404 NOT_FOUND', '200 b', '200 c']);
  });

  test('wait for an answer that takes its time', async () => {
    const [head = '', body = ''] = post('slow').split('\r\n\r\n');
    await connection.send(`${head}\r\n\r\n${body.slice(0, 5)}`);
    await connection.send(body.slice(5) + post('b', offer) + post('c', offer) + post('d'));
    expect(await answers(4)).toEqual(['200 slow', '200 b', '200 c', '200 d']);
  });

  test('leave nothing behind on a connection, however many there are', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on('warning', onWarning);
    for (let round = 0; round < 40; round += 1) await connection.send(post('a', offer) + get('/x', offer));
    expect(await answers(80)).toHaveLength(80);
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
  });

  test('keep their body, whatever its coding', async () => {
    const body = '{"query":"{ a: __typename }"}';
    const chunks = `5\r\n${body.slice(0, 5)}\r\n${(body.length - 5).toString(16)}\r\n${body.slice(5)}\r\n0\r\n\r\n`;
    const head = `POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n${offer}\r\n`;
    await connection.send(post('z') + head + chunks + post('b'));
    expect(await answers(3)).toEqual(['200 z', '200 a', '200 b']);
  });
});

const handshake = (headers = '') =>
  `GET /graphql HTTP/1.1
Host: localhost
Connection: Upgrade
Upgrade: websocket
Sec-WebSocket-Version: 13
Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}
Sec-WebSocket-Protocol: graphql-transport-ws
${headers}
`.replaceAll('\n', '\r\n');

test('a WebSocket handshake behind other requests is accepted after their answers', async () => {
  await connection.send(`${post('a')}${post('b')}${handshake()}`);
  expect(await answers(2)).toEqual(['200 a', '200 b']);
  expect(connection.isOpen).toBe(true);
});

test.each([
  ['a length', 'Content-Length: 5\n', 'hello'],
  ['chunks', 'Transfer-Encoding: chunked\n', '5\r\nhello\r\n0\r\n\r\n'],
])('a WebSocket handshake with a body of %s is a request like any other', async (_, headers, body) => {
  await connection.send(post('a') + handshake(headers));
  expect(await answers(1)).toEqual(['200 a']);
  await connection.send(body + post('b'));
  expect((await connection.response()).status).not.toBe(101);
  expect(await answers(1)).toEqual(['200 b']);
});

test.each([
  ['plain requests', ''],
  ['requests that offer HTTP/2', offer],
])('%s that come together are answered in rounds of the event loop of their own', async (_, headers) => {
  const count = 300;
  let rounds = 0;
  let isOver = false;
  const goRound = () => {
    rounds += 1;
    if (!isOver) setImmediate(goRound);
  };
  goRound();
  await connection.send(get('/health/live', headers).repeat(count));
  expect(await answers(count)).toHaveLength(count);
  isOver = true;
  expect(rounds).toBeGreaterThanOrEqual(count);
});

test('thousands of requests on one connection are answered in order, and hold up nobody else', async () => {
  const paths = Array.from({ length: 20_000 }, (_, index) => (index % 2 === 0 ? '/health/live' : '/nothing'));
  const sent = connection.send(paths.map((path) => get(path)).join(''));
  expect(await answers(100)).toEqual(Array(50).fill(['200 {"status":"ok"}', '404 NOT_FOUND']).flat());
  expect((await fetch(`${service.url}/health/live`)).status).toBe(200);
  // Somebody else is answered long before the last of them.
  expect(await answers(100)).toHaveLength(100);
  connection.destroy();
  await sent;
});
