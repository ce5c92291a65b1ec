import type { Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { startService, type TestService } from '../../support/service.js';
import { codeOf } from '../quotas/quota-stage.js';
import { type PolicyServer, startPolicyServer } from './policy-server.js';

let policy: PolicyServer;
let service: TestService;
let colleague: Client;
beforeAll(async () => {
  policy = await startPolicyServer();
  service = await startService({ RECORD_AUTHORIZER_URL: policy.url, TRASH_DAYS: '1' });
  colleague = await newClient(service);
});
afterAll(async () => {
  await service.close();
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
