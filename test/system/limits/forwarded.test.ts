import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { startService, type TestService } from '../../support/service.js';

let service: TestService;
beforeAll(async () => {
  service = await startService({
    FAILED_LOGINS_PER_MINUTE: '1',
    TRUST_PROXY: '127.0.0.1, 198.51.100.0/24, 2001:db8:ffff::/48',
  });
});
afterAll(() => service.close());

async function statusFrom(forwarded: string): Promise<number> {
  const headers = { authorization: 'Bearer cck_nothing', 'x-forwarded-for': forwarded };
  return (await fetch(`${service.url}/attachments/x/y`, { headers })).status;
}

const many = (entry: string) => `${entry}, `.repeat(700);

test.each([
  ['entries before it, which the client may write', '10.0.1.1', '203.0.113.5, 10.0.1.1'],
  ['a trusted address before it', '10.0.2.1', '198.51.100.1, 10.0.2.1'],
  ['trusted proxies behind it', '10.0.3.1', '203.0.113.5, 10.0.3.1, 198.51.100.1, 127.0.0.1'],
  ['ports', '10.0.4.1:80', '10.0.4.1:4711, 198.51.100.1:443'],
  [
    'IPv6 in brackets, a port, and a trusted proxy',
    '2001:db8:1::1',
    '[2001:db8:1::2]:80, [2001:db8:ffff::1]:443',
  ],
  ['IPv4 in the form of IPv6', '10.0.5.1', '::ffff:10.0.5.1, ::ffff:198.51.100.1'],
  ['garbage before it', '10.0.6.1', `\t;"<>, ${'x'.repeat(5_000)}, 10.0.6.1`],
  ['hundreds of entries before it', '10.0.7.1', `${many('10.9.9.9')}10.0.7.1`],
  ['hundreds of trusted entries behind it', '10.0.8.1', `10.0.8.1, ${many('198.51.100.1')}127.0.0.1`],
  ['garbage in its place, whatever is before', 'nonsense', '10.0.9.1, nonsense, 198.51.100.1'],
])('the last address that is not trusted is the client: %s', async (_, first, second) => {
  expect([await statusFrom(first), await statusFrom(second)]).toEqual([401, 429]);
});

test('a client behind a trusted proxy is told apart from the next one', async () => {
  const next = ['10.1.1.1', '10.1.2.1', '[2001:db8:2::1]:1', '[2001:db8:3::1]:1'];
  for (const address of next) expect(await statusFrom(`10.1.0.1, ${address}, 198.51.100.1`)).toBe(401);
});

describe('an address that is not trusted', () => {
  const untrusted = { TRUST_PROXY: '198.51.100.0/24' };
  const spoofed = (index: number) => ({
    'x-forwarded-for': `10.${index}.1.1, 198.51.100.1`,
    'x-real-ip': `10.${index}.1.1`,
    forwarded: `for=10.${index}.1.1`,
  });

  test.each([
    ['requests without a credential', 'ANONYMOUS_RATE_LIMIT_PER_MINUTE', {}, 401],
    ['bad credentials', 'FAILED_LOGINS_PER_MINUTE', { authorization: 'Bearer cck_nothing' }, 401],
  ])('gets no more %s for naming others', async (_, setting, headers, status) => {
    await using direct = await startService({ ...untrusted, [setting]: '3' });
    const statuses: number[] = [];
    for (let index = 0; index < 5; index += 1) {
      const answer = await fetch(`${direct.url}/attachments/x/y`, {
        headers: { ...headers, ...spoofed(index) },
      });
      statuses.push(answer.status);
    }
    expect(statuses).toEqual([status, status, status, 429, 429]);
  });

  test('gets no more connections for naming others', async () => {
    await using direct = await startService({ ...untrusted, MAX_CONNECTIONS_PER_ADDRESS: '5' });
    const { hostname, port } = new URL(direct.url);
    const answered: boolean[] = [];
    const sockets: Socket[] = [];
    for (let index = 0; index < 8; index += 1) {
      const socket = connect(Number(port), hostname);
      socket.on('error', () => undefined);
      sockets.push(socket);
      await once(socket, 'connect');
      const lines = Object.entries(spoofed(index)).map(([name, value]) => `${name}: ${value}\r\n`);
      socket.write(`GET /health/live HTTP/1.1\r\nHost: x\r\n${lines.join('')}\r\n`);
      answered.push(
        await new Promise<boolean>((resolve) => {
          socket.once('data', () => resolve(true)).once('close', () => resolve(false));
        }),
      );
    }
    for (const socket of sockets) socket.destroy();
    expect(answered).toEqual([true, true, true, true, true, false, false, false]);
  });
});
