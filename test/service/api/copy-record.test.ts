import { QuotaRow } from '../../../src/database/entities/organization.js';
import { type AttachmentData, attachmentFields, type Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { sha256 } from '../../support/sha256.js';
import { faultsOf, idsIn, link, type RecordRef } from '../doors/links.js';
import { Stage } from '../doors/stage.js';

const policies = {
  policies: {
    pictures: { acceptedTypes: { 'image/png': ['.png'] } },
    pair: { maxCount: 2 },
    shared: { sharing: 'SHARED' },
  },
  recordTypes: {
    Draft: { policy: 'default' },
    Event: { policy: 'shared' },
    Album: { policy: 'pictures' },
    Pair: { policy: 'pair' },
  },
};

let stage: Stage;
let client: Client;
beforeAll(async () => {
  stage = await Stage.open(policies, { SCANNER: 'eicar', TRASH_DAYS: '1', QUOTA_ATTACHMENTS: '100000' });
  client = stage.owner;
});
afterAll(() => stage[Symbol.asyncDispose]());

interface Copy {
  from: RecordRef;
  to: RecordRef;
  idempotencyKey?: string;
}

const copyRecord = (input: Copy, by: Client = client) =>
  by.graphql<{ copyRecordAttachments: { record: { recordId: string } } }>(
    'mutation ($input: CopyRecordAttachmentsInput!) { copyRecordAttachments(input: $input) { record { type recordId } } }',
    { input },
  );

const newRecord = (type = 'Draft'): RecordRef => ({ type, id: stage.newName() });

/** Waits for the verdict, too. */
async function put(
  record: RecordRef,
  field: string,
  name: string,
  input: object = {},
): Promise<AttachmentData> {
  const { id } = await client.upload({ content: `content of ${name}`, name }, { record, field, ...input });
  return approved(id);
}

async function approved(id: string): Promise<AttachmentData> {
  for (;;) {
    const { attachment } = await client.ask<{ attachment: AttachmentData }>(
      `query ($id: ID!) { attachment(id: $id) { ${attachmentFields} } }`,
      { id },
    );
    if (attachment.status !== 'PENDING') return attachment;
  }
}

const held = async (record: RecordRef, field: string) => {
  const { record: found } = await client.ask<{
    record: { field: { links: { attachment: AttachmentData }[] } };
  }>(
    `query ($type: String!, $id: ID!, $field: String!) { record(type: $type, id: $id) { field(name: $field) {
      links { attachment { ${attachmentFields} } } } } }`,
    { ...record, field },
  );
  return found.field.links.map(({ attachment }) => attachment);
};
const namesIn = async (record: RecordRef, field: string) =>
  (await held(record, field)).map(({ fileName }) => fileName);

test('copies fields, order, names and words over the same bytes, behind those that are there', async () => {
  const [from, to] = [newRecord(), newRecord()];
  const a = await put(from, 'files', 'a.txt', {
    description: '**a**',
    metadata: { type: 'AR', attributes: { n: 1 } },
  });
  const b = await put(from, 'files', 'b.txt');
  await put(from, 'more', 'c.txt');
  await link(client, { record: from, field: 'more', attachmentIds: [a.id], mode: 'ADD' });
  await link(client, { record: from, field: 'files', attachmentIds: [b.id, a.id] });
  await put(to, 'files', 'first.txt');
  const colleague = await newClient(stage.service);
  const { data } = await copyRecord({ from, to }, colleague);
  expect(data?.copyRecordAttachments.record).toEqual({ type: to.type, recordId: to.id });
  expect(await namesIn(to, 'files')).toEqual(['first.txt', 'b.txt', 'a.txt']);
  expect(await namesIn(to, 'more')).toEqual(['c.txt', 'a.txt']);
  const [, , copy] = await held(to, 'files');
  expect(copy).toMatchObject({
    ...{ documentKey: a.documentKey, sha256: a.sha256, description: a.description, metadata: a.metadata },
    ...{ record: to, expiresAt: null, createdBy: { name: 'other' } },
  });
  expect(copy?.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  // One that is in two fields is copied once.
  expect((await held(to, 'more'))[1]?.id).toBe(copy?.id);
  expect(await namesIn(from, 'files')).toEqual(['b.txt', 'a.txt']);
  const { status, body } = await client
    .download(copy?.url ?? '')
    .then(async (answer) => ({ status: answer.status, body: await answer.text() }));
  expect([status, sha256(Buffer.from(body))]).toEqual([200, a.sha256.hash]);
});

test('a record without fields copies nothing, and a SHARED field claims nothing', async () => {
  const [from, to] = [newRecord(), newRecord('Event')];
  expect((await copyRecord({ from, to })).errors).toBeUndefined();
  await put(from, 'files', 'a.txt');
  await copyRecord({ from, to });
  expect((await held(to, 'files')).map(({ record, expiresAt }) => [record, expiresAt])).toEqual([
    [null, null],
  ]);
});

describe('an idempotency key', () => {
  test('makes a repetition harmless, also of ten at once and after deletions', async () => {
    const [from, to] = [newRecord(), newRecord()];
    await put(from, 'files', 'a.txt');
    await put(from, 'files', 'b.txt');
    const copy = { from, to, idempotencyKey: stage.newName() };
    const answers = await Promise.all(Array.from({ length: 10 }, () => copyRecord(copy)));
    expect(new Set(answers.map((answer) => JSON.stringify(answer.data)))).toEqual(
      new Set([JSON.stringify({ copyRecordAttachments: { record: { type: to.type, recordId: to.id } } })]),
    );
    expect(await namesIn(to, 'files')).toEqual(['a.txt', 'b.txt']);
    await link(client, { record: to, field: 'files', attachmentIds: [] });
    expect((await copyRecord(copy)).errors).toBeUndefined();
    expect(await namesIn(to, 'files')).toEqual([]);
  });

  test('is refused with other input, whichever operation has used it', async () => {
    const [from, to] = [newRecord(), newRecord()];
    const { id } = await put(from, 'files', 'a.txt');
    const idempotencyKey = stage.newName();
    await copyRecord({ from, to, idempotencyKey });
    const conflict = { code: 'IDEMPOTENCY_CONFLICT', faults: ['input.idempotencyKey: idempotency_conflict'] };
    expect(faultsOf(await copyRecord({ from, to: newRecord(), idempotencyKey }))).toEqual(conflict);
    expect(faultsOf(await copyOne({ attachmentId: id, idempotencyKey }))).toEqual(conflict);
    expect(faultsOf(await client.tryUpload({ content: 'x', name: 'x.txt' }, { idempotencyKey }))).toEqual(
      conflict,
    );
    expect(faultsOf(await copyRecord({ from, to, idempotencyKey: '' }))?.faults).toEqual([
      'input.idempotencyKey: out_of_range',
    ]);
  });

  const copyOne = (input: object) =>
    client.graphql<{ copyAttachment: { attachment: { id: string } } }>(
      'mutation ($input: CopyAttachmentInput!) { copyAttachment(input: $input) { attachment { id } } }',
      { input },
    );

  test('gives the first copy of one attachment again', async () => {
    const { id: attachmentId } = await put(newRecord(), 'files', 'a.txt');
    const input = { attachmentId, fileName: 'b.txt', idempotencyKey: stage.newName() };
    const answers = await Promise.all(Array.from({ length: 8 }, () => copyOne(input)));
    expect(new Set(answers.map(({ data }) => data?.copyAttachment.attachment.id)).size).toBe(1);
    expect(faultsOf(await copyOne({ ...input, fileName: 'c.txt' }))?.code).toBe('IDEMPOTENCY_CONFLICT');
    expect(faultsOf(await copyOne({ ...input, idempotencyKey: '' }))?.faults).toEqual([
      'input.idempotencyKey: out_of_range',
    ]);
    expect((await copyOne({ attachmentId })).data?.copyAttachment.attachment.id).not.toBe(
      answers[0]?.data?.copyAttachment.attachment.id,
    );
  });
});

describe('is refused whole', () => {
  test.each([
    [
      'by a type',
      'Album',
      { code: 'CONTENT_TYPE_NOT_ALLOWED', faults: Array(3).fill('input.to: content_type_not_allowed') },
    ],
    ['by maxCount', 'Pair', { code: 'TOO_MANY_ATTACHMENTS', faults: ['input.to: too_many'], limit: 2 }],
    [
      'by a record type',
      'Nothing',
      { code: 'BAD_USER_INPUT', faults: ['input.to.type: record_type_not_eligible'] },
    ],
  ])('%s', async (_, type, refusal) => {
    const [from, to] = [newRecord(), newRecord(type)];
    await put(from, 'early', 'a.txt');
    for (const name of ['a.txt', 'b.txt', 'c.txt']) await put(from, 'files', name);
    const before = await stage.ledger.count();
    const faults = faultsOf(await copyRecord({ from, to, idempotencyKey: stage.newName() }));
    expect({
      ...faults,
      faults: refusal.faults.map((fault) => (faults?.faults.includes(fault) ? fault : faults)),
    }).toEqual(refusal);
    expect(await stage.ledger.count()).toEqual(before);
  });

  test('with every fault of the input', async () => {
    const from = { type: '', id: '1' };
    expect(faultsOf(await copyRecord({ from, to: { type: 'Draft', id: '' } }))?.faults).toEqual([
      'input.from.type: empty',
      'input.to.id: empty',
    ]);
    const record = newRecord();
    expect(faultsOf(await copyRecord({ from: record, to: record }))?.faults).toEqual(['input.to: duplicate']);
    expect(faultsOf(await copyRecord({ from: record, to: newRecord() }, stage.reader))?.code).toBe(
      'FORBIDDEN',
    );
  });
});

const change = (operation: 'deleteAttachment' | 'restoreAttachment', attachmentId: string) =>
  client.ask(`mutation ($id: ID!) { ${operation}(input: { attachmentId: $id }) { __typename } }`, {
    id: attachmentId,
  });

test('more than 1,000 go in steps of whole fields, and a repetition goes on where one was refused', async () => {
  const [few, some, from, to] = [newRecord(), newRecord(), newRecord(), newRecord()];
  const uploads = Array.from({ length: 32 }, (_, index) =>
    client.upload({ content: 'x', name: `${index}.txt` }, { record: few, field: 'one' }),
  );
  await Promise.all(uploads);
  const ids = await idsIn(client, few, 'one');
  for (const id of ids) await approved(id);
  await link(client, { record: few, field: 'two', attachmentIds: ids });
  const times = async (count: number, copy: Copy) => {
    for (let round = 0; round < count; round += 1) await copyRecord(copy);
  };
  await times(4, { from: few, to: some });
  await times(4, { from: some, to: from });
  const names = await namesIn(from, 'one');
  expect(names).toHaveLength(512);
  // The second field has no room, once the first one has been committed.
  await times(4, { from: some, to });
  await link(client, { record: to, field: 'one', attachmentIds: [] });
  const copy = { from, to, idempotencyKey: stage.newName() };
  expect(faultsOf(await copyRecord(copy))).toEqual({
    code: 'TOO_MANY_ATTACHMENTS',
    faults: ['input.to: too_many'],
    limit: 1_000,
  });
  expect(await namesIn(to, 'one')).toEqual(names);
  await link(client, { record: to, field: 'two', attachmentIds: [] });
  // A copy that is in the trash by then is neither made again nor linked, and can be restored.
  const trashed = (await idsIn(client, to, 'one')).at(-1) ?? '';
  await change('deleteAttachment', trashed);
  expect((await copyRecord(copy)).errors).toBeUndefined();
  const others = names.slice(0, -1);
  expect([await namesIn(to, 'one'), await namesIn(to, 'two')]).toEqual([others, others]);
  await change('restoreAttachment', trashed);
  for (const field of ['one', 'two'])
    await link(client, { record: to, field, attachmentIds: [trashed], mode: 'ADD' });
  expect([await namesIn(to, 'one'), await namesIn(to, 'two')]).toEqual([names, names]);
  expect((await copyRecord(copy)).errors).toBeUndefined();
  expect((await idsIn(client, to, 'one')).length).toBe(512);
  await expectNoneBeyondQuota(from);
});

/** There is room for the 512 attachments of its first step, and for none of the second. */
async function expectNoneBeyondQuota(from: RecordRef): Promise<void> {
  await put(from, 'zuletzt', 'one more.txt');
  const { viewer } = await client.ask<{ viewer: { organizationId: string; usage: { attachments: number } } }>(
    '{ viewer { organizationId usage { attachments } } }',
  );
  const quota = { maxAttachments: viewer.usage.attachments + 512, maxBytes: null };
  const { database } = stage.ledger;
  await database.write((manager) =>
    manager.insert(QuotaRow, { ...quota, organizationId: viewer.organizationId }),
  );
  const before = await stage.ledger.count();
  const copy = { from, to: newRecord(), idempotencyKey: stage.newName() };
  expect(faultsOf(await copyRecord(copy))?.code).toBe('QUOTA_EXCEEDED');
  expect(await stage.ledger.count()).toEqual(before);
  await database.write((manager) =>
    manager.increment(QuotaRow, { organizationId: viewer.organizationId }, 'maxAttachments', 1),
  );
  expect((await copyRecord(copy)).errors).toBeUndefined();
  expect((await stage.ledger.count()).attachments).toBe(before.attachments + 513);
}
