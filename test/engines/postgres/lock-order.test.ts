import { setTimeout as sleep } from 'node:timers/promises';
import { idsIn, link, type RecordRef } from '../../service/doors/links.js';
import { codeOf, tally } from '../../service/quotas/quota-stage.js';
import type { Answer, Client } from '../../support/client.js';
import { report } from '../../support/report.js';
import { roundsOf } from '../../support/seeded-random.js';
import { Cluster } from './cluster.js';
import { holdLocks, untilBlocked } from './held-locks.js';

const rounds = roundsOf(24);
let cluster: Cluster;
let clients: [Client, Client];
beforeAll(async () => {
  cluster = await Cluster.open();
  // PostgreSQL gives up none of two that block each other: their statements time out.
  await cluster.query(`ALTER DATABASE claimcheck SET deadlock_timeout = '1h'`);
  const env = { DATABASE_STATEMENT_TIMEOUT_SECONDS: '20', SCANNER: 'eicar' };
  const [one, other] = await Promise.all([cluster.serve(env), cluster.serve(env)]);
  clients = [one.client, other.client];
});
afterAll(() => cluster[Symbol.asyncDispose]());

let names = 0;
const newName = () => {
  names += 1;
  return String(names);
};
const newRecord = (): RecordRef => ({ type: 'Task', id: newName() });

/** Ids of so many attachments, which a record's field holds if one is given. */
async function uploadSome(count: number, place: { record?: RecordRef; field?: string } = {}) {
  const uploads = Array.from({ length: count }, () =>
    clients[0].upload({ content: `content ${newName()}`, name: 'a.txt' }, place),
  );
  return (await Promise.all(uploads)).map(({ id }) => id);
}

const replace = (client: Client, record: RecordRef, field: string, attachmentIds: readonly string[]) =>
  link(client, { record, field, mode: 'REPLACE', attachmentIds });

const mutate = (client: Client, name: string, input: object) => {
  const type = `${name[0]?.toUpperCase()}${name.slice(1)}Input`;
  return client.graphql<object>(`mutation ($input: ${type}!) { ${name}(input: $input) { __typename } }`, {
    input,
  });
};

/** Runs such a race some times, in two processes. Returns the codes of all answers. */
async function race(name: string, run: () => Promise<readonly Promise<Answer<unknown>>[]>) {
  const codes: string[] = [];
  for (let round = 0; round < rounds; round += 1) codes.push(...(await Promise.all(await run())).map(codeOf));
  report(`${rounds} × ${name}: ${JSON.stringify(tally(codes))}`);
  return tally(codes);
}

test('two who swap the attachments of two fields at once do not block each other', async () => {
  const record = newRecord();
  const [left, right] = [
    await uploadSome(20, { record, field: 'left' }),
    await uploadSome(20, { record, field: 'right' }),
  ];
  let [one, other] = [left, right];
  const codes = await race('swaps', async () => {
    [one, other] = [other, one];
    return [replace(clients[0], record, 'left', one), replace(clients[1], record, 'right', other)];
  });
  expect(codes).toEqual({ ok: 2 * rounds });
  expect([await idsIn(clients[0], record, 'left'), await idsIn(clients[1], record, 'right')]).toEqual([
    one,
    other,
  ]);
});

test('a link beside the verdicts of what it links does not block them', async () => {
  const codes = await race('ADD of new ones', async () => {
    const attachmentIds = await uploadSome(8);
    return clients.map((client, index) =>
      link(client, {
        record: newRecord(),
        mode: 'ADD',
        attachmentIds: attachmentIds.slice(4 * index).slice(0, 4),
      }),
    );
  });
  expect(codes).toEqual({ ok: 2 * rounds });
});

test('a deletion beside a new order of the field does not block it', async () => {
  const codes = await race('deleteAttachment beside REPLACE', async () => {
    const record = newRecord();
    const ids = await uploadSome(4, { record, field: 'files' });
    return [
      mutate(clients[0], 'deleteAttachment', { attachmentId: ids[2] }),
      replace(clients[1], record, 'files', ids.toReversed()),
    ];
  });
  expect(Object.keys(codes).filter((code) => !['ok', 'NOT_FOUND'].includes(code))).toEqual([]);
});

test('transfers between two records, there and back, do not block each other', async () => {
  const codes = await race('transferAttachment', async () => {
    const [here, there] = [newRecord(), newRecord()];
    const [[going], [coming]] = [
      await uploadSome(1, { record: here, field: 'files' }),
      await uploadSome(1, { record: there, field: 'files' }),
    ];
    return [
      mutate(clients[0], 'transferAttachment', {
        attachmentId: going,
        from: here,
        to: there,
        field: 'files',
      }),
      mutate(clients[1], 'transferAttachment', {
        attachmentId: coming,
        from: there,
        to: here,
        field: 'files',
      }),
    ];
  });
  expect(codes).toEqual({ ok: 2 * rounds });
});

describe('one that waits for a third beside another that wants the same', () => {
  /** Both, in this order, while somebody holds what the first one comes to at last. Returns the codes of their answers. */
  async function whileHeld(held: string, run: readonly (() => Promise<Answer<unknown>>)[]) {
    const scans = `SELECT 1 FROM blobs WHERE verdict = 'PENDING'`;
    while ((await cluster.query(scans)).length > 0) await sleep(20);
    const release = await holdLocks(cluster, `${held} FOR UPDATE`);
    const answers: Promise<Answer<unknown>>[] = [];
    for (const one of run) {
      answers.push(one());
      await untilBlocked(cluster, /./, answers.length);
    }
    await release();
    return (await Promise.all(answers)).map(codeOf);
  }

  test('a copy into fields that are not there yet, beside a link into one of them', async () => {
    const [from, to] = [newRecord(), newRecord()];
    const [one, other] = (await uploadSome(2, { record: from, field: 'first' })).toSorted();
    await uploadSome(1, { record: from, field: 'second' });
    const codes = await whileHeld(`SELECT 1 FROM attachments WHERE id = '${other}'`, [
      () => mutate(clients[0], 'copyRecordAttachments', { from, to }),
      () => link(clients[1], { record: to, field: 'second', mode: 'ADD', attachmentIds: [one ?? ''] }),
    ]);
    expect(codes).toEqual(['ok', 'ALREADY_CLAIMED']);
    const lengths = ['first', 'second'].map(async (field) => (await idsIn(clients[0], to, field)).length);
    expect(await Promise.all(lengths)).toEqual([2, 1]);
  });

  test('a copy beside the deletion of all that it copies', async () => {
    const [from, to] = [newRecord(), newRecord()];
    await uploadSome(1, { record: from, field: 'second' });
    const [newer] = await uploadSome(1, { record: from, field: 'first' });
    const bytes = `SELECT 1 FROM blobs WHERE id = (SELECT blob_id FROM attachments WHERE id = '${newer}')`;
    const codes = await whileHeld(bytes, [
      () => mutate(clients[0], 'copyRecordAttachments', { from, to }),
      () => mutate(clients[1], 'deleteRecordAttachments', { record: from }),
    ]);
    expect(codes).toEqual(['ok', 'ok']);
    const lengths = ['first', 'second'].map(async (field) => (await idsIn(clients[0], to, field)).length);
    expect(await Promise.all(lengths)).toEqual([1, 1]);
  });

  test('a transfer into a field that is not there yet, beside a link into it', async () => {
    const [from, to] = [newRecord(), newRecord()];
    const [attachmentId = ''] = await uploadSome(1, { record: from });
    await mutate(clients[0], 'createShareLink', { attachmentId });
    const links = `SELECT 1 FROM share_links WHERE attachment_id = '${attachmentId}'`;
    const codes = await whileHeld(links, [
      () =>
        mutate(clients[0], 'transferAttachment', {
          ...{ attachmentId, from, to, field: 'files' },
          revokeShareLinks: true,
        }),
      () => link(clients[1], { record: to, field: 'files', mode: 'ADD', attachmentIds: [attachmentId] }),
    ]);
    expect(codes).toEqual(['ok', 'ok']);
    expect(await idsIn(clients[0], to, 'files')).toEqual([attachmentId]);
  });
});
