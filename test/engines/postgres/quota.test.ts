import { codeOf, tally, tryCopy, usageOf } from '../../service/quotas/quota-stage.js';
import { report } from '../../support/report.js';
import type { SpawnedService } from '../../support/spawned-service.js';
import { Cluster } from './cluster.js';

const size = 20_000;
let cluster: Cluster;
let services: SpawnedService[];
beforeAll(async () => {
  cluster = await Cluster.open();
  const env = { QUOTA_BYTES: String(50 * size), QUOTA_ATTACHMENTS: '80', SCANNER: 'none' };
  services = await Promise.all([cluster.serve(env), cluster.serve(env)]);
});
afterAll(() => cluster[Symbol.asyncDispose]());

const clientOf = (index: number) => {
  const { client } = services[index % 2] ?? {};
  if (!client) throw new Error('There is no service.');
  return client;
};

const stored = async () => {
  const [row] = await cluster.query(
    'SELECT (SELECT COALESCE(SUM(size), 0)::int FROM blobs) AS bytes, (SELECT COUNT(*)::int FROM attachments) AS attachments',
  );
  return row;
};

test('200 uploads at once, spread over two processes: as many are stored as fit, to the byte', async () => {
  const content = Buffer.alloc(size, 'x');
  const one = (index: number) => clientOf(index).tryUpload({ content, name: 'a.bin' });
  let unavailable = 0;
  const until = async (index: number): Promise<string> => {
    const code = codeOf(await one(index));
    if (code !== 'STORAGE_UNAVAILABLE') return code;
    // A busy machine says so honestly. It may have stored the file all the same.
    unavailable += 1;
    return until(index);
  };
  const codes = tally(await Promise.all(Array.from({ length: 200 }, (_, index) => until(index))));
  const { ok = 0, ...refused } = codes;
  expect(ok).toBeLessThanOrEqual(50);
  expect(ok).toBeGreaterThanOrEqual(50 - unavailable);
  expect(refused).toEqual({ QUOTA_EXCEEDED: 200 - ok });
  expect(await stored()).toEqual({ bytes: 50 * size, attachments: 50 });
  for (const index of [0, 1])
    expect(await usageOf(clientOf(index))).toMatchObject({ bytes: 50 * size, attachments: 50 });
  report(`200 uploads by two processes with room for 50: ${JSON.stringify(codes)}`);
});

test('60 copies at once with room for 30 make 30', async () => {
  const { attachments } = await clientOf(0).ask<{ attachments: { nodes: { id: string }[] } }>(
    '{ attachments(first: 1) { nodes { id } } }',
  );
  const id = attachments.nodes[0]?.id ?? '';
  const answers = await Promise.all(Array.from({ length: 60 }, (_, index) => tryCopy(clientOf(index), id)));
  expect(tally(answers.map(codeOf))).toEqual({ ok: 30, QUOTA_EXCEEDED: 30 });
  expect(await stored()).toEqual({ bytes: 50 * size, attachments: 80 });
  expect(await cluster.query('SELECT id FROM reservations')).toEqual([]);
});
