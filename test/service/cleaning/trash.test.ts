import { AuditEventRow } from '../../../src/database/entities/organization.js';
import type { Answer, AttachmentData, Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { startService } from '../../support/service.js';
import { sha256 } from '../../support/sha256.js';
import { startPolicyServer } from '../access/policy-server.js';
import { claim, faultsOf, idsIn, link, see } from '../doors/links.js';
import { day, minute, PurgeStage } from './purge-stage.js';

let purge: PurgeStage;
let owner: Client;
beforeAll(async () => {
  purge = await PurgeStage.open({
    TRASH_DAYS: '3',
    GRACE_PERIOD_MINUTES: '60',
    UNLINKED_RETENTION_DAYS: '2',
  });
  owner = purge.stage.owner;
});
afterEach(() => purge.expectNothingDangling());
afterAll(() => purge[Symbol.asyncDispose]());

let records = 0;
const newTask = () => {
  records += 1;
  return { type: 'Task', id: `${records}` };
};

const run = (client: Client, operation: string, input: object): Promise<Answer<object>> => {
  const type = `${operation[0]?.toUpperCase()}${operation.slice(1)}Input`;
  return client.graphql(`mutation ($input: ${type}!) { ${operation}(input: $input) { __typename } }`, {
    input,
  });
};
const remove = (attachmentId: string, input = {}, client = owner) =>
  run(client, 'deleteAttachment', { attachmentId, ...input });
const restore = (attachmentId: string, client = owner) => run(client, 'restoreAttachment', { attachmentId });
const codeOf = (answer: Answer<unknown>) => answer.errors?.[0]?.extensions.code ?? 'ok';

interface Found {
  id: string;
  deletedAt: string | null;
  expiresAt: string | null;
  downloadUrl: string | null;
  description: { html: string } | null;
  record: { id: string } | null;
}

const fields =
  'id deletedAt expiresAt downloadUrl(expiresIn: 604800) description { html } record { id: recordId }';
const find = async (id: string, client = owner) => {
  const query = `query ($id: ID!) { attachment(id: $id) { ${fields} } node(id: $id) { ... on Attachment { ${fields} } } }`;
  const { attachment, node } = await client.ask<{ attachment: Found | null; node: Found | null }>(query, {
    id,
  });
  expect(node).toEqual(attachment);
  return attachment;
};

const list = async (filter: object, orderBy?: object, client = owner): Promise<string[]> => {
  const query = `query ($filter: AttachmentFilter, $orderBy: AttachmentOrder) {
    attachments(first: 100, filter: $filter, orderBy: $orderBy) { totalCount nodes { id } } }`;
  const { attachments } = await client.ask<{ attachments: { totalCount: number; nodes: { id: string }[] } }>(
    query,
    { filter, orderBy },
  );
  expect(attachments.totalCount).toBe(attachments.nodes.length);
  return attachments.nodes.map(({ id }) => id);
};

test('a deleted attachment has left fields, lists and downloads, keeps its record, and comes back into no field', async () => {
  const record = newTask();
  const attachment = await purge.upload({ record, field: 'files', description: '**bold**' });
  const { id, documentKey } = attachment;
  const { downloadUrl } = (await find(id)) ?? {};
  expect(codeOf(await remove(id))).toBe('ok');
  expect(await find(id)).toMatchObject({
    deletedAt: new Date(purge.now).toISOString(),
    expiresAt: new Date(purge.now + 3 * day).toISOString(),
    downloadUrl: null,
    record: { id: record.id },
    description: { html: expect.stringContaining('<strong>') },
  });
  expect(await idsIn(owner, record, 'files')).toEqual([]);
  expect([await list({ record }), await list({ record, deleted: true })]).toEqual([[], [id]]);
  for (const url of [attachment.url, downloadUrl ?? '']) expect((await owner.download(url)).status).toBe(404);
  expect(await purge.stored(documentKey)).toEqual([true]);

  purge.now += 3 * day;
  await purge.cleanUp();
  expect(codeOf(await restore(id))).toBe('ok');
  expect(await find(id)).toMatchObject({ deletedAt: null, expiresAt: null, record: { id: record.id } });
  expect((await find(id))?.description?.html).toContain('<strong>');
  expect(await idsIn(owner, record, 'files')).toEqual([]);
  expect([await list({ record }), await list({ record, deleted: true })]).toEqual([[id], []]);
  expect(await (await owner.download(attachment.url)).text()).toBe('not for long');
  expect(await (await owner.download(downloadUrl ?? '')).text()).toBe('not for long');
  expect(codeOf(await link(owner, { record, field: 'files', attachmentIds: [id] }))).toBe('ok');
});

test('its share links are over until it is restored', async () => {
  const { id } = await purge.upload();
  const query = 'mutation ($id: ID!) { createShareLink(input: { attachmentId: $id }) { url } }';
  const { createShareLink } = await owner.ask<{ createShareLink: { url: string } }>(query, { id });
  await remove(id);
  expect((await fetch(createShareLink.url)).status).toBe(410);
  await restore(id);
  expect(await (await fetch(createShareLink.url)).text()).toBe('not for long');
});

test('nothing else can be done to it', async () => {
  const { id } = await purge.upload();
  await remove(id);
  const record = newTask();
  const answers = [
    await claim(owner, id, record),
    await link(owner, { record, attachmentIds: [id] }),
    await run(owner, 'copyAttachment', { attachmentId: id }),
    await run(owner, 'updateAttachment', { attachmentId: id, fileName: 'b.txt' }),
    await run(owner, 'rescanAttachment', { attachmentId: id }),
    await remove(id),
  ];
  expect(answers.map(codeOf)).toEqual(answers.map(() => 'NOT_FOUND'));
  expect(faultsOf(await restore(id))).toBeUndefined();
  expect(codeOf(await restore(id))).toBe('NOT_FOUND');
});

test('after its days it is purged, and its bytes go with the last that names them', async () => {
  const [gone, kept] = [await purge.upload(), await purge.upload()];
  const copy = await owner.ask<{ copyAttachment: { attachment: AttachmentData } }>(
    'mutation ($id: ID!) { copyAttachment(input: { attachmentId: $id }) { attachment { id } } }',
    { id: kept.id },
  );
  await claim(owner, copy.copyAttachment.attachment.id, newTask());
  for (const { id } of [gone, kept]) await remove(id);
  purge.now += 3 * day + 1;
  await purge.cleanUp();
  expect(await purge.stored(gone.documentKey, kept.documentKey)).toEqual([false, true]);
  expect([await find(gone.id), await find(kept.id)]).toEqual([null, null]);
  expect(codeOf(await restore(gone.id))).toBe('NOT_FOUND');
  const { read } = purge.stage.ledger.database;
  const events = await read.find(AuditEventRow, { where: { subjectId: gone.id }, order: { id: 'ASC' } });
  expect(events.map(({ action }) => action)).toEqual([
    'ATTACHMENT_CREATED',
    'ATTACHMENT_DELETED',
    'ATTACHMENT_PURGED',
  ]);
});

test('the bytes of a copy in the trash outlive those that are deleted for good', async () => {
  const original = await purge.upload();
  const { copyAttachment } = await owner.ask<{ copyAttachment: { attachment: AttachmentData } }>(
    'mutation ($id: ID!) { copyAttachment(input: { attachmentId: $id }) { attachment { id url } } }',
    { id: original.id },
  );
  const { id, url } = copyAttachment.attachment;
  await remove(id);
  expect(codeOf(await remove(original.id, { permanently: true }))).toBe('ok');
  expect(codeOf(await restore(id))).toBe('ok');
  expect(await (await owner.download(url)).text()).toBe('not for long');
  expect(codeOf(await remove(id, { permanently: true }))).toBe('ok');
  expect(await purge.stored(original.documentKey)).toEqual([false]);
});

test('permanently passes the trash by, and empties it of one', async () => {
  const [one, other] = [await purge.upload(), await purge.upload({ record: newTask() })];
  await remove(other.id);
  for (const { id, documentKey } of [one, other]) {
    expect(codeOf(await remove(id, { permanently: true }))).toBe('ok');
    expect([await find(id), await purge.stored(documentKey)]).toEqual([null, [false]]);
    expect(codeOf(await remove(id, { permanently: true }))).toBe('NOT_FOUND');
  }
});

test("a record's attachments go into the trash, and come back one by one", async () => {
  const record = newTask();
  const [one, other] = [await purge.upload({ record, field: 'files' }), await purge.upload({ record })];
  expect(codeOf(await run(owner, 'deleteRecordAttachments', { record }))).toBe('ok');
  expect((await list({ record, deleted: true })).toSorted()).toEqual([one.id, other.id].toSorted());
  expect(codeOf(await restore(one.id))).toBe('ok');
  expect([await list({ record }), await list({ record, deleted: true })]).toEqual([[one.id], [other.id]]);
});

test.each([
  ['its grace period if it was nowhere', {}, 60 * minute],
  [
    'its retention if a field of others had it',
    { field: 'files', record: { type: 'Event', id: 'e' } },
    2 * day,
  ],
])('a restored one without a record has %s', async (_, input, lifetime) => {
  const { id } = await purge.upload(input);
  await remove(id);
  purge.now += minute;
  await restore(id);
  expect((await see(owner, id))?.expiresAt).toBe(new Date(purge.now + lifetime).toISOString());
});

test('the trash has every condition and order of a list, and is for those who saw it', async () => {
  const record = newTask();
  const small = await owner.upload({ content: 'x', name: 'trash-b.txt' }, { record });
  const large = await owner.upload({ content: 'long', name: 'trash-a.txt' }, { record });
  const unclaimed = await owner.upload({ content: 'mine', name: 'trash-c.txt' });
  for (const { id } of [small, large, unclaimed]) await remove(id);
  const inTrash = { deleted: true, fileNameContains: 'trash-' };
  for (const direction of ['ASC', 'DESC']) {
    const turn = (ids: string[]) => (direction === 'ASC' ? ids : ids.toReversed());
    const ofRecord = { deleted: true, record };
    expect(await list(ofRecord, { field: 'SIZE', direction })).toEqual(turn([small.id, large.id]));
    expect(await list(inTrash, { field: 'FILE_NAME', direction })).toEqual(
      turn([large.id, small.id, unclaimed.id]),
    );
    expect(await list(inTrash, { field: 'CREATED_AT', direction })).toEqual(
      turn([small.id, large.id, unclaimed.id]),
    );
  }
  const found = async (filter: object) => (await list({ ...inTrash, ...filter })).toSorted();
  const [claimed, free] = [[small.id, large.id].toSorted(), [unclaimed.id]];
  expect(await found({ claimed: true })).toEqual(claimed);
  expect(await found({ claimed: false })).toEqual(free);
  expect([await found({ linked: true }), (await found({ linked: false })).length]).toEqual([[], 3]);
  expect(await found({ sha256: sha256(Buffer.from('long')) })).toEqual([large.id]);
  expect(await found({ status: ['PENDING'] })).toEqual([]);
  expect(await found({ contentType: ['text/*'], status: ['APPROVED'] })).toHaveLength(3);
  expect(await found({ ids: [small.id, unclaimed.id] })).toEqual([small.id, unclaimed.id].toSorted());
  expect(await found({ createdBy: small.createdBy.id })).toHaveLength(3);
  expect(await list({ fileNameContains: 'trash-' })).toEqual([]);
  const colleague = await newClient(purge.stage.service);
  expect((await list(inTrash, undefined, colleague)).toSorted()).toEqual(claimed);
  expect([await find(small.id, colleague), await find(unclaimed.id, colleague)]).toEqual([
    expect.objectContaining({ id: small.id }),
    null,
  ]);
  expect(codeOf(await restore(unclaimed.id, colleague))).toBe('NOT_FOUND');
  expect(codeOf(await restore(small.id, colleague))).toBe('ok');
});

test('an idempotency key makes another one while the first is in the trash', async () => {
  const input = { idempotencyKey: 'deleted-once' };
  const first = await purge.upload(input);
  await remove(first.id);
  expect((await purge.upload(input)).id).not.toBe(first.id);
});

test('a record authorizer is asked about the places that it was deleted from', async () => {
  const policy = await startPolicyServer();
  await using service = await startService({ RECORD_AUTHORIZER_URL: policy.url, TRASH_DAYS: '1' });
  const colleague = await newClient(service);
  const { client } = service;
  const newPlace = () => ({ record: newTask(), field: 'files' });
  const places = [newPlace(), newPlace(), newPlace()];
  const ids: string[] = [];
  for (const place of places) {
    const { id } = await client.upload({ content: 'x', name: 'a.txt' }, place);
    expect(codeOf(await remove(id, {}, client))).toBe('ok');
    ids.push(id);
  }
  const [hidden, readOnly, editable] = places.map(({ record }) => record.id);
  policy.decide = ({ action, record, field }) =>
    field === 'files' && record.id !== hidden && (action === 'view' || record.id !== readOnly);
  const query = '{ attachments(filter: { deleted: true }) { nodes { record { id: recordId } } } }';
  const { attachments } = await colleague.ask<{ attachments: { nodes: object[] } }>(query);
  expect(attachments.nodes).toHaveLength(2);
  const answers: string[] = [];
  for (const id of ids) answers.push(codeOf(await remove(id, { permanently: true }, colleague)));
  expect(answers).toEqual(['NOT_FOUND', 'FORBIDDEN', 'ok']);
  expect([
    codeOf(await restore(ids[0] ?? '', colleague)),
    codeOf(await restore(ids[1] ?? '', colleague)),
  ]).toEqual(['NOT_FOUND', 'FORBIDDEN']);
  policy.decide = ({ record }) => record.id !== editable;
  expect(await find(ids[0] ?? '', colleague)).toBeNull();
  // Deleted with its record, it has left the field before.
  const record = newTask();
  const { id } = await client.upload({ content: 'x', name: 'a.txt' }, { record, field: 'secret' });
  expect(codeOf(await run(client, 'deleteRecordAttachments', { record }))).toBe('ok');
  policy.decide = ({ field }) => field !== 'secret';
  expect(await find(id, colleague)).toBeNull();
  expect(codeOf(await restore(id, colleague))).toBe('NOT_FOUND');
  await policy.close();
});

test('without days a deletion is for good', async () => {
  await using atOnce = await PurgeStage.open();
  const { id, documentKey } = await atOnce.upload();
  const { owner: client } = atOnce.stage;
  expect(codeOf(await remove(id, {}, client))).toBe('ok');
  expect(codeOf(await restore(id, client))).toBe('NOT_FOUND');
  expect(await atOnce.stored(documentKey)).toEqual([false]);
});
