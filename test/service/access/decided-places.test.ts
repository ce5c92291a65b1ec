import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import type { TestService } from '../../support/service.js';
import { claim, idsIn, link } from '../doors/links.js';
import { Stage } from '../doors/stage.js';
import { codeOf } from '../quotas/quota-stage.js';
import { eicar } from '../verdicts/gated-scanner.js';
import { type PolicyServer, startPolicyServer } from './policy-server.js';

const policies = {
  policies: { shared: { sharing: 'SHARED' } },
  recordTypes: { Event: { policy: 'shared' }, '*': { policy: 'default' } },
};
let policy: PolicyServer;
let stage: Stage;
let service: TestService;
let colleague: Client;
beforeAll(async () => {
  policy = await startPolicyServer();
  const env = { RECORD_AUTHORIZER_URL: policy.url, TRASH_DAYS: '1', SCANNER: 'eicar' };
  stage = await Stage.open(policies, env);
  service = stage.service;
  colleague = await newClient(service);
});
afterAll(async () => {
  await stage[Symbol.asyncDispose]();
  await policy.close();
});
afterEach(() => {
  policy.decide = () => true;
});

const mutate = (client: Client, name: string, input: object) => {
  const type = `${name[0]?.toUpperCase()}${name.slice(1)}Input`;
  return client.graphql<object>(`mutation ($input: ${type}!) { ${name}(input: $input) { __typename } }`, {
    input,
  });
};

const idOf = async (client: Client) =>
  (await client.ask<{ viewer: { principal: { id: string } } }>('{ viewer { principal { id } } }')).viewer
    .principal.id;

let records = 0;
const newRecord = () => {
  records += 1;
  return { type: 'Case', id: `${records}` };
};

/** While a colleague's change of a file of one record is decided, the file is given to another record. */
async function changeMeanwhile(name: string, input: object, mayEditBoth: boolean) {
  const [from, to] = [newRecord(), newRecord()];
  const { id: attachmentId } = await service.client.upload({ content: 'x', name: 'a.txt' }, { record: from });
  const own = await idOf(colleague);
  let moved: Promise<unknown> | null = null;
  policy.decide = async ({ principal, action, record }) => {
    if (principal.id !== own || action !== 'edit') return true;
    if (record.id !== from.id) return mayEditBoth;
    moved ??= mutate(service.client, 'transferAttachment', { attachmentId, from, to });
    await moved;
    return true;
  };
  const answer = await mutate(colleague, name, { attachmentId, ...input });
  policy.decide = () => true;
  const { auditLog } = await service.client.ask<{ auditLog: { nodes: { action: string }[] } }>(
    'query ($id: ID!) { auditLog(filter: { attachmentId: $id }) { nodes { action } } }',
    { id: attachmentId },
  );
  const actions = auditLog.nodes.map(({ action }) => action);
  return {
    code: codeOf(answer),
    actions: actions.filter((done) => !/ATTACHMENT_(?:CREATED|TRANSFERRED|APPROVED)/.test(done)),
  };
}

test.each([
  ['deleteAttachment', {}, 'ATTACHMENT_DELETED'],
  ['updateAttachment', { description: 'x' }, 'ATTACHMENT_UPDATED'],
  ['replaceContent', { content: { base64: 'eA==' } }, 'ATTACHMENT_REPLACED'],
  ['createShareLink', {}, 'SHARE_LINK_CREATED'],
])('%s asks again about a file that is elsewhere by then', async (name, input, action) => {
  expect(await changeMeanwhile(name, input, false)).toEqual({ code: 'FORBIDDEN', actions: [] });
  expect(await changeMeanwhile(name, input, true)).toEqual({ code: 'ok', actions: [action] });
});

const changes: [string, object][] = [
  ['deleteAttachment', {}],
  ['updateAttachment', { description: 'x' }],
  ['replaceContent', { content: { base64: 'eA==' } }],
  ['createShareLink', {}],
];

test.each(changes)(
  '%s is not for somebody who may only view what leaves its last field',
  async (name, input) => {
    const record = { ...newRecord(), type: 'Event' };
    const { id } = await service.client.upload({ content: 'x', name: 'a.txt' });
    await link(service.client, { record, attachmentIds: [id] });
    const own = await idOf(colleague);
    let left: Promise<unknown> | null = null;
    policy.decide = async ({ principal, action }) => {
      if (principal.id !== own) return true;
      left ??= link(service.client, { record, attachmentIds: [id], mode: 'REMOVE' });
      await left;
      return action === 'view';
    };
    expect(['NOT_FOUND', 'FORBIDDEN']).toContain(
      codeOf(await mutate(colleague, name, { attachmentId: id, ...input })),
    );
    policy.decide = () => true;
    const { attachment } = await service.client.ask<{ attachment: object | null }>(
      'query ($id: ID!) { attachment(id: $id) { id version description { raw } shareLinks(first: 1) { nodes { id } } } }',
      { id },
    );
    expect(attachment).toEqual({ id, version: 1, description: null, shareLinks: { nodes: [] } });
  },
);

test.each(['transferAttachment', 'deleteRecordAttachments'])(
  '%s asks about a field that comes to hold a file meanwhile',
  async (name) => {
    const [record, to] = [newRecord(), newRecord()];
    const { id } = await service.client.upload({ content: 'x', name: 'a.txt' }, { record });
    const own = await idOf(colleague);
    let linked: Promise<unknown> | null = null;
    policy.decide = async ({ principal, action, field }) => {
      if (principal.id !== own || action !== 'edit') return true;
      linked ??= link(service.client, { record, field: 'signed', attachmentIds: [id] });
      await linked;
      return field !== 'signed';
    };
    const input = name === 'transferAttachment' ? { attachmentId: id, from: record, to } : { record };
    expect(codeOf(await mutate(colleague, name, input))).toBe('FORBIDDEN');
    policy.decide = () => true;
    expect(await idsIn(service.client, record, 'signed')).toEqual([id]);
  },
);

test('REMOVE tells nothing of rejected files that are hidden', async () => {
  const [secret, mine] = [newRecord(), newRecord()];
  const { id } = await service.client.upload({ content: eicar, name: 'secret.txt' }, { record: secret });
  const statusOf = async () =>
    (
      await service.client.ask<{ attachment: { status: string } }>(
        'query ($id: ID!) { attachment(id: $id) { status } }',
        { id },
      )
    ).attachment.status;
  while ((await statusOf()) !== 'REJECTED') await new Promise(setImmediate);
  policy.decide = ({ record }) => record.id !== secret.id;
  const remove = (client: Client) =>
    client.graphql<{ linkAttachments: { rejected: { id: string }[] } }>(
      `mutation ($input: LinkAttachmentsInput!) { linkAttachments(input: $input) { rejected { id fileName } } }`,
      { input: { record: mine, attachmentIds: [id], mode: 'REMOVE' } },
    );
  expect((await remove(colleague)).data?.linkAttachments.rejected).toEqual([]);
  policy.decide = () => true;
});

test('deleting all of a record takes nothing out of a field of another one that may not be edited', async () => {
  const [owner, other] = [newRecord(), { type: 'Event', id: 'other' }];
  const { id } = await colleague.upload({ content: 'x', name: 'a.txt' });
  expect(codeOf(await link(colleague, { record: other, field: 'files', attachmentIds: [id] }))).toBe('ok');
  expect(codeOf(await claim(colleague, id, owner))).toBe('ok');
  const reader = await newClient(service);
  policy.decide = ({ action, record }) => action === 'view' || record.id !== other.id;
  expect(codeOf(await mutate(reader, 'deleteRecordAttachments', { record: owner }))).toBe('FORBIDDEN');
  expect(await idsIn(service.client, other, 'files')).toEqual([id]);
  policy.decide = () => true;
  const another = await newClient(service);
  expect(codeOf(await mutate(another, 'deleteRecordAttachments', { record: owner }))).toBe('ok');
  expect(await idsIn(service.client, other, 'files')).toEqual([]);
});

test('deleteRecordAttachments asks about what is claimed meanwhile, too', async () => {
  const [owner, other] = [newRecord(), { type: 'Event', id: 'meanwhile' }];
  const { id } = await service.client.upload({ content: 'x', name: 'a.txt' });
  await link(service.client, { record: other, field: 'files', attachmentIds: [id] });
  const own = await idOf(colleague);
  let claimed: Promise<unknown> | null = null;
  policy.decide = async ({ principal, record }) => {
    if (principal.id !== own) return true;
    claimed ??= claim(service.client, id, owner);
    await claimed;
    return record.id === owner.id;
  };
  expect(codeOf(await mutate(colleague, 'deleteRecordAttachments', { record: owner }))).toBe('FORBIDDEN');
  policy.decide = () => true;
  expect(await idsIn(service.client, other, 'files')).toEqual([id]);
});

test('a claim and deleteRecordAttachments at once take no file out of a field that may not be edited', async () => {
  const other = { type: 'Event', id: 'at-once' };
  const deleter = await newClient(service);
  const own = await idOf(deleter);
  policy.decide = ({ principal, record }) => principal.id !== own || record.id !== other.id;
  const ids: string[] = [];
  for (let round = 0; round < 30; round += 1) {
    const { id } = await colleague.upload({ content: 'x', name: 'a.txt' });
    await link(colleague, { record: other, field: 'files', attachmentIds: [id], mode: 'ADD' });
    ids.push(id);
    const owner = newRecord();
    // Its question is answered before, and it takes no longer than the claim.
    await mutate(deleter, 'deleteRecordAttachments', { record: owner });
    const deleting = mutate(deleter, 'deleteRecordAttachments', { record: owner });
    await pause(round % 6);
    await Promise.all([deleting, claim(colleague, id, owner)]);
  }
  expect(await idsIn(service.client, other, 'files')).toEqual(ids);
});
