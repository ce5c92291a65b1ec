import { link } from '../../service/doors/links.js';
import type { Client } from '../../support/client.js';
import { Cluster } from './cluster.js';
import { holdLocks, untilBlocked } from './held-locks.js';

let cluster: Cluster;
let client: Client;
beforeAll(async () => {
  cluster = await Cluster.open();
  ({ client } = await cluster.serve({ SCANNER: 'none', WEBHOOK_ALLOW_PRIVATE: 'true' }, ['--no-work']));
});
afterAll(() => cluster[Symbol.asyncDispose]());

const [from, to] = [
  { type: 'Task', id: '1' },
  { type: 'Task', id: '2' },
];

const mutate = (operation: string, input: object, selection = '__typename') =>
  client.ask<Record<string, unknown>>(
    `mutation ($input: ${operation[0]?.toUpperCase()}${operation.slice(1)}Input!) {
      ${operation}(input: $input) { ${selection} } }`,
    { input },
  );

/** Makes a change wait for a lock. Returns what the log says of its instant, and an instant at which it still waited. */
async function waitFor(table: string, change: () => Promise<unknown>, action: string) {
  const release = await holdLocks(cluster, `SELECT 1 FROM ${table} FOR UPDATE`);
  const changing = change();
  await untilBlocked(cluster, new RegExp(table));
  const [waiting] = await cluster.query<{ at: Date }>('SELECT clock_timestamp() AS at');
  await release();
  await changing;
  const { auditLog } = await client.ask<{ auditLog: { nodes: { createdAt: string }[] } }>(
    `query ($action: AuditAction!) { auditLog(first: 1, filter: { action: [$action] }) { nodes { createdAt } } }`,
    { action },
  );
  return { logged: Date.parse(auditLog.nodes[0]?.createdAt ?? ''), waiting: Number(waiting?.at) };
}

test('links are told to have changed once others have let go of the field', async () => {
  const { id } = await client.upload({ content: 'x', name: 'a.txt' }, { record: from, field: 'files' });
  const unlink = () => link(client, { record: from, field: 'files', attachmentIds: [id], mode: 'REMOVE' });
  const { logged, waiting } = await waitFor('record_fields', unlink, 'ATTACHMENT_UNLINKED');
  expect(logged).toBeGreaterThanOrEqual(waiting);
});

test('links are told to have been made once others have let go of the attachment', async () => {
  const { id } = await client.upload({ content: 'x', name: 'a.txt' }, { record: from });
  const add = () => link(client, { record: from, field: 'files', attachmentIds: [id], mode: 'ADD' });
  const { logged, waiting } = await waitFor('attachments', add, 'ATTACHMENT_LINKED');
  expect(logged).toBeGreaterThanOrEqual(waiting);
});

test('a transfer is told to have been made once others have let go of the attachment', async () => {
  const { id: attachmentId } = await client.upload({ content: 'x', name: 'a.txt' }, { record: from });
  const transfer = () => mutate('transferAttachment', { attachmentId, from, to });
  const { logged, waiting } = await waitFor('attachments', transfer, 'ATTACHMENT_TRANSFERRED');
  expect(logged).toBeGreaterThanOrEqual(waiting);
});

test('a claim is told to have been made once others have let go of the attachment', async () => {
  const { id: attachmentId } = await client.upload({ content: 'x', name: 'a.txt' });
  const claim = () => mutate('claimAttachment', { attachmentId, record: from });
  const { logged, waiting } = await waitFor('attachments', claim, 'ATTACHMENT_CLAIMED');
  expect(logged).toBeGreaterThanOrEqual(waiting);
});

test('a copy is told to have been made once others have let go of the attachment', async () => {
  const { id: attachmentId } = await client.upload({ content: 'x', name: 'a.txt' }, { record: from });
  const copy = () => mutate('copyAttachment', { attachmentId });
  const { logged, waiting } = await waitFor('attachments', copy, 'ATTACHMENT_CREATED');
  expect(logged).toBeGreaterThanOrEqual(waiting);
});

test('share links are told to have been made, and revoked, once others have let go', async () => {
  const { id: attachmentId } = await client.upload({ content: 'x', name: 'a.txt' }, { record: from });
  let id = '';
  const create = async () => {
    const made = await mutate('createShareLink', { attachmentId }, 'shareLink { id }');
    ({ id } = (made['createShareLink'] as { shareLink: { id: string } }).shareLink);
  };
  const made = await waitFor('attachments', create, 'SHARE_LINK_CREATED');
  expect(made.logged).toBeGreaterThanOrEqual(made.waiting);
  const revoked = await waitFor('share_links', () => mutate('revokeShareLink', { id }), 'SHARE_LINK_REVOKED');
  expect(revoked.logged).toBeGreaterThanOrEqual(revoked.waiting);
});

test('a webhook endpoint is told to have changed once others have let go of it', async () => {
  const uri = 'http://127.0.0.1:9/';
  const made = await mutate(
    'createWebhookEndpoint',
    { uri, events: ['ATTACHMENT_CREATED'] },
    'webhookEndpoint { id }',
  );
  const { id } = (made['createWebhookEndpoint'] as { webhookEndpoint: { id: string } }).webhookEndpoint;
  const update = () => mutate('updateWebhookEndpoint', { id, description: 'x' });
  const { logged, waiting } = await waitFor('webhook_endpoints', update, 'WEBHOOK_ENDPOINT_UPDATED');
  expect(logged).toBeGreaterThanOrEqual(waiting);
});
