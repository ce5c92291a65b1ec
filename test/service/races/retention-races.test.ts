import type { Client } from '../../support/client.js';
import { link, type RecordRef, see } from '../doors/links.js';
import { codeOf, type Operation, RaceStage } from './race-stage.js';

let races: RaceStage;
beforeAll(async () => {
  races = await RaceStage.open({ UNLINKED_RETENTION_DAYS: '1' });
});
afterAll(() => races[Symbol.asyncDispose]());
afterEach(async () => expect(await races.stage.ledger.dangling()).toEqual([]));

const event = (id: string): RecordRef => ({ type: 'Event', id });

const change =
  (id: string, record: RecordRef, mode: 'ADD' | 'REMOVE' | 'REPLACE'): Operation =>
  (client) =>
    link(client, { record, mode, attachmentIds: mode === 'REPLACE' ? [] : [id] });

const deleteAll = (record: RecordRef) => (client: Client) =>
  client.graphql<object>(
    `mutation ($input: DeleteRecordAttachmentsInput!) {
      deleteRecordAttachments(input: $input) { deletedAttachmentIds } }`,
    { input: { record } },
  );

/** An attachment that is in a field of each of these records, and of no others. */
async function linkedTo(...records: RecordRef[]): Promise<string> {
  const { id } = await races.upload();
  for (const record of records)
    expect(codeOf(await link(races.client, { record, attachmentIds: [id] }))).toBe('ok');
  return id;
}

const leavings: Record<string, (id: string, record: RecordRef) => Operation> = {
  REMOVE: (id, record) => change(id, record, 'REMOVE'),
  REPLACE: (id, record) => change(id, record, 'REPLACE'),
  deleteRecordAttachments: (_, record) => deleteAll(record),
};

test.each(Object.keys(leavings))(
  'an attachment linked beside a %s elsewhere stays for good',
  async (name) => {
    await races.run(`ADD beside ${name}`, 32, async () => {
      const [from, to] = [event(`${races.stage.newName()}-from`), event(`${races.stage.newName()}-to`)];
      const id = await linkedTo(from);
      const leave = leavings[name]?.(id, from) ?? deleteAll(from);
      const answers = await races.atOnce([leave, change(id, to, 'ADD')]);
      expect(answers.map(codeOf)).toEqual(['ok', 'ok']);
      const seen = await see(races.client, id);
      expect(seen).toMatchObject({ links: { totalCount: 1, nodes: [{ record: to }] }, expiresAt: null });
      return 'ok';
    });
  },
);

test('an attachment that leaves its last two fields at once has an end', async () => {
  await races.run('REMOVE beside REMOVE', 32, async () => {
    const records = [event(`${races.stage.newName()}-1`), event(`${races.stage.newName()}-2`)];
    const id = await linkedTo(...records);
    const answers = await races.atOnce(records.map((record) => change(id, record, 'REMOVE')));
    expect(answers.map(codeOf)).toEqual(['ok', 'ok']);
    const seen = await see(races.client, id);
    expect(seen).toMatchObject({ links: { totalCount: 0 }, expiresAt: expect.any(String) });
    return 'ok';
  });
});
