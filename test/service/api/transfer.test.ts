import { type AttachmentData, Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { claim, faultsOf, idsIn, link, type RecordRef, see } from '../doors/links.js';
import { Stage } from '../doors/stage.js';
import { linkOf, share, statusOf, tryRevoke } from '../sharing/share-operations.js';

const policies = {
  policies: {
    pictures: { acceptedTypes: { 'image/png': ['.png'] } },
    single: { maxCount: 1 },
    shared: { sharing: 'SHARED' },
  },
  recordTypes: {
    Draft: { fields: { shared: { policy: 'shared' } }, policy: 'default' },
    Invoice: {
      policy: 'default',
      fields: { single: { policy: 'single' }, pictures: { policy: 'pictures' } },
    },
    Album: { policy: 'pictures' },
  },
};

let stage: Stage;
let client: Client;
beforeAll(async () => {
  stage = await Stage.open(policies);
  client = stage.owner;
});
afterAll(() => stage[Symbol.asyncDispose]());

interface Transfer {
  attachmentId: string;
  from: RecordRef;
  to: RecordRef;
  field?: string;
  revokeShareLinks?: boolean;
}

const transfer = (input: Transfer, by: Client = client) =>
  by.graphql<{ transferAttachment: { attachment: AttachmentData } }>(
    `mutation ($input: TransferAttachmentInput!) { transferAttachment(input: $input) {
      attachment { id claimedAt expiresAt record { type id: recordId } } } }`,
    { input },
  );

/** A file of a new record's, in two of its fields. */
async function claimed(): Promise<{ id: string; from: RecordRef; to: RecordRef }> {
  const from = { type: 'Draft', id: stage.newName() };
  const { id } = await client.upload({ content: 'x', name: 'x.txt' }, { record: from, field: 'one' });
  await link(client, { record: from, field: 'two', attachmentIds: [id] });
  return { id, from, to: { type: 'Invoice', id: from.id } };
}

const eventsOf = async (attachmentId: string) => {
  const { auditLog } = await client.ask<{ auditLog: { nodes: { action: string; details: unknown }[] } }>(
    'query ($id: ID) { auditLog(filter: { attachmentId: $id }) { nodes { action details } } }',
    { id: attachmentId },
  );
  return auditLog.nodes;
};

test('gives a claimed attachment to another record, whose field holds it last', async () => {
  const { id, from, to } = await claimed();
  const first = await client.upload({ content: 'y', name: 'y.txt' }, { record: to, field: 'files' });
  const { data } = await transfer({ attachmentId: id, from, to, field: 'files' });
  expect(data?.transferAttachment.attachment).toMatchObject({ id, record: to, expiresAt: null });
  expect(await idsIn(client, to, 'files')).toEqual([first.id, id]);
  expect([await idsIn(client, from, 'one'), await idsIn(client, from, 'two')]).toEqual([[], []]);
  const left =
    'query ($id: ID!) { record(type: "Draft", id: $id) { attachments { nodes { id } } fields { name version } } }';
  expect(await client.ask(left, { id: from.id })).toEqual({
    record: { attachments: { nodes: [] }, fields: ['one', 'two'].map((name) => ({ name, version: 2 })) },
  });
  const events = await eventsOf(id);
  expect(events.map(({ action }) => action)).toEqual([
    ...['LINKED', 'UNLINKED', 'UNLINKED', 'TRANSFERRED', 'LINKED', 'LINKED', 'CREATED'].map(
      (action) => `ATTACHMENT_${action}`,
    ),
  ]);
  expect(events[3]?.details).toEqual({ from, to, field: 'files' });
});

test('without a field the new record owns it and links to nothing; its retention ends', async () => {
  const { id, from, to } = await claimed();
  for (const field of ['one', 'two']) await link(client, { record: from, field, attachmentIds: [] });
  expect((await see(client, id))?.expiresAt).not.toBeNull();
  await transfer({ attachmentId: id, from, to });
  expect(await see(client, id)).toMatchObject({ record: to, expiresAt: null, links: { totalCount: 0 } });
});

test('links in fields of third records stay', async () => {
  const { id } = await client.upload({ content: 'x', name: 'x.txt' });
  const [from, third, to] = [stage.newName(), stage.newName(), stage.newName()].map((name) => ({
    type: 'Draft',
    id: name,
  }));
  if (!from || !third || !to) throw new Error('There are three.');
  await link(client, { record: third, field: 'shared', attachmentIds: [id] });
  await claim(client, id, from);
  await transfer({ attachmentId: id, from, to });
  expect(await idsIn(client, third, 'shared')).toEqual([id]);
});

describe('share links', () => {
  const transferShared = async (input: Pick<Transfer, 'revokeShareLinks'>) => {
    const { id, from, to } = await claimed();
    const [kept, earlier] = [await share(client, id), await share(client, id)];
    await tryRevoke(client, earlier.shareLink.id);
    const { errors } = await transfer({ attachmentId: id, from, to, ...input });
    expect(errors).toBeUndefined();
    const events = await eventsOf(id);
    const revoked = events.filter(({ action }) => action === 'SHARE_LINK_REVOKED');
    return {
      status: await statusOf(kept.url),
      revokedAt: (await linkOf(client, kept.shareLink.id))?.revokedAt,
      revoked: revoked.map(({ details }) => details),
      kept,
      earlier,
      transferred: events.find(({ action }) => action === 'ATTACHMENT_TRANSFERRED')?.details,
    };
  };

  test('stay with it, and the audit log counts them', async () => {
    const { status, revokedAt, revoked, earlier, transferred } = await transferShared({});
    expect([status, revokedAt, revoked]).toEqual([200, null, [{ shareLinkId: earlier.shareLink.id }]]);
    expect(transferred).toMatchObject({ shareLinks: 1 });
  });

  test('are revoked on demand, each with its event', async () => {
    const { status, revokedAt, revoked, kept, earlier, transferred } = await transferShared({
      revokeShareLinks: true,
    });
    expect([status, revokedAt]).toEqual([410, expect.any(String)]);
    expect(revoked).toEqual([kept, earlier].map(({ shareLink }) => ({ shareLinkId: shareLink.id })));
    expect(transferred).not.toHaveProperty('shareLinks');
  });
});

describe('is refused, and changes nothing', () => {
  const other = { type: 'Draft', id: 'another' };
  const cases: [string, (one: Awaited<ReturnType<typeof claimed>>) => Partial<Transfer>, object][] = [
    [
      'from a record that does not own it',
      () => ({ from: other }),
      { code: 'ALREADY_CLAIMED', faults: ['input.from: already_claimed'] },
    ],
    [
      'to the same record',
      ({ from }) => ({ to: from }),
      { code: 'BAD_USER_INPUT', faults: ['input.to: duplicate'] },
    ],
    [
      'to a type that takes none',
      () => ({ to: { type: 'Nothing', id: '1' } }),
      { code: 'BAD_USER_INPUT', faults: ['input.to.type: record_type_not_eligible'] },
    ],
    [
      'to a type of another policy',
      () => ({ to: { type: 'Album', id: '1' } }),
      { code: 'CONTENT_TYPE_NOT_ALLOWED', faults: ['input.attachmentId: content_type_not_allowed'] },
    ],
    [
      'into a field of another policy',
      () => ({ field: 'pictures' }),
      { code: 'CONTENT_TYPE_NOT_ALLOWED', faults: ['input.attachmentId: content_type_not_allowed'] },
    ],
    [
      'with every fault of the input',
      () => ({ from: { type: '', id: 'x' }, to: { type: 'Invoice', id: ' ' }, field: '' }),
      {
        code: 'BAD_USER_INPUT',
        faults: ['input.from.type: empty', 'input.to.id: empty', 'input.field: empty'],
      },
    ],
    [
      'of what is not there',
      () => ({ attachmentId: '01a1fb65-08c0-765b-84f5-000000000000' }),
      { code: 'NOT_FOUND', faults: ['input.attachmentId: not_found'] },
    ],
  ];

  test.each(cases)('%s', async (_, change, refusal) => {
    const one = await claimed();
    const before = await see(client, one.id);
    const answer = await transfer({ attachmentId: one.id, from: one.from, to: one.to, ...change(one) });
    expect(faultsOf(answer)).toEqual(refusal);
    expect(await see(client, one.id)).toEqual(before);
    expect(await idsIn(client, one.from, 'one')).toEqual([one.id]);
  });

  test('into a field that is full', async () => {
    const { id, from, to } = await claimed();
    await client.upload({ content: 'y', name: 'y.txt' }, { record: to, field: 'single' });
    const answer = await transfer({ attachmentId: id, from, to, field: 'single' });
    expect(faultsOf(answer)).toEqual({
      code: 'TOO_MANY_ATTACHMENTS',
      faults: ['input.attachmentId: too_many'],
      limit: 1,
    });
    expect(await idsIn(client, from, 'two')).toEqual([id]);
  });

  test('if no record has claimed it', async () => {
    const { id } = await client.upload({ content: 'x', name: 'x.txt' });
    const answer = await transfer({ attachmentId: id, from: other, to: { type: 'Invoice', id: '1' } });
    expect(faultsOf(answer)).toEqual({ code: 'ALREADY_CLAIMED', faults: ['input.from: not_claimed'] });
    expect(answer.errors?.[0]?.message).toBe('No record has claimed the attachment.');
  });

  test('by whoever cannot see it, or may only read', async () => {
    const { id, from, to } = await claimed();
    const mine = await client.upload({ content: 'x', name: 'x.txt' });
    const stranger = await newClient(stage.service);
    expect(faultsOf(await transfer({ attachmentId: mine.id, from, to }, stranger))?.code).toBe('NOT_FOUND');
    expect(faultsOf(await transfer({ attachmentId: id, from, to }, stage.reader))?.code).toBe('FORBIDDEN');
    expect(faultsOf(await transfer({ attachmentId: id, from, to }, new Client(client.url, null)))?.code).toBe(
      'UNAUTHENTICATED',
    );
  });
});
