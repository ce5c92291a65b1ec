import { type buildConnector, Client } from 'undici';
import {
  ForbiddenAddressError,
  isForbiddenHost,
  isPublicAddress,
  type ResolveName,
} from '../../../src/webhooks/check-webhooks.js';
import {
  createGuardedConnector,
  createGuardedLookup,
  createOpenConnector,
} from '../../../src/webhooks/guarded-connector.js';
import { startReceiver } from '../../service/webhooks/receiver.js';
import { setStage } from '../../service/webhooks/stage.js';
import { report } from '../../support/report.js';

/** As they stand in a URL; the parser turns every way of writing an IPv4 address into four decimal numbers. */
const forbiddenHosts = [
  [
    'loopback',
    '127.0.0.1 127.1 127.255.255.254 2130706433 0x7f000001 0x7f.1 0177.0.0.1 017700000001 127.0.0.1.',
  ],
  ['unspecified', '0.0.0.0 0 0.1.2.3 [::] [::0]'],
  [
    'private',
    '10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255 192.168.0.1 0xc0a80001 3232235521 012.0.0.1',
  ],
  ['metadata', '169.254.169.254 2852039166 0xa9fea9fe 0251.0376.0251.0376 169.254.43518 100.100.100.200'],
  ['link-local and hosts of clouds', '169.254.0.1 168.63.129.16 192.0.0.192'],
  ['carrier-grade NAT', '100.64.0.1 100.127.255.255'],
  ['multicast and broadcast', '224.0.0.1 239.255.255.255 255.255.255.255'],
  [
    'reserved',
    '192.0.0.1 192.0.2.1 198.51.100.1 203.0.113.1 198.18.0.1 198.19.255.255 192.88.99.1 240.0.0.1',
  ],
  ['full-width digits', '１２７.０.０.１ ⑯⑨。②⑤④。⑯⑨｡②⑤④'],
  [
    'IPv6 loopback, private, link-local',
    '[::1] [0:0:0:0:0:0:0:1] [fc00::1] [fd00:ec2::254] [fe80::1] [febf::1] [fec0::1]',
  ],
  [
    'IPv6 multicast, documentation, reserved',
    '[ff02::1] [2001:db8::1] [3fff::1] [100::1] [4000::1] [5f00::1]',
  ],
  ['IPv4 in IPv6: mapped', '[::ffff:127.0.0.1] [::ffff:7f00:1] [::ffff:8.8.8.8] [::ffff:0:127.0.0.1]'],
  ['IPv4 in IPv6: compatible', '[::127.0.0.1] [::7f00:1] [::8.8.8.8]'],
  [
    'IPv4 in IPv6: NAT64, 6to4, Teredo',
    '[64:ff9b::7f00:1] [64:ff9b:1::a00:1] [2002:7f00:1::] [2001:0:7f00:1::1]',
  ],
  ['names of this machine', 'localhost LOCALHOST localhost. a.localhost localhost.localdomain'],
].flatMap(([kind = '', hosts = '']) => hosts.split(' ').map((host) => [kind, host] as const));

const allowedHosts = [
  '8.8.8.8',
  '1.1.1.1',
  '172.15.255.255',
  '172.32.0.1',
  '100.63.255.255',
  '100.128.0.1',
  '192.167.255.255',
  '169.253.255.255',
  '223.255.255.255',
  '[2606:4700:4700::1111]',
  '[2a00:1450:4001:81b::200e]',
  'example.com',
  'notlocalhost',
  'localhost.example.com',
];

describe('hosts as they are written', () => {
  test.each(forbiddenHosts)('%s: %s is forbidden', (_kind, host) => {
    expect(isForbiddenHost(new URL(`http://${host}:8080/`).hostname)).toBe(true);
  });

  test.each(allowedHosts)('%s is allowed', (host) => {
    expect(isForbiddenHost(new URL(`http://${host}/`).hostname)).toBe(false);
  });

  test('a name that is no address is not public', () => {
    for (const text of ['', 'example.com', '127.1', '[::1]', '8.8.8.8.8']) {
      expect(isPublicAddress(text)).toBe(false);
    }
    expect(isPublicAddress('fe80::1%eth0')).toBe(false);
    report(`${forbiddenHosts.length} forbidden hosts, ${allowedHosts.length} allowed`);
  });
});

/** The outcome of a request over a connection of this kind. */
async function attempt(origin: string, connect: buildConnector.connector): Promise<unknown> {
  const client = new Client(origin, { connect, pipelining: 0 });
  try {
    const { statusCode } = await client.request({ method: 'POST', path: '/', body: '{}' });
    return statusCode;
  } catch (error) {
    return error;
  } finally {
    client.destroy(() => undefined);
  }
}

const guarded = (resolveName: ResolveName) => createGuardedConnector(resolveName, 500);

const publicAddress = { address: '8.8.8.8', family: 4 as const };
const loopback = { address: '127.0.0.1', family: 4 as const };

describe('connections', () => {
  test('to an address written in the URL never begin, though Node would not ask for it', async () => {
    await using receiver = await startReceiver();
    const { port } = new URL(receiver.origin);
    const unasked: ResolveName = () => Promise.reject(new Error('asked'));
    for (const host of ['127.0.0.1', '2130706433', '[::1]', '[::ffff:127.0.0.1]', 'localhost']) {
      expect(await attempt(`http://${host}:${port}`, guarded(unasked))).toBeInstanceOf(ForbiddenAddressError);
      expect(await attempt(`https://${host}:${port}`, guarded(unasked))).toBeInstanceOf(
        ForbiddenAddressError,
      );
    }
    expect(receiver.connections.made).toBe(0);
  });

  test.each([
    ['only a forbidden address', [loopback]],
    ['one forbidden address among public ones', [publicAddress, loopback]],
    ['a mapped one', [{ address: '::ffff:127.0.0.1', family: 6 as const }]],
  ])('to a name with %s never begin', async (_name, addresses) => {
    await using receiver = await startReceiver();
    const { port } = new URL(receiver.origin);
    for (const scheme of ['http', 'https']) {
      const outcome = await attempt(
        `${scheme}://rebinding.example:${port}`,
        guarded(async () => addresses),
      );
      expect(outcome).toBeInstanceOf(ForbiddenAddressError);
    }
    expect(receiver.connections.made).toBe(0);
  });

  test('go to the addresses that were checked, asked for once', async () => {
    const checked = [publicAddress, { address: '2606:4700::1111', family: 6 as const }];
    let asked = 0;
    const rebinding: ResolveName = async () => {
      asked += 1;
      return asked === 1 ? checked : [loopback];
    };
    const lookup = createGuardedLookup(rebinding);
    const found = () =>
      new Promise((resolve) => lookup('rebinding.example', { all: true }, (...given) => resolve(given)));
    expect(await found()).toEqual([null, checked]);
    expect(await found()).toEqual([expect.any(ForbiddenAddressError), '']);

    await using receiver = await startReceiver();
    const { port } = new URL(receiver.origin);
    let opened = 0;
    const open = createOpenConnector(async () => {
      opened += 1;
      return opened === 1 ? [loopback] : [publicAddress];
    }, 500);
    // No name server knows this name: only what the first answer said can lead to the receiver.
    expect(await attempt(`http://rebinding.example:${port}`, open)).toBe(204);
    expect([opened, receiver.connections.made]).toEqual([1, 1]);
  });
});

test('a name that passed the check and leads to loopback at the attempt is not reached', async () => {
  await using receiver = await startReceiver();
  const { port } = new URL(receiver.origin);
  const refused = { webhookAllowPrivate: false, resolveName: async () => [loopback] };
  await using stage = await setStage({ ...refused, webhookRetryDelaysMs: [] });
  for (const uri of [`http://rebinding.example:${port}/`, receiver.uri]) {
    const id = await stage.subscribed(uri);
    await stage.approve(id);
    expect(await stage.until(id, { state: 'FAILED' })).toMatchObject({
      lastError: 'The address is not public.',
      lastStatusCode: null,
    });
  }
  expect(receiver.connections.made).toBe(0);
});
