import { createMemoryStorage } from '../../../src/storage/memory.js';
import { RawConnection, requestHead } from '../../support/raw-http.js';
import { startService, type TestService } from '../../support/service.js';
import { createTarget } from './direct-target.js';

const content = Buffer.alloc(3_000_000, 'slow and steady ');

describe('the pace of a direct upload', () => {
  const storage = createMemoryStorage();
  const create = storage.create.bind(storage);
  let service: TestService;
  beforeAll(async () => {
    service = await startService({ STALL_TIMEOUT_SECONDS: '1' }, { storage });
  });
  afterAll(() => service.close());

  async function begin() {
    const { url, documentKey } = await createTarget(service.client, content);
    const headers = { 'Content-Type': 'text/plain', 'Content-Length': content.length };
    const connection = await RawConnection.open(service.url);
    await connection.send(requestHead(new URL(url).pathname, headers).replace('POST', 'PUT'));
    return { connection, url, documentKey };
  }

  test.each([
    ['says nothing', 0, { bytes: 1, everyMs: 60_000 }],
    ['stops on the way', 1_500_000, { bytes: 1, everyMs: 60_000 }],
    ['trickles', 1_500_000, { bytes: 10, everyMs: 100 }],
    ['stops before the last byte', content.length - 1, { bytes: 1, everyMs: 60_000 }],
  ])('a client that %s is refused and disconnected; the target stays open', async (_, first, pace) => {
    const { connection, url } = await begin();
    const start = performance.now();
    await connection.send(content.subarray(0, first));
    const trickle = pace.everyMs < 1_000 ? connection.sendSlowly(content.subarray(first), pace) : null;
    const { status, body } = await connection.response(5_000);
    expect(status).toBe(408);
    expect(JSON.parse(body)).toMatchObject({
      errors: [{ extensions: { code: 'BAD_USER_INPUT', details: [{ loc: ['body'], type: 'timeout' }] } }],
    });
    expect(performance.now() - start).toBeGreaterThan(700);
    await connection.closed(5_000);
    await trickle?.catch(() => undefined);
    const again = await fetch(url, {
      method: 'PUT',
      headers: { 'content-type': 'text/plain' },
      body: new Uint8Array(content),
    });
    expect(again.status).toBe(201);
  });

  test('a client that is slow but steady is served', async () => {
    const { connection } = await begin();
    await connection.send(content.subarray(0, content.length - 20_000));
    await connection.sendSlowly(content.subarray(content.length - 20_000), { bytes: 1_000, everyMs: 120 });
    expect((await connection.response()).status).toBe(201);
    connection.destroy();
  });

  test('a storage that is slow is not held against the client', async () => {
    storage.create = async (key) => {
      const writer = await create(key);
      const write = writer.write.bind(writer);
      return Object.assign(writer, {
        write: async (batch: Uint8Array[]) => {
          await new Promise((resolve) => setTimeout(resolve, 1_500));
          await write(batch);
        },
      });
    };
    const { connection } = await begin();
    await connection.send(content);
    expect((await connection.response(15_000)).status).toBe(201);
    connection.destroy();
    storage.create = create;
  });
});
