import { postgresDialect, type SeedDialect, sqliteDialect } from '../../../bench/seed-dialect.js';
import { startService, type TestService } from '../../support/service.js';
import { openTestDatabase, runsOnPostgres } from '../../support/test-database.js';

const dialect: SeedDialect = runsOnPostgres() ? postgresDialect : sqliteDialect;
let service: TestService;
let organizationId: string;
let principalId: string;
beforeAll(async () => {
  service = await startService();
  const { viewer } = await service.client.ask<{
    viewer: { organizationId: string; principal: { id: string } };
  }>('{ viewer { organizationId principal { id } } }');
  organizationId = viewer.organizationId;
  principalId = viewer.principal.id;
});
afterAll(() => service.close());

/** Inserts `count` rows, `n` of each being its number from 0. */
async function insert(count: number, table: string, values: Record<string, string>): Promise<void> {
  const database = await openTestDatabase(service.dataDirectory);
  const columns = Object.keys(values).join(', ');
  await database.write((manager) =>
    manager.query(
      `${dialect.numbers(count)} INSERT INTO ${table} (${columns}) SELECT ${Object.values(values).join(', ')} FROM numbers`,
    ),
  );
  await database.close();
}

const id = (prefix: string) => `'${prefix}' || ${dialect.digits('n', 8)}`;
const total = 'totalCount totalCountIsExact';
const many = { totalCount: 10_000, totalCountIsExact: false };

test('the audit log', async () => {
  const before = await service.client.ask<{ auditLog: { totalCount: number } }>(
    `{ auditLog(first: 0) { ${total} } }`,
  );
  const { totalCount } = before.auditLog;
  const row = {
    organization_id: `'${organizationId}'`,
    action: `'ATTACHMENT_UPDATED'`,
    subject_id: `'subject'`,
    created_at: '0',
  };
  const ask = (filter: object) =>
    service.client.ask(`query ($filter: AuditFilter) { auditLog(first: 0, filter: $filter) { ${total} } }`, {
      filter,
    });
  await insert(10_000 - totalCount, 'audit_events', { id: id('a'), ...row });
  expect(await ask({})).toEqual({ auditLog: { totalCount: 10_000, totalCountIsExact: true } });
  await insert(1, 'audit_events', { id: id('b'), ...row });
  expect(await ask({})).toEqual({ auditLog: many });
  expect(await ask({ action: ['ATTACHMENT_DELETED'] })).toEqual({
    auditLog: { totalCount: 0, totalCountIsExact: true },
  });
});

test('API keys', async () => {
  const row = {
    organization_id: `'${organizationId}'`,
    principal_id: `'${principalId}'`,
    name: `'k'`,
    prefix: `'cck_'`,
    permissions: `'[]'`,
    created_at: '0',
  };
  const ask = () => service.client.ask(`{ apiKeys(first: 0) { ${total} } }`);
  expect(await ask()).toEqual({ apiKeys: { totalCount: 1, totalCountIsExact: true } });
  await insert(10_000, 'api_keys', { id: id('k'), hash: dialect.randomHex(32), ...row });
  expect(await ask()).toEqual({ apiKeys: many });
});

test('attachments, their links and their webhooks', async () => {
  const { id: attachmentId } = await service.client.upload({ content: 'x', name: 'x.txt' });
  const query = `query ($id: ID!) {
    attachments(first: 1) { ${total} nodes { links(first: 0) { ${total} } } }
    webhookDeliveries(first: 0, attachmentId: $id) { ${total} } }`;
  const ask = () => service.client.ask(query, { id: attachmentId });
  const none = { totalCount: 0, totalCountIsExact: true };
  expect(await ask()).toEqual({
    attachments: { totalCount: 1, totalCountIsExact: true, nodes: [{ links: none }] },
    webhookDeliveries: none,
  });
  const field = { record_type: `'Task'`, record_id: id('r'), name: `'f'`, version: '1' };
  await insert(10_001, 'record_fields', { id: id('f'), organization_id: `'${organizationId}'`, ...field });
  const link = { attachment_id: `'${attachmentId}'`, position: '0', created_at: '0' };
  await insert(10_001, 'links', { field_id: id('f'), ...link });
  await insert(10_001, 'webhook_deliveries', {
    id: id('d'),
    organization_id: `'${organizationId}'`,
    attachment_id: `'${attachmentId}'`,
    subscription_id: `'s'`,
    uri: `'https://example.org'`,
    interaction: `'ATTACHMENT_APPROVED'`,
    state: `'DELIVERED'`,
    attempts: '1',
    attempts_before: '0',
    body: `'{}'`,
    created_at: '0',
  });
  expect(await ask()).toEqual({
    attachments: { totalCount: 1, totalCountIsExact: true, nodes: [{ links: many }] },
    webhookDeliveries: many,
  });
});
