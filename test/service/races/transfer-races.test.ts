import type { Answer, Client } from '../../support/client.js';
import { claim, idsIn, link, type RecordRef, see } from '../doors/links.js';
import { codeOf, RaceStage } from './race-stage.js';

let races: RaceStage;
beforeAll(async () => {
  races = await RaceStage.open();
});
afterAll(() => races[Symbol.asyncDispose]());
afterEach(async () => expect(await races.stage.ledger.dangling()).toEqual([]));

const transfer = (attachmentId: string, from: RecordRef, to: RecordRef) => (client: Client) =>
  client.graphql(
    'mutation ($input: TransferAttachmentInput!) { transferAttachment(input: $input) { attachment { id } } }',
    { input: { attachmentId, from, to, field: 'files' } },
  );

/** A file of a record's, in its field, and two records that want it. */
async function start() {
  const [from, one, other] = ['from', 'one', 'other'].map((name) => ({
    type: 'Task',
    id: `${name} ${races.stage.newName()}`,
  })) as [RecordRef, RecordRef, RecordRef];
  const { id } = await races.upload({ record: from, field: 'files' });
  return { id, from, one, other };
}

/** The record that owns it, as its links say, too. */
async function ownerOf(id: string, records: readonly RecordRef[]): Promise<RecordRef | null> {
  const seen = await see(races.client, id);
  const holding: RecordRef[] = [];
  for (const record of records)
    if ((await idsIn(races.client, record, 'files')).includes(id)) holding.push(record);
  expect(holding).toEqual(seen?.record ? [seen.record] : []);
  return seen?.record ?? null;
}

test('one of several transfers at once wins', async () => {
  await races.run('two transfers, and one back', 12, async () => {
    const { id, from, one, other } = await start();
    const answers = await races.atOnce([
      transfer(id, from, one),
      transfer(id, from, other),
      transfer(id, one, from),
    ]);
    const [first, second, back] = answers.map(codeOf);
    expect([first, second].toSorted()).toEqual(
      back === 'ok' && first === second ? ['ok', 'ok'] : ['ALREADY_CLAIMED', 'ok'],
    );
    expect(['ok', 'ALREADY_CLAIMED']).toContain(back);
    const owner = await ownerOf(id, [from, one, other]);
    const count = answers.map(codeOf).filter((code) => code === 'ok').length;
    expect((await races.events(id))['ATTACHMENT_TRANSFERRED']).toBe(count);
    return `${count} to ${owner?.id.split(' ')[0]}`;
  });
});

test('a transfer beside a claim by another record wins', async () => {
  await races.run('a transfer beside a claim', 12, async () => {
    const { id, from, one, other } = await start();
    const codes = (await races.atOnce([transfer(id, from, one), (client) => claim(client, id, other)])).map(
      codeOf,
    );
    expect([codes, await ownerOf(id, [from, one, other])]).toEqual([['ok', 'ALREADY_CLAIMED'], one]);
    return 'ok';
  });
});

test('a transfer beside an unlinking leaves it in the new field alone', async () => {
  await races.run('a transfer beside an unlinking', 12, async () => {
    const { id, from, one } = await start();
    const input = { record: from, field: 'files', attachmentIds: [id], mode: 'REMOVE' } as const;
    const codes = (await races.atOnce([transfer(id, from, one), (client) => link(client, input)])).map(
      codeOf,
    );
    expect([codes, await ownerOf(id, [from, one])]).toEqual([['ok', 'ok'], one]);
    expect((await see(races.client, id))?.expiresAt).toBeNull();
    return 'ok';
  });
});

test('a transfer beside the deletion of all that its record has keeps what it has moved', async () => {
  const balance = { headMs: 0 };
  await races.run('a transfer beside deleteRecordAttachments', 24, async () => {
    const { id, from, one } = await start();
    const query = `mutation ($input: DeleteRecordAttachmentsInput!) {
      deleteRecordAttachments(input: $input) { deletedAttachmentIds } }`;
    const deleting = races.client.graphql.bind(races.client, query, { input: { record: from } });
    const transferring = () => transfer(id, from, one)(races.client);
    const isFirstAhead = ({ errors }: Answer<unknown>) => errors === undefined;
    const answer = await races.evenly(balance, [transferring, deleting], isFirstAhead);
    const isMoved = codeOf(answer) === 'ok';
    expect(['ok', 'NOT_FOUND']).toContain(codeOf(answer));
    expect(await idsIn(races.client, one, 'files')).toEqual(isMoved ? [id] : []);
    expect(await ownerOf(id, [from, one])).toEqual(isMoved ? one : null);
    return codeOf(answer);
  });
});

test('a transfer beside a deletion either says what it has done, or finds nothing', async () => {
  const balance = { headMs: 0 };
  await races.run('a transfer beside a deletion', 12, async () => {
    const { id, from, one } = await start();
    const removing = () =>
      races.client.graphql(
        'mutation ($id: ID!) { deleteAttachment(input: { attachmentId: $id }) { deletedAttachmentId } }',
        { id },
      );
    const transferring = () => transfer(id, from, one)(races.client);
    const answer = await races.evenly(
      balance,
      [transferring, removing],
      ({ errors }) => errors === undefined,
    );
    expect(['ok', 'NOT_FOUND']).toContain(codeOf(answer));
    expect(await idsIn(races.client, one, 'files')).toEqual([]);
    return codeOf(answer);
  });
});
