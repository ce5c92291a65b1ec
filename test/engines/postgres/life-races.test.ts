import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig } from '../../../src/config/config.js';
import { recountUsage } from '../../../src/quotas/usage.js';
import { openConfiguredDatabase } from '../../../src/wiring/open-stores.js';
import { claim, idsIn, link, type RecordRef, see } from '../../service/doors/links.js';
import { codeOf, tally } from '../../service/quotas/quota-stage.js';
import type { Client } from '../../support/client.js';
import { report } from '../../support/report.js';
import { roundsOf } from '../../support/seeded-random.js';
import type { SpawnedService } from '../../support/spawned-service.js';
import { Ledger } from '../../system/doors/ledger.js';
import { cleanLater } from '../../system/process/clean-later.js';
import { Cluster } from './cluster.js';

const rounds = roundsOf(4);
const env = { TRASH_DAYS: '1', SCANNER: 'none', QUOTA_ATTACHMENTS: '100000' };
let cluster: Cluster;
let services: SpawnedService[];
let ledger: Ledger;
beforeAll(async () => {
  cluster = await Cluster.open();
  services = await Promise.all([cluster.serve(env), cluster.serve(env)]);
  ledger = new Ledger(await openConfiguredDatabase(loadConfig(cluster.env())), cluster.directory);
});
afterAll(async () => {
  await ledger?.close();
  await cluster[Symbol.asyncDispose]();
});
afterEach(async () => {
  expect(await ledger.dangling()).toEqual([]);
  for (const { counted, actual } of await recountUsage(ledger.database.read)) expect(counted).toEqual(actual);
});

const clientOf = (index: number): Client => {
  const { client } = services[index % 2] ?? {};
  if (!client) throw new Error('There is no service.');
  return client;
};

let names = 0;
const newRecord = (): RecordRef => {
  names += 1;
  return { type: 'Task', id: String(names) };
};

const mutate = (client: Client, name: string, input: object) => {
  const type = `${name[0]?.toUpperCase()}${name.slice(1)}Input`;
  return client.graphql<object>(`mutation ($input: ${type}!) { ${name}(input: $input) { __typename } }`, {
    input,
  });
};

async function start() {
  const from = newRecord();
  const { id } = await clientOf(0).upload(
    { content: `content ${from.id}`, name: 'a.txt' },
    { record: from, field: 'files' },
  );
  return { id, from };
}

/** Does the same in both processes by turns, at once. Returns the codes. */
const inBoth = async (count: number, work: (client: Client, index: number) => ReturnType<typeof mutate>) =>
  (await Promise.all(Array.from({ length: count }, (_, index) => work(clientOf(index), index)))).map(codeOf);

test('one of eight transfers to eight records wins, beside a claim', async () => {
  const all: string[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const { id: attachmentId, from } = await start();
    const records = Array.from({ length: 8 }, newRecord);
    const claiming = claim(clientOf(round), attachmentId, newRecord());
    const codes = await inBoth(8, (client, index) =>
      mutate(client, 'transferAttachment', { attachmentId, from, to: records[index], field: 'files' }),
    );
    expect(tally(codes)).toEqual({ ok: 1, ALREADY_CLAIMED: 7 });
    expect(codeOf(await claiming)).toBe('ALREADY_CLAIMED');
    const winner = records[codes.indexOf('ok')] as RecordRef;
    expect((await see(clientOf(1), attachmentId))?.record).toEqual(winner);
    for (const record of [from, ...records])
      expect(await idsIn(clientOf(0), record, 'files')).toEqual(record === winner ? [attachmentId] : []);
    all.push(...codes);
  }
  report(`${rounds} rounds of 8 transfers in two processes: ${JSON.stringify(tally(all))}`);
});

test('one of eight restorations wins, beside a deletion for good', async () => {
  const [all, outcomes]: [string[], string[]] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    const { id: attachmentId } = await start();
    await mutate(clientOf(round), 'deleteAttachment', { attachmentId });
    const removing =
      round % 2 === 0
        ? null
        : mutate(clientOf(round), 'deleteAttachment', { attachmentId, permanently: true });
    const codes = await inBoth(8, (client) => mutate(client, 'restoreAttachment', { attachmentId }));
    const removed = removing === null ? null : codeOf(await removing);
    const restored = codes.filter((code) => code === 'ok').length;
    expect(codes.filter((code) => code !== 'ok' && code !== 'NOT_FOUND')).toEqual([]);
    expect(restored).toBeLessThanOrEqual(1);
    const left = await see(clientOf(1), attachmentId);
    if (removed === null) expect([restored, left === null]).toEqual([1, false]);
    else expect([removed, left]).toEqual(['ok', null]);
    all.push(...codes);
    outcomes.push(`${restored} restored, ${removed === null ? 'kept' : 'deleted'}`);
  }
  report(`${rounds} rounds of 8 restorations: ${JSON.stringify([tally(all), tally(outcomes)])}`);
});

test('eight copies of a record under one key in two processes are one', async () => {
  for (let round = 0; round < rounds; round += 1) {
    const { from } = await start();
    const to = newRecord();
    const copy = { from, to, idempotencyKey: to.id };
    const codes = await inBoth(8, (client) => mutate(client, 'copyRecordAttachments', copy));
    expect(tally(codes)).toEqual({ ok: 8 });
    expect(await idsIn(clientOf(1), to, 'files')).toHaveLength(1);
  }
});

test('a transfer in one process beside an unlinking in the other leaves it in the new field alone', async () => {
  for (let round = 0; round < rounds; round += 1) {
    const { id: attachmentId, from } = await start();
    const to = newRecord();
    const removal = { record: from, field: 'files', attachmentIds: [attachmentId], mode: 'REMOVE' } as const;
    const answers = await Promise.all([
      mutate(clientOf(round), 'transferAttachment', { attachmentId, from, to, field: 'files' }),
      link(clientOf(round + 1), removal),
    ]);
    expect(answers.map(codeOf)).toEqual(['ok', 'ok']);
    expect(await idsIn(clientOf(0), from, 'files')).toEqual([]);
    expect(await idsIn(clientOf(1), to, 'files')).toEqual([attachmentId]);
    expect(await see(clientOf(round), attachmentId)).toMatchObject({ record: to, expiresAt: null });
  }
});

/**
 * Has the first of two operations start earlier the next time if it lost, and later if it won, until both have happened and the
 * usual rounds are over.
 */
async function untilBoth(race: (headMs: number, round: number) => Promise<string>): Promise<string[]> {
  const outcomes: string[] = [];
  let [headMs, strideMs] = [0, 4];
  for (let round = 0; round < 60 && (round < rounds || new Set(outcomes).size < 2); round += 1) {
    const outcome = await race(headMs, round);
    const isFirstAhead = outcome === 'ok';
    strideMs = outcomes.at(-1) === outcome ? strideMs * 1.5 : 4;
    headMs += isFirstAhead ? -strideMs : strideMs;
    outcomes.push(outcome);
  }
  expect(Object.keys(tally(outcomes)).toSorted()).toEqual(['NOT_FOUND', 'ok']);
  return outcomes;
}

const wait = (ms: number) => sleep(Math.max(0, ms));

test('a replacement in one process beside a deletion for good in the other: both say what they have done', async () => {
  const outcomes = await untilBoth(async (headMs, round) => {
    const { id: attachmentId } = await start();
    const content = { base64: Buffer.from(`new content ${round}`).toString('base64') };
    const [replaced, deleted] = await Promise.all([
      wait(-headMs).then(() => mutate(clientOf(round), 'replaceContent', { attachmentId, content })),
      wait(headMs).then(() =>
        mutate(clientOf(round + 1), 'deleteAttachment', { attachmentId, permanently: true }),
      ),
    ]);
    expect(codeOf(deleted)).toBe('ok');
    expect(await see(clientOf(round), attachmentId)).toBeNull();
    return codeOf(replaced);
  });
  report(`replacements beside a deletion: ${JSON.stringify(tally(outcomes))}`);
});

test('a restoration and the purge of another process at once never both happen', async () => {
  const outcomes = await untilBoth(async (headMs, round) => {
    const { id: attachmentId } = await start();
    await mutate(clientOf(round), 'deleteAttachment', { attachmentId });
    const [restored] = await Promise.all([
      wait(-headMs).then(() => mutate(clientOf(round), 'restoreAttachment', { attachmentId })),
      wait(headMs).then(() => cleanLater(cluster.env(env), 48, () => undefined)),
    ]);
    expect((await see(clientOf(round + 1), attachmentId)) !== null).toBe(codeOf(restored) === 'ok');
    return codeOf(restored);
  });
  report(`restorations beside a purge: ${JSON.stringify(tally(outcomes))}`);
});
