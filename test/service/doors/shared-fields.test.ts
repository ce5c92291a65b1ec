import { v7 as uuidv7 } from 'uuid';
import type { Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { report } from '../../support/report.js';
import { claim, faultsOf, idsIn, link, type RecordRef, see } from './links.js';
import { sharedPolicies } from './shared-policies.js';
import { Stage } from './stage.js';

const day = 86_400_000;

let stage: Stage;
let owner: Client;
let colleague: Client;
let now = Date.now();

beforeAll(async () => {
  stage = await Stage.open(sharedPolicies, { UNLINKED_RETENTION_DAYS: '3' }, () => ({
    clock: () => new Date(now),
  }));
  owner = stage.owner;
  colleague = await newClient(stage.service);
});
afterAll(() => stage[Symbol.asyncDispose]());

const newRecord = (type = 'Event'): RecordRef => ({ type, id: stage.newName() });
const upload = async (input: object = {}, client = owner) =>
  (await client.upload({ content: 'shared by many', name: 'a.txt' }, input)).id;
const uploads = (count: number) => Promise.all(Array.from({ length: count }, () => upload()));

/** Links, which must succeed, and returns what the field holds then. */
async function add(client: Client, record: RecordRef, ...attachmentIds: string[]): Promise<string[]> {
  expect(faultsOf(await link(client, { record, attachmentIds, mode: 'ADD' }))).toBeUndefined();
  return idsIn(client, record);
}

const remove = (record: RecordRef, attachmentId: string, client = owner) =>
  link(client, { record, attachmentIds: [attachmentId], mode: 'REMOVE' });

describe('linking', () => {
  test('does not claim, however many records link to it', async () => {
    const id = await upload();
    const records = [newRecord(), newRecord(), newRecord()];
    for (const record of records) expect(await add(owner, record, id)).toEqual([id]);
    const seen = await see(owner, id);
    expect(seen).toMatchObject({ record: null, claimedAt: null, expiresAt: null, links: { totalCount: 3 } });
    expect(seen?.links.nodes.map(({ record }) => record.id).sort()).toEqual(
      records.map(({ id }) => id).sort(),
    );
  });

  test('shows it to the organization, and to nobody else', async () => {
    const [id, record] = [await upload(), newRecord()];
    const foreigner = await newClient(stage.service, { organizationId: uuidv7() });
    expect(await see(colleague, id)).toBeNull();
    expect(faultsOf(await link(colleague, { record, attachmentIds: [id] }))).toEqual({
      code: 'NOT_FOUND',
      faults: ['input.attachmentIds.0: not_found'],
    });
    await add(owner, record, id);
    expect(await see(colleague, id)).toMatchObject({ id, record: null });
    expect(await idsIn(stage.reader, record)).toEqual([id]);
    expect(await see(foreigner, id)).toBeNull();
    expect(faultsOf(await link(foreigner, { record, attachmentIds: [id] }))?.code).toBe('NOT_FOUND');
  });

  test('is open to others once it is shared; claiming is not', async () => {
    const [id, first, second] = [await upload(), newRecord(), newRecord()];
    await add(owner, first, id);
    expect(await add(colleague, second, id)).toEqual([id]);
    expect(faultsOf(await claim(colleague, id, second))?.code).toBe('NOT_FOUND');
    expect(await see(owner, id)).toMatchObject({ record: null, links: { totalCount: 2 } });
  });

  test('comes with the creation, where record and field are given', async () => {
    const record = newRecord();
    const id = await upload({ record, field: 'attachments' });
    expect(await see(colleague, id)).toMatchObject({
      record: null,
      claimedAt: null,
      expiresAt: null,
      links: { totalCount: 1 },
    });
    expect(await idsIn(colleague, record)).toEqual([id]);
    expect(await add(colleague, newRecord(), id)).toEqual([id]);
  });

  test('names those that cannot be linked, and no others', async () => {
    const [shared, hidden, taken] = [await upload(), await upload(), await upload()];
    await add(owner, newRecord(), shared);
    await claim(owner, taken, newRecord('Task'));
    const record = newRecord();
    const answer = await link(colleague, { record, attachmentIds: [shared, hidden, taken] });
    expect(faultsOf(answer)).toEqual({
      code: 'NOT_FOUND',
      faults: ['input.attachmentIds.1: not_found', 'input.attachmentIds.2: already_claimed'],
    });
    expect(await idsIn(owner, record)).toEqual([]);
    expect(await see(owner, shared)).toMatchObject({ links: { totalCount: 1 } });
  });
});

describe('a claim', () => {
  test('keeps other records from linking to it', async () => {
    const [id, task] = [await upload(), newRecord('Task')];
    await claim(owner, id, task);
    for (const client of [owner, colleague]) {
      expect(faultsOf(await link(client, { record: newRecord(), attachmentIds: [id] }))).toEqual({
        code: 'ALREADY_CLAIMED',
        faults: ['input.attachmentIds.0: already_claimed'],
      });
    }
  });

  test('leaves the links that are there already, and lets its own record link', async () => {
    const [id, before, own, after] = [await upload(), newRecord(), newRecord(), newRecord()];
    await add(owner, before, id);
    expect(faultsOf(await claim(owner, id, own))).toBeUndefined();
    expect(await idsIn(owner, before)).toEqual([id]);
    expect(await add(colleague, own, id)).toEqual([id]);
    expect(faultsOf(await link(owner, { record: after, attachmentIds: [id] }))?.code).toBe('ALREADY_CLAIMED');
    expect(await see(owner, id)).toMatchObject({ record: own, links: { totalCount: 2 } });
  });

  test('keeps it, whoever else unlinks it', async () => {
    const [id, guest, own] = [await upload(), newRecord(), newRecord('Task')];
    await add(owner, guest, id);
    await claim(owner, id, own);
    expect((await remove(guest, id)).data?.linkAttachments.unlinked).toEqual([{ id, expiresAt: null }]);
    expect(await see(owner, id)).toMatchObject({ record: own, expiresAt: null });
  });

  test('is what a field that is EXCLUSIVE makes, next to one that is SHARED', async () => {
    const [id, record] = [await upload(), newRecord()];
    expect(faultsOf(await link(owner, { record, field: 'own', attachmentIds: [id] }))).toBeUndefined();
    expect(await see(owner, id)).toMatchObject({ record, claimedAt: new Date(now).toISOString() });
    expect(await add(owner, record, id)).toEqual([id]);
    for (const field of ['own', 'attachments']) {
      expect(faultsOf(await link(owner, { record: newRecord(), field, attachmentIds: [id] }))?.code).toBe(
        'ALREADY_CLAIMED',
      );
    }
    expect(await idsIn(owner, record, 'own')).toEqual([id]);
  });
});

describe('unlinking', () => {
  test('from one record leaves it in the other; from the last it begins to expire; a new link stops that', async () => {
    const [id, first, second, third] = [await upload(), newRecord(), newRecord(), newRecord()];
    await add(owner, first, id);
    await add(owner, second, id);
    expect((await remove(first, id)).data?.linkAttachments.unlinked).toEqual([{ id, expiresAt: null }]);
    expect(await idsIn(owner, second)).toEqual([id]);

    now += 1_000;
    const expiresAt = new Date(now + 3 * day).toISOString();
    expect((await remove(second, id, colleague)).data?.linkAttachments.unlinked).toEqual([{ id, expiresAt }]);
    expect(await see(colleague, id)).toMatchObject({ record: null, expiresAt, links: { totalCount: 0 } });

    expect(await add(colleague, third, id)).toEqual([id]);
    expect(await see(owner, id)).toMatchObject({ expiresAt: null, links: { totalCount: 1 } });
  });

  test('is what the deletion of a record does; it stays with the others', async () => {
    const [id, first, second] = [await upload(), newRecord(), newRecord()];
    await add(owner, first, id);
    await add(owner, second, id);
    const query = `mutation ($record: RecordInput!) {
      deleteRecordAttachments(input: { record: $record }) { deletedAttachmentIds } }`;
    const deleted = await owner.ask<object>(query, { record: first });
    expect(deleted).toEqual({ deleteRecordAttachments: { deletedAttachmentIds: [] } });
    expect(await see(owner, id)).toMatchObject({ expiresAt: null, links: { totalCount: 1 } });
    await owner.ask(query, { record: second });
    expect(await see(owner, id)).toMatchObject({ expiresAt: new Date(now + 3 * day).toISOString() });
  });
});

describe('maxCount', () => {
  const field = 'few';
  const tooMany = { code: 'TOO_MANY_ATTACHMENTS', faults: ['input.attachmentIds: too_many'], limit: 5 };

  test.each([
    [4, undefined],
    [5, undefined],
    [6, tooMany],
  ])('%i at once', async (count, refusal) => {
    const [record, attachmentIds] = [newRecord(), await uploads(count)];
    expect(faultsOf(await link(owner, { record, field, attachmentIds }))).toEqual(refusal);
    expect(await idsIn(owner, record, field)).toEqual(refusal ? [] : attachmentIds);
  });

  test.each([3, 4, 5])('20 that add to %i at once never exceed it', async (present) => {
    const [record, attachmentIds, more] = [newRecord(), await uploads(present), await uploads(20)];
    await link(owner, { record, field, attachmentIds });
    for (const id of more.slice(0, 10)) await add(owner, newRecord(), id);
    const answers = await Promise.all(
      more.map((id, index) =>
        link(index < 10 ? colleague : owner, { record, field, attachmentIds: [id], mode: 'ADD' }),
      ),
    );
    const added = more.filter((_, index) => answers[index]?.errors === undefined);
    const refused = answers.flatMap((answer) => faultsOf(answer) ?? []);
    report(`20 that add to ${present} of 5: ${added.length} linked, ${refused.length} refused`);
    expect(added).toHaveLength(5 - present);
    expect(refused).toEqual(Array.from({ length: 15 + present }, () => tooMany));
    const held = await idsIn(owner, record, field);
    expect([held.slice(0, present), held.slice(present).sort()]).toEqual([attachmentIds, added.sort()]);
  });

  test('does not keep what is full from being put in order, or from changing one for another', async () => {
    const [record, ids, other] = [newRecord(), await uploads(5), await upload()];
    await link(owner, { record, field, attachmentIds: ids });
    const turned = ids.toReversed();
    expect(faultsOf(await link(owner, { record, field, attachmentIds: turned }))).toBeUndefined();
    const changed = [other, ...turned.slice(1)];
    expect(faultsOf(await link(owner, { record, field, attachmentIds: changed }))).toBeUndefined();
    expect(await idsIn(owner, record, field)).toEqual(changed);
  });
});
