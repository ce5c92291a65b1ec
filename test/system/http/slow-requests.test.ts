import { setTimeout as sleep } from 'node:timers/promises';
import type { AnswerError } from '../../support/client.js';
import { formHeaders, RawConnection, type RawResponse, requestHead } from '../../support/raw-http.js';
import { report } from '../../support/report.js';
import { startService, type TestService } from '../../support/service.js';

describe('a client that is too slow', () => {
  let service: TestService;
  let connection: RawConnection;
  beforeAll(async () => {
    service = await startService({
      HEADERS_TIMEOUT_SECONDS: '1',
      OPERATIONS_TIMEOUT_SECONDS: '1',
      STALL_TIMEOUT_SECONDS: '1',
    });
  });
  afterAll(() => service.close());
  beforeEach(async () => {
    connection = await RawConnection.open(service.url);
  });
  afterEach(() => connection.destroy());

  const credential = () => ({ Authorization: `Bearer ${service.key}` });
  const json = (length: number) => ({ 'Content-Type': 'application/json', 'Content-Length': length });

  test.each([
    ['with a credential', () => credential()],
    ['without', () => ({})],
  ])('with a JSON body, %s, gets 408, and the connection ends', async (_whose, headers) => {
    await connection.send(`${requestHead('/graphql', { ...headers(), ...json(1000) })}{"query"`);
    const response = await timed(1_000, 5_000, () => connection.response());
    expectTimeout(response, 'BAD_USER_INPUT');
    await connection.closed(3_000);
  });

  test('that trickles gets it too', async () => {
    await connection.send(requestHead('/graphql', json(1000)));
    void connection.sendSlowly(Buffer.alloc(1000, ' '), { bytes: 1, everyMs: 50 });
    const response = await timed(1_000, 5_000, () => connection.response());
    expectTimeout(response, 'BAD_USER_INPUT');
    await connection.closed(3_000);
  });

  test('is served if its body comes just in time, and may go on at leisure', async () => {
    const body = '{"query":"{ __typename }"}';
    for (let round = 0; round < 2; round += 1) {
      await connection.send(`${requestHead('/graphql', json(body.length))}{"query"`);
      await sleep(600);
      await connection.send(body.slice('{"query"'.length));
      expect((await connection.response()).status).toBe(200);
      await sleep(600);
    }
  });

  test('is not served if its body ends after the answer', async () => {
    const { id } = await service.client.upload({ content: 'kept' });
    const query = `mutation { deleteAttachment(input: { attachmentId: "${id}" }) { deletedAttachmentId } }`;
    const body = JSON.stringify({ query });
    await connection.send(
      requestHead('/graphql', { ...credential(), ...json(body.length) }) + body.slice(0, -1),
    );
    expect((await connection.response()).status).toBe(408);
    await connection.send('}');
    await connection.closed(3_000);
    expect(await service.client.ask(`{ node(id: "${id}") { id } }`)).toEqual({ node: { id } });
  });

  test('with the fields of a form gets 408 as well', async () => {
    await connection.send(
      `${requestHead('/graphql', { ...credential(), 'Apollo-Require-Preflight': 'true', ...formHeaders(1000) })}--`,
    );
    const response = await timed(900, 5_000, () => connection.response());
    expectTimeout(response, 'INVALID_MULTIPART');
    await connection.closed(3_000);
  });

  test.each([
    ['/nothing', 404],
    ['/attachments/x/y', 405],
  ])('with a body for %s is answered at once', async (target, status) => {
    await connection.send(`${requestHead(target, json(1000))}{"query"`);
    const response = await timed(0, 5_000, () => connection.response());
    expect(response.status).toBe(status);
  });

  test.each([
    ['nothing', ''],
    ['part of a request line', 'POST /gra'],
    ['part of its headers', 'POST /graphql HTTP/1.1\r\nHost: localhost\r\nX-A'],
  ])('that sends %s is disconnected', async (_what, sent) => {
    await connection.send(sent);
    await timed(900, 6_000, () => connection.closed());
  });

  test('that trickles its headers is answered and disconnected', async () => {
    await connection.send('GET /health/live HTTP/1.1\r\nHost: localhost\r\n');
    void connection.sendSlowly(Buffer.from('X-A: 1\r\n'.repeat(100)), { bytes: 4, everyMs: 50 });
    const response = await timed(900, 6_000, () => connection.response());
    expectTimeout(response, 'BAD_USER_INPUT');
    await connection.closed();
  });

  test('keeps no other waiting', async () => {
    const slow = await Promise.all(Array.from({ length: 100 }, () => RawConnection.open(service.url)));
    for (const [index, each] of slow.entries()) {
      await each.send(
        index % 2 === 0 ? 'GET /health/live HTTP/1.1\r\nX-' : `${requestHead('/graphql', json(9999))}{`,
      );
    }
    const spans: number[] = [];
    const started = performance.now();
    while (performance.now() - started < 1_500) {
      const before = performance.now();
      await service.client.ask('{ viewer { organizationId } }');
      spans.push(performance.now() - before);
    }
    await Promise.all(slow.map((each) => each.closed(5_000)));
    spans.sort((left, right) => left - right);
    report(
      `100 slow clients: ${spans.length} queries beside them, longest ${(spans.at(-1) ?? 0).toFixed(0)} ms`,
    );
    expect(spans.length).toBeGreaterThan(5);
    expect(spans.at(-1)).toBeLessThan(1_000);
  });
});

test('the longest timeout that may be set can be kept', async () => {
  const service = await startService({ HEADERS_TIMEOUT_SECONDS: '3600' });
  expect((await fetch(`${service.url}/health/live`)).status).toBe(200);
  await service.close();
});

function expectTimeout({ status, headers, body }: RawResponse, code: string): void {
  expect(status).toBe(408);
  expect(headers.get('connection')).toBe('close');
  expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  const { errors } = JSON.parse(body) as { errors: AnswerError[] };
  expect(errors).toEqual([
    {
      message: expect.any(String),
      extensions: { code, details: [expect.objectContaining({ type: 'timeout' })] },
    },
  ]);
}

/** Resolves with what `work` resolves with; throws unless it has taken from `least` to `most` ms. */
async function timed<Result>(least: number, most: number, work: () => Promise<Result>): Promise<Result> {
  const started = performance.now();
  const result = await work();
  const span = performance.now() - started;
  expect(span).toBeGreaterThan(least - 50);
  expect(span).toBeLessThan(most);
  return result;
}
