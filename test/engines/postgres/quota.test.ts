import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig } from '../../../src/config/config.js';
import { Reservations } from '../../../src/quotas/reservations.js';
import { openConfiguredDatabase } from '../../../src/wiring/open-stores.js';
import { codeOf, remove, tally, tallyAtOnce, tryCopy, usageOf } from '../../service/quotas/quota-stage.js';
import { beginUpload } from '../../support/begin-upload.js';
import { report } from '../../support/report.js';
import { startCommand } from '../../support/run-command.js';
import { seededRandom } from '../../support/seeded-random.js';
import type { SpawnedService } from '../../support/spawned-service.js';
import { Cluster } from './cluster.js';
import { holdLocks, untilBlocked } from './held-locks.js';

const size = 300_000;
const env = { QUOTA_BYTES: String(50 * size), QUOTA_ATTACHMENTS: '80', SCANNER: 'none' };
let cluster: Cluster;
let services: SpawnedService[];
beforeAll(async () => {
  cluster = await Cluster.open();
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
  const { codes, unavailable } = await tallyAtOnce(200, one);
  const { ok = 0, ...refused } = codes;
  expect(ok).toBeLessThanOrEqual(50);
  expect(ok).toBeGreaterThanOrEqual(50 - unavailable);
  expect(refused).toEqual({ QUOTA_EXCEEDED: 200 - ok });
  expect(await stored()).toEqual({ bytes: 50 * size, attachments: 50 });
  for (const index of [0, 1])
    expect(await usageOf(clientOf(index))).toMatchObject({ bytes: 50 * size, attachments: 50 });
  report(`200 uploads by two processes with room for 50: ${JSON.stringify(codes)}`);
});

test('room of uploads that are broken off, and of a killed process, is given back to the byte', async () => {
  const random = seededRandom();
  const content = Buffer.alloc(size, 'y');
  const before = await stored();
  const { attachments } = await clientOf(0).ask<{ attachments: { nodes: { id: string }[] } }>(
    '{ attachments(first: 5) { nodes { id } } }',
  );
  for (const { id } of attachments.nodes) await remove(clientOf(0), id);
  const doomed = await cluster.serve(env);
  const reserved = () => cluster.query<{ id: string }>('SELECT id FROM reservations');
  const broken = Array.from({ length: 10 }, () => beginUpload(doomed.client, content));
  while ((await reserved()).length === 0) await sleep(1);
  const cutOff = Array.from({ length: 30 }, async (_, index) => {
    const upload = beginUpload(clientOf(index), content);
    await upload.sent.catch(() => undefined);
    await sleep(random.integer(0, 200));
    upload.cut();
  });
  await Promise.all([doomed.end('SIGKILL'), ...cutOff]);
  for (const upload of broken) upload.cut();
  const left = (await reserved()).length;
  expect(left).toBeGreaterThan(0);
  const database = await openConfiguredDatabase(loadConfig(cluster.env()));
  const reservations = new Reservations(database, { deadAfterMs: 1_000 });
  for (; (await reserved()).length > 0; await sleep(100)) await reservations.dropDead();
  await database.close();
  let made = 0;
  while (codeOf(await clientOf(made).tryUpload({ content, name: 'b.bin' })) === 'ok') made += 1;
  expect([made, await stored()]).toEqual([attachments.nodes.length, before]);
  report(
    `seed ${random.seed}: 40 uploads broken off, ten of them with their process, and ${left} reservations left`,
  );
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

const quota = (...words: string[]) => startCommand(['quota', ...words], cluster.env(env)).result;

test('one of two recounts at once corrects the counters', async () => {
  const right = await usageOf(clientOf(0));
  await cluster.query('INSERT INTO usage_changes SELECT id, 1000, 0, 0 FROM organizations');
  const release = await holdLocks(cluster, 'LOCK TABLE usage_changes IN SHARE MODE');
  const recounts = [quota('recount'), quota('recount')];
  await untilBlocked(cluster, /INSERT INTO usage_changes|pg_advisory_xact_lock/, 2);
  await release();
  const told = (await Promise.all(recounts)).map(({ lines }) => lines.at(-1) ?? '');
  expect(told.toSorted()).toEqual([
    '1 organizations counted, 0 counters corrected.',
    '1 organizations counted, 1 counters corrected.',
  ]);
  expect(await usageOf(clientOf(1))).toEqual(right);
});

test('two bounds that are set at once both hold', async () => {
  await quota('set', '--bytes', '1000', '--attachments', '10');
  const release = await holdLocks(cluster, 'SELECT 1 FROM quotas FOR UPDATE');
  const sets = [quota('set', '--bytes', '2000'), quota('set', '--attachments', '20')];
  await untilBlocked(cluster, /quotas/, 2);
  await release();
  expect((await Promise.all(sets)).map(({ status }) => status)).toEqual([0, 0]);
  expect(await usageOf(clientOf(0))).toMatchObject({ maxBytes: 2_000, maxAttachments: 20 });
});
