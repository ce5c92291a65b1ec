import { loadConfig } from '../../../src/config/config.js';
import { recountUsage } from '../../../src/quotas/usage.js';
import { openConfiguredDatabase } from '../../../src/wiring/open-stores.js';
import { claim, idsIn, type RecordRef, see } from '../../service/doors/links.js';
import { codeOf, tally } from '../../service/quotas/quota-stage.js';
import type { Client } from '../../support/client.js';
import { report } from '../../support/report.js';
import { roundsOf } from '../../support/seeded-random.js';
import type { SpawnedService } from '../../support/spawned-service.js';
import { Ledger } from '../../system/doors/ledger.js';
import { Cluster } from './cluster.js';

const rounds = roundsOf(4);
let cluster: Cluster;
let services: SpawnedService[];
let ledger: Ledger;
beforeAll(async () => {
  cluster = await Cluster.open();
  const env = { TRASH_DAYS: '1', SCANNER: 'none', QUOTA_ATTACHMENTS: '100000' };
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
