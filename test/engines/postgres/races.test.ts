import { setTimeout as pause } from 'node:timers/promises';
import { cleanUp } from '../../../src/cleaning/clean-up.js';
import { loadConfig } from '../../../src/config/config.js';
import { IntakeLeases } from '../../../src/intake/intake-leases.js';
import { Changes } from '../../../src/model/changes.js';
import { forgetWebhooks } from '../../../src/webhooks/fan-out.js';
import { openConfiguredDatabase, openConfiguredStorage } from '../../../src/wiring/open-stores.js';
import { claim, link } from '../../service/doors/links.js';
import type { Answer, Client } from '../../support/client.js';
import { report } from '../../support/report.js';
import { startService, type TestService } from '../../support/service.js';
import { Ledger } from '../../system/doors/ledger.js';
import { Cluster } from './cluster.js';

const rounds = 10;
const minute = 60_000;

let cluster: Cluster;
let services: [TestService, TestService];
let ledger: Ledger;
let now = Date.now();

beforeAll(async () => {
  cluster = await Cluster.open();
  const start = () =>
    startService(cluster.env({ GRACE_PERIOD_MINUTES: '1' }), { clock: () => new Date(now) });
  services = [await start(), await start()];
  const config = loadConfig(cluster.env());
  ledger = new Ledger(await openConfiguredDatabase(config), cluster.directory);
});
afterAll(async () => {
  await ledger[Symbol.asyncDispose]();
  for (const service of services) await service.close();
  await cluster[Symbol.asyncDispose]();
});
afterEach(async () => expect([await ledger.dangling(), await ledger.unnamedFiles()]).toEqual([[], []]));

const upload = () => services[0].client.upload({ content: `content ${Math.random()}`, name: 'a.txt' });

/** Does the same eight times at once, in both processes by turns. Returns the codes, null for success. */
async function inBoth(
  run: (client: Client, index: number) => Promise<Answer<unknown>>,
): Promise<(string | null)[]> {
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, index) => run(services[index % 2 === 0 ? 0 : 1].client, index)),
  );
  return answers.map(({ errors }) => errors?.[0]?.extensions.code ?? null);
}

const tally = (codes: (string | null)[]) => {
  const counts = new Map<string, number>();
  for (const code of codes) counts.set(code ?? 'succeeded', (counts.get(code ?? 'succeeded') ?? 0) + 1);
  return [...counts].map(([code, count]) => `${count} ${code}`).join(', ');
};

const remove = (client: Client, attachmentId: string) =>
  client.graphql(
    'mutation ($input: DeleteAttachmentInput!) { deleteAttachment(input: $input) { __typename } }',
    { input: { attachmentId } },
  );

const copy = (client: Client, attachmentId: string) =>
  client.graphql<{ copyAttachment: { attachment: { id: string } } }>(
    'mutation ($input: CopyAttachmentInput!) { copyAttachment(input: $input) { attachment { id } } }',
    { input: { attachmentId } },
  );

test('exactly one of eight claims for eight records in two processes wins', async () => {
  const all: (string | null)[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const { id } = await upload();
    const codes = await inBoth((client, index) => claim(client, id, { type: 'Task', id: `${id}-${index}` }));
    expect(codes.filter((code) => code === null)).toHaveLength(1);
    all.push(...codes);
  }
  report(`${rounds} rounds of 8 claims: ${tally(all)}`);
});

test('exactly one of eight links that expect the same version wins', async () => {
  const all: (string | null)[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const uploads = await Promise.all(Array.from({ length: 8 }, upload));
    const record = { type: 'Task', id: `versions-${round}` };
    const codes = await inBoth((client, index) => {
      const input = { record, attachmentIds: [uploads[index]?.id ?? ''], mode: 'ADD' as const };
      return link(client, Object.assign(input, { expectedVersion: 0 }));
    });
    expect(codes.filter((code) => code === null)).toHaveLength(1);
    all.push(...codes);
  }
  report(`${rounds} rounds of 8 links at one version: ${tally(all)}`);
});

test('one of eight deletions of one attachment succeeds, and its bytes go', async () => {
  const all: (string | null)[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const { id } = await upload();
    const codes = await inBoth((client) => remove(client, id));
    expect(codes.filter((code) => code === null)).toHaveLength(1);
    all.push(...codes);
  }
  report(`${rounds} rounds of 8 deletions: ${tally(all)}`);
});

test('the last copies over one file deleted at once take the file with them', async () => {
  const before = await ledger.count();
  for (let round = 0; round < rounds; round += 1) {
    const { id } = await upload();
    const copies = await Promise.all(Array.from({ length: 7 }, () => copy(services[1].client, id)));
    const ids = [id, ...copies.map(({ data }) => data?.copyAttachment.attachment.id ?? '')];
    const codes = await inBoth((client, index) => remove(client, ids[index] ?? ''));
    expect(codes).toEqual(Array(8).fill(null));
  }
  const after = await ledger.count();
  expect([after.blobs, after.attachments]).toEqual([before.blobs, before.attachments]);
  report(
    `${rounds} rounds of 8 last copies deleted at once: ${after.blobs - before.blobs} blobs left behind`,
  );
});

test('a copy made while the original is deleted has its bytes, or is none', async () => {
  const made: string[] = [];
  let refused = 0;
  for (let round = 0; round < rounds; round += 1) {
    const { id } = await upload();
    const [copied] = await Promise.all([copy(services[0].client, id), remove(services[1].client, id)]);
    const copyId = copied.data?.copyAttachment?.attachment.id;
    if (copyId === undefined) {
      expect(copied.errors?.[0]?.extensions.code).toBe('NOT_FOUND');
      refused += 1;
      continue;
    }
    made.push(copyId);
    const url = `${services[1].url}/attachments/${copyId}/a.txt`;
    const response = await fetch(url, { headers: services[1].client.headers });
    expect([200, 409, 423]).toContain(response.status);
    expect((await remove(services[0].client, copyId)).errors).toBeUndefined();
  }
  report(`${rounds} copies beside the deletion: ${made.length} made, ${refused} refused`);
});

test('three cleanings and claims at once: each file is either claimed or purged, and none is left between', async () => {
  const config = loadConfig(cluster.env());
  const deps = {
    database: ledger.database,
    storage: await openConfiguredStorage(config, ledger.database),
    clock: () => new Date(now),
    webhooks: { forget: forgetWebhooks },
    changes: new Changes(),
    leases: new IntakeLeases(ledger.database),
    auditRetentionMs: 0,
    webhookRetentionMs: 1,
  };
  now += 2 * minute;
  await cleanUp(deps);
  const uploads = await Promise.all(Array.from({ length: 60 }, upload));
  now += 2 * minute;
  // The cleanings take a while, and so some claims come before them and some after.
  const claimLater = async (id: string, index: number) => {
    await pause(index * 20);
    return claim(services[index % 2 === 0 ? 0 : 1].client, id, { type: 'Task', id });
  };
  const [claims] = await Promise.all([
    Promise.all(uploads.toReversed().map(({ id }, index) => claimLater(id, index))),
    cleanUp(deps),
    cleanUp(deps),
    cleanUp(deps),
  ]);
  const codes = claims.map(({ errors }) => errors?.[0]?.extensions.code ?? null);
  expect(codes.filter((code) => code !== null && code !== 'NOT_FOUND')).toEqual([]);
  for (const [index, { id }] of uploads.toReversed().entries()) {
    const url = `${services[0].url}/attachments/${id}/a.txt`;
    const { status } = await fetch(url, { method: 'HEAD', headers: services[0].client.headers });
    expect([id, status !== 404]).toEqual([id, codes[index] === null]);
  }
  report(`60 claims beside three cleanings: ${tally(codes)}`);
});

test('nothing of this was logged as an error', () => {
  const lines = services.flatMap(({ logLines }) => logLines).filter((line) => JSON.parse(line).level >= 40);
  expect(lines).toEqual([]);
});
