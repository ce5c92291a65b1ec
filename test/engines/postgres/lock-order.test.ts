import { idsIn, link, type RecordRef } from '../../service/doors/links.js';
import { codeOf, tally } from '../../service/quotas/quota-stage.js';
import type { Answer, Client } from '../../support/client.js';
import { report } from '../../support/report.js';
import { roundsOf } from '../../support/seeded-random.js';
import { Cluster } from './cluster.js';

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
