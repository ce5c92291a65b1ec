import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AttachmentData, Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { startService, type TestService } from '../../support/service.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { sharedPolicies } from '../doors/shared-policies.js';
import { eicar, GatedScanner } from '../verdicts/gated-scanner.js';
import { insertOrganization } from './insert-organization.js';
import { type LiveClient, onAttachment, onRecord, openLive, type Told } from './live-client.js';

const scanner = new GatedScanner();
let service: TestService;
let owner: Client;
let colleague: Client;
let stranger: Client;
let live: LiveClient;
let colleagueLive: LiveClient;
let strangerLive: LiveClient;

beforeAll(async () => {
  const policies = join(await makeTemporaryDirectory(), 'policies.json');
  await writeFile(policies, JSON.stringify(sharedPolicies));
  service = await startService({ SCAN_RETRY_SECONDS: '0,0', POLICIES_FILE: policies }, { scanner });
  owner = service.client;
  colleague = await newClient(service);
  stranger = await newClient(service, { organizationId: await insertOrganization(service.dataDirectory) });
  live = await openLive(service.url, owner.key);
  colleagueLive = await openLive(service.url, colleague.key);
  strangerLive = await openLive(service.url, stranger.key);
});
afterAll(async () => {
  for (const each of [live, colleagueLive, strangerLive]) each.close();
  await service.close();
});
afterEach(() => scanner.open());

const file = (name = 'a.txt') => ({ content: 'nothing to see here', name });
interface Ref {
  type: string;
  id: string;
}

let count = 0;
const newRecord = () => {
  count += 1;
  return { type: 'Task', id: `live-${count}` };
};

const mutate = (name: string, input: object, client = owner) =>
  client.ask(
    `mutation ($input: ${name[0]?.toUpperCase()}${name.slice(1)}Input!) { ${name}(input: $input) { __typename } }`,
    { input },
  );

async function approved(input: object = {}, client = owner): Promise<AttachmentData> {
  const attachment = await client.upload(file(), input);
  for (;;) {
    const answer = await client.ask<{ attachment: AttachmentData }>(
      'query ($id: ID!) { attachment(id: $id) { status } }',
      { id: attachment.id },
    );
    if (answer.attachment.status === 'APPROVED') return attachment;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function watch(
  client: LiveClient,
  operation: ReturnType<typeof onAttachment | typeof onRecord>,
): Promise<Told> {
  const told = client.subscribe(operation);
  await client.settled();
  expect(told.errors).toEqual([]);
  return told;
}

describe('one attachment', () => {
  test('its verdict, claim, link, unlink and update are told; its deletion completes', async () => {
    scanner.shut();
    const { id } = await owner.upload(file());
    const told = await watch(
      live,
      onAttachment(
        id,
        'id fileName status record { type id: recordId } links { nodes { field record { id: recordId } } }',
      ),
    );
    expect(told.events).toEqual([]);
    scanner.open();
    await told.until(({ status }) => status === 'APPROVED');
    const record = newRecord();
    await mutate('claimAttachment', { attachmentId: id, record });
    expect(await told.until((event) => event.record !== null)).toMatchObject({ id, record });
    await mutate('linkAttachments', { record, attachmentIds: [id] });
    await told.until(({ links }) => links.nodes[0]?.record.id === record.id);
    const before = told.events.length;
    await mutate('linkAttachments', { record, attachmentIds: [] });
    await told.settle(() => told.events.length > before);
    expect(told.events.at(-1)?.links.nodes).toEqual([]);
    await mutate('updateAttachment', { attachmentId: id, fileName: 'b.txt' });
    await told.until(({ fileName }) => fileName === 'b.txt');
    await mutate('deleteAttachment', { attachmentId: id });
    await told.completed();
    expect(told.errors).toEqual([]);
  });

  test('a rejection, and what releases it, are told to its record too', async () => {
    scanner.shut();
    const record = newRecord();
    const { id } = await owner.upload({ content: eicar, name: 'bad.txt' }, { record, field: 'files' });
    const told = await watch(live, onAttachment(id));
    const toldRecord = await watch(colleagueLive, onRecord(record));
    scanner.open();
    for (const each of [told, toldRecord]) {
      expect(await each.until(({ status }) => status === 'REJECTED')).toMatchObject({
        id,
        links: { nodes: [] },
      });
    }
    await mutate('releaseAttachment', { attachmentId: id, reason: 'false alarm' });
    await Promise.all([told, toldRecord].map((each) => each.until(({ status }) => status === 'APPROVED')));
  });

  test('a rescan of what could not be scanned is told', async () => {
    scanner.outcome = { outcome: 'no verdict', reason: 'none today' };
    const { id } = await owner.upload(file());
    const told = await watch(live, onAttachment(id));
    await told.until(({ status }) => status === 'SCAN_FAILED');
    scanner.outcome = null;
    scanner.shut();
    await mutate('rescanAttachment', { attachmentId: id });
    await told.until(({ status }) => status === 'PENDING');
    scanner.open();
    await told.until(({ status }) => status === 'APPROVED');
  });

  test('a claim that changes nothing is not told', async () => {
    const record = newRecord();
    const { id } = await approved({ record });
    const told = await watch(live, onAttachment(id));
    await mutate('claimAttachment', { attachmentId: id, record });
    await mutate('updateAttachment', { attachmentId: id, fileName: 'c.txt' });
    await told.until();
    expect(told.events).toHaveLength(1);
  });
});

describe('a record', () => {
  test('is told what it claims, links to and loses, and other records hear nothing', async () => {
    const [record, other] = [newRecord(), newRecord()];
    const first = await approved();
    const second = await approved();
    const told = await watch(colleagueLive, onRecord(record));
    const toldOther = await watch(colleagueLive, onRecord(other));
    await mutate('claimAttachment', { attachmentId: first.id, record });
    await told.until(({ id }) => id === first.id);
    await mutate('linkAttachments', { record, attachmentIds: [first.id, second.id] });
    await told.until(({ id }) => id === second.id);
    await mutate('linkAttachments', { record, attachmentIds: [second.id], mode: 'REMOVE' });
    await told.until(({ id, links }) => id === second.id && links.nodes.length === 0);
    const third = await owner.upload(file(), { record });
    await told.until(({ id }) => id === third.id);
    await mutate('deleteRecordAttachments', { record });
    await colleagueLive.settled();
    expect(told.isComplete).toBe(false);
    expect(toldOther.events).toEqual([]);
  });

  test('is told of an attachment that it shares with another; deleting one record leaves it to the other', async () => {
    const [one, other] = [newRecord(), newRecord()].map(({ id }) => ({ type: 'Event', id })) as [Ref, Ref];
    const { id } = await approved();
    await mutate('linkAttachments', { record: one, attachmentIds: [id] });
    const told = await watch(colleagueLive, onRecord(one));
    const toldOther = await watch(colleagueLive, onRecord(other));
    await mutate('linkAttachments', { record: other, attachmentIds: [id] });
    await Promise.all([told, toldOther].map((each) => each.until(({ links }) => links.nodes.length === 2)));
    await mutate('deleteRecordAttachments', { record: one });
    await Promise.all([told, toldOther].map((each) => each.until(({ links }) => links.nodes.length === 1)));
    await mutate('deleteAttachment', { attachmentId: id });
    await colleagueLive.settled();
    expect([told.isComplete, toldOther.isComplete]).toEqual([false, false]);
  });
});

describe('who is told', () => {
  test("another organization's attachment does not exist, nor another's unclaimed one", async () => {
    const { id } = await approved();
    const none = '01890000-0000-7000-8000-000000000000';
    const refusals = [
      strangerLive.subscribe(onAttachment(id)),
      colleagueLive.subscribe(onAttachment(id)),
      live.subscribe(onAttachment(none)),
      live.subscribe(onAttachment('no id at all')),
    ];
    const extensions = await Promise.all(refusals.map((told) => told.refused()));
    for (const each of extensions) {
      expect(each).toEqual({
        code: 'NOT_FOUND',
        details: [{ loc: ['attachmentId'], msg: expect.any(String), type: 'not_found' }],
      });
    }
    await mutate('claimAttachment', { attachmentId: id, record: newRecord() });
    expect(await strangerLive.subscribe(onAttachment(id)).refused()).toMatchObject({ code: 'NOT_FOUND' });
    await watch(colleagueLive, onAttachment(id));
  });

  test('the same record of another organization is another record', async () => {
    const record = newRecord();
    const theirs = await watch(strangerLive, onRecord(record));
    const ours = await watch(live, onRecord(record));
    await owner.upload(file(), { record });
    await ours.until();
    await strangerLive.settled();
    expect(theirs.events).toEqual([]);
  });

  test.each([
    ['neither', 'subscription { attachmentChanged { id } }'],
    ['both', 'subscription { attachmentChanged(attachmentId: "x", record: { type: "A", id: "1" }) { id } }'],
    ['nulls', 'subscription { attachmentChanged(attachmentId: null, record: null) { id } }'],
  ])('%s of the two arguments is refused, naming both', async (_what, query) => {
    expect(await live.subscribe({ query }).refused()).toMatchObject({
      code: 'BAD_USER_INPUT',
      details: [{ loc: ['attachmentId'] }, { loc: ['record'] }],
    });
  });

  test.each([
    ['a query', '{ viewer { organizationId } }'],
    ['a mutation', 'mutation { deleteAttachment(input: { attachmentId: "x" }) { deletedAttachmentId } }'],
    ['no GraphQL', 'subscription {'],
    ['an unknown field', 'subscription { nothing }'],
    ['two fields', 'subscription { a: attachmentChanged { id } b: attachmentChanged { id } }'],
    ['a record without a type', 'subscription { attachmentChanged(record: { type: "", id: "1" }) { id } }'],
  ])('%s is refused with our own error', async (_what, query) => {
    const told = live.subscribe({ query });
    expect(await told.refused()).toMatchObject({
      code: 'BAD_USER_INPUT',
      details: [{ loc: expect.any(Array) }],
    });
  });

  test('over HTTP a subscription is refused', async () => {
    const answer = await owner.graphql('subscription { attachmentChanged(attachmentId: "x") { id } }');
    expect(answer.errors?.[0]?.extensions.code).toBe('BAD_USER_INPUT');
  });
});
