import { eventually } from '../../service/live/live-client.js';
import { LiveSocket } from '../../service/live/live-socket.js';
import { randomKey, startService } from '../../support/service.js';

const tryAgainLater = 1013;
const unauthorized = 4401;

/** Connects with a key; what the service says to that: its code of closing, or null where it lets the client in. */
async function connect(url: string, key: string, headers = {}): Promise<number | null> {
  const live = await LiveSocket.open(url, undefined, { headers });
  live.say({ type: 'connection_init', payload: { authorization: `Bearer ${key}` } });
  let code: number | null = null;
  void live.closed.then((told) => {
    code = told;
  });
  await eventually(() => code !== null || live.messages.length > 0);
  live.end();
  return code;
}

describe('a WebSocket connection', () => {
  test('counts as a request of its credential', async () => {
    await using service = await startService({ RATE_LIMIT_PER_MINUTE: '2' });
    const codes = [await connect(service.url, service.key)];
    await service.client.ask('{ viewer { organizationId } }');
    codes.push(await connect(service.url, service.key));
    expect(codes).toEqual([null, tryAgainLater]);
    expect((await service.client.graphql('{ viewer { organizationId } }')).status).toBe(429);
  });

  test('takes a key without a scheme too', async () => {
    await using service = await startService();
    const live = await LiveSocket.open(service.url);
    live.say({ type: 'connection_init', payload: { authorization: service.key } });
    await eventually(() => live.messages.length > 0);
    expect(live.messages[0]).toMatchObject({ type: 'connection_ack' });
    live.end();
  });

  test('counts as a failed login where its credential is bad', async () => {
    await using service = await startService({ FAILED_LOGINS_PER_MINUTE: '2' });
    const codes: (number | null)[] = [];
    for (let index = 0; index < 3; index += 1) codes.push(await connect(service.url, randomKey()));
    expect(codes).toEqual([unauthorized, unauthorized, tryAgainLater]);
    const { status } = await fetch(`${service.url}/attachments/x/y`, {
      headers: { authorization: `Bearer ${randomKey()}` },
    });
    expect(status).toBe(429);
  });

  test.each([
    ['none is trusted', {}, [unauthorized, tryAgainLater]],
    ['the proxy is trusted', { TRUST_PROXY: '127.0.0.0/8,::1' }, [unauthorized, unauthorized]],
  ])('counts X-Forwarded-For accordingly if %s', async (_, env, expected) => {
    await using service = await startService({ FAILED_LOGINS_PER_MINUTE: '1', ...env });
    const codes: (number | null)[] = [];
    // Entries that the client itself puts in front of the proxy's are not believed.
    for (const forwarded of ['203.0.113.9, 192.0.2.1', 'no address, 192.0.2.2, 127.0.0.9']) {
      codes.push(await connect(service.url, randomKey(), { 'x-forwarded-for': forwarded }));
    }
    expect(codes).toEqual(expected);
    const own = { 'x-forwarded-for': '198.51.100.7, 192.0.2.1' };
    expect(await connect(service.url, randomKey(), own)).toBe(tryAgainLater);
    expect(
      await connect(service.url, service.key, { 'x-forwarded-for': `192.0.2.77, ${'x'.repeat(5_000)}` }),
    ).toBe('TRUST_PROXY' in env ? null : tryAgainLater);
  });

  test('takes no subscription past the limits of operations', async () => {
    await using service = await startService();
    const live = await LiveSocket.acknowledged(service.url, service.key);
    const refusalOf = async (id: string, selection: string) => {
      const query = `subscription { attachmentChanged(attachmentId: "x") { ${selection} } }`;
      live.say({ type: 'subscribe', id, payload: { query } });
      for (;;) {
        await live.hears('error');
        const message = live.messages.find((each) => each.id === id);
        if (message) return message.payload;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    const many = Array.from({ length: 51 }, (_, index) => `a${index}: id`).join(' ');
    const refused = (limit: number, type: string) => [
      { extensions: { code: 'QUERY_TOO_COMPLEX', limit, details: [{ loc: ['query'], type }] } },
    ];
    expect(await refusalOf('1', many)).toMatchObject(refused(50, 'too_many_aliases'));
    expect(await refusalOf('2', 'id '.repeat(3_000))).toMatchObject(refused(2_000, 'too_many_tokens'));
    const pages = 'links(first: 1000) { nodes { attachment { links(first: 1000) { nodes { position } } } } }';
    expect(await refusalOf('3', pages)).toMatchObject(refused(250_000, 'too_costly'));
    live.end();
  });
});
