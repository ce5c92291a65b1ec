import { newClient } from '../../support/keys.js';
import type { TestService } from '../../support/service.js';
import { link } from '../doors/links.js';
import { Stage } from '../doors/stage.js';
import { onRecord, openLive } from '../live/live-client.js';
import { type Asked, type PolicyServer, startPolicyServer } from './policy-server.js';

const policies = {
  policies: { shared: { sharing: 'SHARED' } },
  recordTypes: { Event: { policy: 'shared' }, '*': { policy: 'default' } },
};
let policy: PolicyServer;
let stage: Stage;
let service: TestService;
let attachmentId: string;
/** The attachment is in a field of each. */
const [open, partial, closed] = ['open', 'partial', 'closed'].map((id) => ({ type: 'Event', id })) as [
  Ref,
  Ref,
  Ref,
];
type Ref = { type: string; id: string };

const mayView = ({ action, record: { id }, field }: Asked) =>
  action === 'edit' || id === 'open' || (id === 'partial' && field !== 'secret');

beforeAll(async () => {
  policy = await startPolicyServer();
  stage = await Stage.open(policies, { RECORD_AUTHORIZER_URL: policy.url });
  service = stage.service;
  attachmentId = (await service.client.upload({ content: 'x', name: 'a.txt' })).id;
  await link(service.client, { attachmentIds: [attachmentId], record: open, field: 'files' });
  await link(service.client, { attachmentIds: [attachmentId], record: partial, field: 'secret' });
  await link(service.client, { attachmentIds: [attachmentId], record: closed, field: 'files' });
});
afterAll(async () => {
  await stage[Symbol.asyncDispose]();
  await policy.close();
});
afterEach(() => {
  policy.decide = () => true;
});

/** The ids that each way to list a record gives to somebody about whom nothing is remembered. */
async function listed(record: Ref) {
  const reader = await newClient(service);
  const page = '{ nodes { id } pageInfo { hasNextPage } }';
  const query = `query ($type: String!, $id: ID!, $record: RecordInput!) {
    record(type: $type, id: $id) { attachments ${page} } attachments(filter: { record: $record }) ${page}
  }`;
  type Page = { nodes: { id: string }[]; pageInfo: object };
  const { record: found, attachments } = await reader.ask<{
    record: { attachments: Page };
    attachments: Page;
  }>(query, { ...record, record });
  return [found.attachments, attachments].map(({ nodes }) => nodes.map(({ id }) => id));
}

test('somebody who sees an attachment elsewhere does not find it by a record that may not be viewed', async () => {
  policy.decide = mayView;
  expect(await listed(closed)).toEqual([[], []]);
  expect(await listed(open)).toEqual([[attachmentId], [attachmentId]]);
});

test('nor by a record of which another field holds it than may be viewed', async () => {
  policy.decide = mayView;
  expect(await listed(partial)).toEqual([[], []]);
});

test('a claimed one is found by its record, and one in a field by whoever may view that alone', async () => {
  const record = { type: 'Event', id: 'claiming' };
  const { id } = await service.client.upload({ content: 'x', name: 'a.txt' }, { record });
  expect(await listed(record)).toEqual([[id], [id]]);
  policy.decide = ({ record: of, field }) => of.id === closed.id && field === 'files';
  expect(await listed(closed)).toEqual([[], [attachmentId]]);
});

test('no event tells that a field that may not be viewed holds it', async () => {
  const live = await openLive(service.url, (await newClient(service)).key);
  policy.decide = mayView;
  const [shown, silent] = [live.subscribe(onRecord(open)), live.subscribe(onRecord(partial))];
  await live.settled();
  const input = { attachmentId, description: 'changed' };
  const mutation =
    'mutation ($input: UpdateAttachmentInput!) { updateAttachment(input: $input) { __typename } }';
  await service.client.ask(mutation, { input });
  await shown.until();
  const { id } = await service.client.upload({ content: 'y', name: 'b.txt' }, { record: partial });
  await silent.until((event) => event.id === id);
  expect(silent.events.map((event) => event.id)).toEqual([id]);
  for (const told of [shown, silent]) told.end();
  live.close();
});
