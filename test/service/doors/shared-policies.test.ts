import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { startService } from '../../support/service.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { claim, faultsOf, idsIn, link, type RecordRef, see } from './links.js';
import { sharedPolicies } from './shared-policies.js';
import { Stage } from './stage.js';

let stage: Stage;
let owner: Client;
let colleague: Client;

beforeAll(async () => {
  stage = await Stage.open(sharedPolicies);
  owner = stage.owner;
  colleague = await newClient(stage.service);
});
afterAll(() => stage[Symbol.asyncDispose]());

const newRecord = (type: string): RecordRef => ({ type, id: stage.newName() });

describe('the policy', () => {
  const untyped = 'input.attachmentIds.1: content_type_not_allowed';
  const oversize = 'input.attachmentIds.1: file_too_large';
  const ineligible = { code: 'BAD_USER_INPUT', faults: ['input.record.type: record_type_not_eligible'] };
  const png = { content: Buffer.from('89504e470d0a1a0a', 'hex'), name: 'a.png' };
  const large = { content: 'x'.repeat(101), name: 'large.txt' };

  test.each([
    ['pictures', 'Event', { code: 'CONTENT_TYPE_NOT_ALLOWED', faults: [untyped] }],
    ['small', 'Event', { code: 'FILE_TOO_LARGE', faults: [oversize], limit: 100 }],
    ['attachments', 'Picture', { code: 'CONTENT_TYPE_NOT_ALLOWED', faults: [untyped] }],
    ['attachments', 'Note', { code: 'FILE_TOO_LARGE', faults: [oversize], limit: 100 }],
    ['attachments', 'Nothing', ineligible],
  ])('is checked when %s of %s is linked to, for all or none', async (field, type, refusal) => {
    const [good, bad] = [(await owner.upload(png)).id, (await owner.upload(large)).id];
    const record = newRecord(type);
    expect(faultsOf(await link(owner, { record, field, attachmentIds: [good, bad] }))).toEqual(refusal);
    expect(await idsIn(owner, record, field)).toEqual([]);
    for (const id of [good, bad]) expect(await see(colleague, id)).toBeNull();
    const accepted = await link(owner, { record, field, attachmentIds: [good] });
    expect(faultsOf(accepted)).toEqual(type === 'Nothing' ? ineligible : undefined);
  });

  test('is told of beside attachments that are gone, or claimed elsewhere', async () => {
    const [good, bad, taken] = [await owner.upload(png), await owner.upload(large), await owner.upload(png)];
    await claim(owner, taken.id, newRecord('Task'));
    const record = newRecord('Event');
    const attachmentIds = [good.id, bad.id, 'never-was', taken.id];
    expect(faultsOf(await link(owner, { record, field: 'small', attachmentIds }))).toEqual({
      code: 'NOT_FOUND',
      faults: ['input.attachmentIds.2: not_found', 'input.attachmentIds.3: already_claimed', oversize],
      limit: 100,
    });
    expect(await idsIn(owner, record, 'small')).toEqual([]);
    for (const { id, expiresAt } of [good, bad])
      expect(await see(owner, id)).toMatchObject({ expiresAt, links: { totalCount: 0 } });
  });

  test.each([
    [
      'Picture',
      { code: 'CONTENT_TYPE_NOT_ALLOWED', faults: ['input.attachmentId: content_type_not_allowed'] },
    ],
    ['Note', { code: 'FILE_TOO_LARGE', faults: ['input.attachmentId: file_too_large'], limit: 100 }],
    ['Nothing', ineligible],
  ])('is checked when %s claims', async (type, refusal) => {
    const { id, expiresAt } = await owner.upload(large);
    expect(faultsOf(await claim(owner, id, newRecord(type)))).toEqual(refusal);
    expect(await see(owner, id)).toMatchObject({ record: null, claimedAt: null, expiresAt });
    expect(await see(colleague, id)).toBeNull();
    expect(faultsOf(await claim(owner, id, newRecord('Task')))).toBeUndefined();
  });

  test('is what RecordField.policy and uploadPolicy tell', async () => {
    const facts = 'name maxFileSize maxInlineSize maxCount sharing acceptedTypes { contentType extensions }';
    const told = await owner.ask<Record<string, unknown>>(`{
      record(type: "Event", id: "1") {
        few: field(name: "few") { policy { ${facts} } }
        pictures: field(name: "pictures") { policy { ${facts} } }
        other: field { policy { ${facts} } } }
      few: uploadPolicy(recordType: "Event", field: "few") { ${facts} }
      pictures: uploadPolicy(recordType: "Picture") { ${facts} }
      other: uploadPolicy(recordType: "Event", field: "any") { ${facts} }
      named: uploadPolicy(recordType: "Event", policy: "small") { ${facts} } }`);
    const { record, named, ...byArguments } = told;
    const sizes = { maxFileSize: 268_435_456, maxInlineSize: 16_777_216 };
    const common = { ...sizes, maxCount: null, sharing: 'SHARED', acceptedTypes: [] };
    expect(byArguments).toEqual({
      few: { ...common, name: 'few', maxCount: 5 },
      pictures: {
        ...common,
        name: 'pictures',
        acceptedTypes: [{ contentType: 'image/png', extensions: ['.png'] }],
      },
      other: { ...common, name: 'album' },
    });
    expect(record).toEqual(
      Object.fromEntries(Object.entries(byArguments).map(([name, policy]) => [name, { policy }])),
    );
    expect(named).toEqual({ ...common, name: 'small', maxFileSize: 100, maxInlineSize: 100 });
    const refused = await owner.graphql('{ uploadPolicy(recordType: "Nothing") { name } }');
    expect(faultsOf(refused)).toEqual({
      code: 'BAD_USER_INPUT',
      faults: ['recordType: record_type_not_eligible'],
    });
  });
});

describe('a record type that is no longer eligible', () => {
  const record = { type: 'Event', id: '1' };
  const file = { content: 'held', name: 'a.txt' };
  let folder: string;
  beforeEach(async () => {
    folder = await makeTemporaryDirectory();
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** The service over what it has stored before. */
  const startWith = async (recordTypes: object) => {
    const policiesFile = join(folder, 'policies.json');
    await writeFile(policiesFile, JSON.stringify({ ...sharedPolicies, recordTypes }));
    const key = stage.service.key;
    return startService({ DATA_DIR: folder, POLICIES_FILE: policiesFile, BOOTSTRAP_API_KEY: key });
  };

  test('lets go of what it holds, and takes nothing more', async () => {
    const ids: string[] = [];
    {
      await using service = await startWith(sharedPolicies.recordTypes);
      for (let made = 0; made < 2; made += 1) ids.push((await service.client.upload(file)).id);
      await link(service.client, { record, attachmentIds: ids });
    }
    await using service = await startWith({ Task: { policy: 'default' } });
    const change = (mode: 'ADD' | 'REMOVE') =>
      link(service.client, { record, attachmentIds: ids.slice(1), mode });
    expect(faultsOf(await change('ADD'))).toEqual({
      code: 'BAD_USER_INPUT',
      faults: ['input.record.type: record_type_not_eligible'],
    });
    const removed = await change('REMOVE');
    expect(removed.data?.linkAttachments.unlinked.map(({ id }) => id)).toEqual(ids.slice(1));
    expect(await idsIn(service.client, record)).toEqual(ids.slice(0, 1));
  });
});
