import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import type { AttachmentData, Client } from '../../support/client.js';
import { until } from '../../support/jobs-contract.js';
import { report } from '../../support/report.js';
import { severalAtOnce } from '../../support/several-at-once.js';
import { Cluster } from './cluster.js';

const uploadsAtOnce = 6;
/** Many more than the connections. */
const burstSize = 40;

interface Tally {
  /** Ids and contents of what was acknowledged. */
  stored: Map<string, string>;
  /** Codes of refusals, and how often each came. */
  refusals: Map<string, number>;
}

/** Uploads one file after the other, each until it is acknowledged, always under the same key. */
async function uploadOn(client: Client, tally: Tally, name: string, isOver: () => boolean): Promise<void> {
  for (let count = 0; !isOver(); count += 1) {
    const content = `${name}-${count} `.repeat(2_000);
    const input = { idempotencyKey: `${name}-${count}` };
    let id: string | undefined;
    while (id === undefined) {
      const { data, errors } = await client.tryUpload({ content, name: 'a.txt' }, input);
      id = data?.createAttachment?.attachment.id;
      const code = errors?.[0]?.extensions.code;
      if (code === undefined) continue;
      tally.refusals.set(code, (tally.refusals.get(code) ?? 0) + 1);
      await pause(50);
    }
    tally.stored.set(id, content);
    await pause(30);
  }
}

const untilMore = ({ stored }: Tally): Promise<void> => {
  const before = stored.size;
  return until(() => stored.size >= before + 12, 60_000);
};

const statusOf = async (client: Client, id: string): Promise<string | undefined> => {
  const query = 'query ($id: ID!) { attachment(id: $id) { status } }';
  const answer = await client.ask<{ attachment: AttachmentData | null }>(query, { id });
  return answer.attachment?.status;
};

test('PostgreSQL crashes twice under load: nothing acknowledged is lost, refusals are typed, and no process is restarted', async () => {
  await using cluster = await Cluster.open();
  const service = await cluster.serve();
  const tally: Tally = { stored: new Map(), refusals: new Map() };
  let isOver = false;
  const uploading = Array.from({ length: uploadsAtOnce }, (_, index) =>
    uploadOn(service.client, tally, `uploader-${index}`, () => isOver),
  );
  const counts: number[] = [];
  for (const downMs of [500, 4_000]) {
    await untilMore(tally);
    counts.push(tally.stored.size);
    await cluster.postgres.crash();
    await pause(downMs);
    await cluster.postgres.restart();
  }
  await untilMore(tally);
  isOver = true;
  await Promise.all(uploading);
  counts.push(tally.stored.size);
  expect(service.process.exitCode).toBeNull();
  expect([...tally.refusals.keys()]).toEqual(['STORAGE_UNAVAILABLE']);
  await severalAtOnce(tally.stored, async ([id, content]) => {
    const end = performance.now() + 40_000;
    while ((await statusOf(service.client, id)) !== 'APPROVED') {
      if (performance.now() > end) throw new Error(`${id} is ${await statusOf(service.client, id)}`);
      await pause(50);
    }
    const response = await service.client.download(`/attachments/${id}/a.txt`);
    expect(await response.text()).toBe(content);
  });
  const { attachments } = await service.client.ask<{ attachments: { totalCount: number } }>(
    '{ attachments(first: 1) { totalCount } }',
  );
  expect(attachments.totalCount).toBe(tally.stored.size);
  const refused = [...tally.refusals].map(([code, count]) => `${count} ${code}`).join(', ');
  report(`acknowledged before each crash and at the end: ${counts.join(', ')}; refused: ${refused}`);
}, 180_000);

test('requests wait or are refused by type once connections run out, and none hangs', async () => {
  await using cluster = await Cluster.open({ maxConnections: 20 });
  const service = await cluster.serve({ DATABASE_POOL_SIZE: '2' });
  const burst = async () => {
    const answers = await Promise.all(
      Array.from({ length: burstSize }, () => service.client.tryUpload({ content: 'x', name: 'a.txt' })),
    );
    return answers.map(({ errors }) => errors?.[0]?.extensions.code ?? 'stored');
  };
  const few = await burst();
  expect(new Set(few)).toEqual(new Set(['stored']));
  const others = await takeAllConnections(cluster.postgres.url);
  const none = await burst();
  expect(none.filter((code) => code !== 'stored' && code !== 'STORAGE_UNAVAILABLE')).toEqual([]);
  // The service may have given connections back meanwhile.
  let late = 'started';
  for (let tries = 0; late === 'started' && tries < 5; tries += 1) {
    others.push(...(await takeAllConnections(cluster.postgres.url)));
    late = await cluster.serve().then(
      async (started) => {
        await started.end('SIGTERM');
        return 'started';
      },
      (error: Error) => error.message,
    );
  }
  expect(late).toMatch(/too many clients|remaining connection slots/);
  await Promise.all(others.map((client) => client.end()));
  expect(new Set(await burst())).toEqual(new Set(['stored']));
  const stored = none.filter((code) => code === 'stored').length;
  report(
    `${burstSize} uploads over 2 connections: all stored; with none left on the server: ${stored} stored`,
  );
}, 120_000);

async function takeAllConnections(url: string): Promise<pg.Client[]> {
  const taken: pg.Client[] = [];
  for (;;) {
    const client = new pg.Client({ connectionString: url });
    const isOpen = await client.connect().then(
      () => true,
      () => false,
    );
    if (!isOpen) return taken;
    client.on('error', () => undefined);
    taken.push(client);
  }
}
