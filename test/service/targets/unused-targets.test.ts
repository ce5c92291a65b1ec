import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer, Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { chunked, RawConnection, requestHead } from '../../support/raw-http.js';
import { startService, type TestService } from '../../support/service.js';
import { queryTestDatabase } from '../../support/test-database.js';
import {
  newTarget,
  newTenant,
  type Target,
  tally,
  tryContent,
  tryTarget,
  usageOf,
} from '../quotas/quota-stage.js';
import { offsetStream, TusClient } from './tus-client.js';

const hourMs = 3_600_000;
const bounds = {
  MAX_UPLOAD_TARGETS: '4',
  MAX_UPLOAD_TARGET_BYTES: '1000',
  RESUMABLE_HOURS: '2',
  RESUMABLE_MAX_HOURS: '3',
};

let now = Date.now();
let service: TestService;
beforeAll(async () => {
  service = await startService(bounds, { clock: () => new Date(now) });
});
beforeEach(() => {
  now = Date.now();
});
afterAll(() => service.close());

type Outcome = Pick<Answer<{ createUploadTarget: { target: Target } }>, 'errors'>;

const typeOf = ({ errors }: Outcome): string => {
  const { code, details, limit } = errors?.[0]?.extensions ?? {};
  return code ? `${code} ${details?.[0]?.type} ${limit}` : 'ok';
};

const tryTus = async (client: Client, size: number) =>
  (await new TusClient(service, client.key).post({ 'upload-length': String(size) })).fault ?? 'ok';

const tooMany = (limit: number) => `RATE_LIMITED too_many_targets ${limit}`;
const tooLarge = (limit: number) => `RATE_LIMITED too_many_target_bytes ${limit}`;

describe('upload targets that no attachment uses', () => {
  test('are bounded for a principal, also if many are made at once, whatever their protocol', async () => {
    const client = await newTenant(service, {});
    const answers = await Promise.all(
      Array.from({ length: 12 }, async (_, index) =>
        index % 2 === 0 ? typeOf(await tryTarget(client, 10)) : tryTus(client, 10),
      ),
    );
    const { ok, ...refused } = tally(answers.map((answer) => answer.replace(/ 4$/, '')));
    expect([ok, refused]).toEqual([4, { 'RATE_LIMITED too_many_targets': 8 }]);
    const { status, headers, fault } = await new TusClient(service, client.key).post({
      'upload-length': '1',
    });
    expect([status, headers.get('retry-after'), fault]).toEqual([429, '60', 'RATE_LIMITED too_many_targets']);
  });

  test('are fewer once an attachment uses one, or one is terminated', async () => {
    const client = await newTenant(service, {});
    const targets = [await newTarget(client, 10), await newTarget(client, 10)];
    const tus = new TusClient(service, client.key);
    const uploads = [await tus.create(10), await tus.create(10)];
    expect(typeOf(await tryTarget(client, 10))).toBe(tooMany(4));
    await fetch(targets[0]?.url ?? '', { method: 'PUT', body: Buffer.alloc(10) });
    expect(typeOf(await tryTarget(client, 10))).toBe(tooMany(4));
    const used = await tryContent(client, { documentKey: targets[0]?.documentKey });
    expect(used.errors).toBeUndefined();
    expect(typeOf(await tryTarget(client, 10))).toBe('ok');
    expect(typeOf(await tryTarget(client, 10))).toBe(tooMany(4));
    await tus.send(uploads[0] ?? '', { method: 'DELETE' });
    expect(await tryTus(client, 10)).toBe('ok');
    expect(await tryTus(client, 10)).toBe('RATE_LIMITED too_many_targets');
  });

  test('are bounded for an organization, and others are not', async () => {
    const { organizationId } = await newTenant(service, {});
    const answers: string[] = [];
    for (let index = 0; index < 6; index += 1) {
      const client = await newClient(service, { organizationId });
      for (let time = 0; time < 4; time += 1) answers.push(typeOf(await tryTarget(client, 1)));
    }
    expect(tally(answers)).toEqual({ ok: 20, [tooMany(20)]: 4 });
    expect(typeOf(await tryTarget(await newTenant(service, {}), 1))).toBe('ok');
  });

  test('have so many bytes at most, but for a single one, while bytes may come', async () => {
    const client = await newTenant(service, {});
    expect(typeOf(await tryTarget(client, 600))).toBe('ok');
    expect(typeOf(await tryTarget(client, 400))).toBe('ok');
    expect(typeOf(await tryTarget(client, 1))).toBe(tooLarge(1_000));
    expect(typeOf(await tryTarget(client, 0))).toBe('ok');
    now += 15 * 60_000;
    expect(typeOf(await tryTarget(client, 5_000))).toBe('ok');
    const other = await newTenant(service, {});
    expect(typeOf(await tryTarget(other, 5_000))).toBe('ok');
    expect(typeOf(await tryTarget(other, 1))).toBe(tooLarge(1_000));
  });

  test('leave no row if they are refused', async () => {
    const client = await newTenant(service, {});
    for (let time = 0; time < 6; time += 1) await tryTarget(client, 10);
    const rows = await queryTestDatabase(
      service.dataDirectory,
      `SELECT id FROM upload_targets WHERE organization_id = '${client.organizationId}'`,
    );
    expect(rows).toHaveLength(4);
  });
});

/** A PATCH by hand, of a body that goes on. */
async function openPatch(client: Client, url: string, headers: Record<string, string | number>) {
  const connection = await RawConnection.open(service.url);
  const head = requestHead(new URL(url, service.url).pathname, {
    ...client.headers,
    'Tus-Resumable': '1.0.0',
    'Content-Type': offsetStream,
    'Upload-Offset': 0,
    ...headers,
  });
  await connection.send(head.replace('POST', 'PATCH'));
  return connection;
}

const chunkOf = (size: number) => chunked(Buffer.alloc(size, 'x'), size).subarray(0, -'0\r\n\r\n'.length);

const received = async (organizationId: string): Promise<number> => {
  const [row] = await queryTestDatabase<{ received: number | string }>(
    service.dataDirectory,
    `SELECT received FROM upload_targets WHERE organization_id = '${organizationId}'`,
  );
  return Number(row?.received);
};

describe('an upload by tus whose bytes drip', () => {
  test('ends so long after its making, however steadily they come', async () => {
    const client = await newTenant(service, {});
    const tus = new TusClient(service, client.key);
    const url = await tus.create(10);
    const end = new Date(now + 3 * hourMs);
    const start = now;
    for (const [offset, hours] of [
      [0, 0.5],
      [1, 1.5],
      [2, 2.9],
    ] as const) {
      now = start + hours * hourMs;
      const { status, headers } = await tus.patch(url, offset, 'x');
      const expiry = new Date(Math.min(now + 2 * hourMs, end.getTime()));
      expect([status, headers.get('upload-expires')]).toEqual([204, expiry.toUTCString()]);
    }
    now = end.getTime();
    expect((await tus.patch(url, 3, 'x')).status).toBe(410);
  });

  test('ends within a request, too', async () => {
    const client = await newTenant(service, {});
    const url = await new TusClient(service, client.key).create(900);
    const connection = await openPatch(client, url, { 'Transfer-Encoding': 'chunked' });
    await connection.send(chunkOf(10));
    while ((await received(client.organizationId)) === 0) {
      await connection.send(chunkOf(1));
      await sleep(50);
    }
    now += 3 * hourMs;
    let answer: { status: number; body: string } | null = null;
    for (let sent = 0; answer === null && sent < 500; sent += 1) {
      await connection.send(chunkOf(1));
      answer = await connection.response(50).catch(() => null);
    }
    expect([answer?.status, answer?.body]).toEqual([410, expect.stringContaining('upload_gone')]);
    connection.destroy();
  });
});

describe('an upload by tus of unknown length', () => {
  const size = 10_000;
  const createDeferred = async (client: Client) => {
    const { headers } = await new TusClient(service, client.key).post({ 'upload-defer-length': '1' });
    return headers.get('location') ?? '';
  };

  test('meets the quota before its body if that has a length', async () => {
    const client = await newTenant(service, { bytes: size });
    const connection = await openPatch(client, await createDeferred(client), { 'Content-Length': size + 1 });
    const { status, body } = await connection.response();
    expect([status, body]).toEqual([413, expect.stringContaining('QUOTA_EXCEEDED')]);
    connection.destroy();
  });

  test('meets the quota at the byte too many, and takes all up to it', async () => {
    const client = await newTenant(service, { bytes: size });
    const url = await createDeferred(client);
    const connection = await openPatch(client, url, { 'Transfer-Encoding': 'chunked' });
    await connection.send(chunkOf(size));
    while ((await received(client.organizationId)) !== size) await sleep(20);
    await expect(connection.response(50)).rejects.toThrow('No response');
    await connection.send(chunkOf(1));
    const { status, body, headers } = await connection.response();
    expect([status, headers.get('upload-offset')]).toEqual([413, String(size)]);
    expect(body).toContain(`"limit":${size}`);
    connection.destroy();
    const tus = new TusClient(service, client.key);
    expect((await tus.patch(url, size, 'x')).fault).toBe('QUOTA_EXCEEDED quota_bytes');
    expect((await tus.patch(url, size, '', { 'upload-length': String(size) })).status).toBe(204);
    expect((await usageOf(client)).bytes).toBe(0);
  });
});
