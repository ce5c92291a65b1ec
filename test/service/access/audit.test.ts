import { setTimeout as sleep } from 'node:timers/promises';
import { purgeEvents } from '../../../src/audit/audit-events.js';
import { AuditEventRow } from '../../../src/database/entities/organization.js';
import type { Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { startService, type TestService } from '../../support/service.js';
import { StatementCounter } from '../../support/statement-counter.js';
import { openTestDatabase } from '../../support/test-database.js';
import { createKey, tryRevokeKey, whoAmI } from '../auth/key-operations.js';
import { eicar } from '../verdicts/gated-scanner.js';

const day = 86_400_000;
const counter = new StatementCounter();
let now = Date.parse('2026-03-04T05:06:07.008Z');
/** Added to `now`, in turn. */
let instants = [0];
let looks = 0;
let service: TestService;
let admin: Client;
beforeAll(async () => {
  const clock = () => {
    looks += 1;
    return new Date(now + (instants[looks % instants.length] ?? 0));
  };
  service = await startService({ SCANNER: 'eicar' }, { clock, statementLogger: counter });
  admin = service.client;
});
afterAll(() => service.close());
beforeEach(() => {
  now += 60_000;
});

interface Event {
  id: string;
  action: string;
  attachmentId: string | null;
  apiKeyId: string | null;
  principal: { id: string } | null;
  details: object | null;
  createdAt: string;
}
interface Log {
  nodes: Event[];
  totalCount: number;
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
}

async function log(filter: object = {}, page: object = {}, client = admin): Promise<Log> {
  const { auditLog } = await client.ask<{ auditLog: Log }>(
    `query ($filter: AuditFilter, $first: Int, $after: String) {
      auditLog(filter: $filter, first: $first, after: $after) {
        nodes { id action attachmentId apiKeyId principal { id } details createdAt }
        totalCount pageInfo { hasNextPage endCursor } } }`,
    { filter, ...page },
  );
  return auditLog;
}
const actions = async (attachmentId: string) =>
  (await log({ attachmentId })).nodes.map(({ action }) => action).toReversed();
const mutate = (operation: string, input: object, client = admin) =>
  client.ask(
    `mutation ($input: ${operation[0]?.toUpperCase()}${operation.slice(1)}Input!) {
      ${operation}(input: $input) { __typename } }`,
    { input },
  );
const file = (name = 'x.txt') => ({ content: 'x', name });
const record = { type: 'Case', id: '1' };

async function until<Value>(read: () => Promise<Value>, isSo: (value: Value) => boolean): Promise<Value> {
  for (let round = 0; round < 100; round += 1) {
    const value = await read();
    if (isSo(value)) return value;
    await sleep(50);
  }
  return read();
}

/** Once no verdict is outstanding. */
const settled = () =>
  until(
    () =>
      admin.ask<{ attachments: { totalCount: number } }>(
        '{ attachments(filter: { status: [PENDING] }) { totalCount } }',
      ),
    ({ attachments }) => attachments.totalCount === 0,
  );

test('the events of an attachment tell what somebody does with it, in order, with who and when', async () => {
  const { principal } = await whoAmI(admin);
  const { id } = await admin.upload(file());
  await settled();
  for (const [operation, input] of [
    ['claimAttachment', { attachmentId: id, record }],
    ['claimAttachment', { attachmentId: id, record }],
    ['linkAttachments', { attachmentIds: [id], record, field: 'files' }],
    ['updateAttachment', { attachmentId: id, fileName: 'y.txt' }],
    ['rescanAttachment', { attachmentId: id }],
    ['linkAttachments', { attachmentIds: [], record, field: 'files' }],
    ['deleteAttachment', { attachmentId: id }],
  ] as const) {
    now += 1;
    await mutate(operation, input);
  }
  const { nodes, totalCount } = await log({ attachmentId: id });
  expect(nodes.toReversed().map(({ action, details }) => [action, details])).toEqual([
    ['ATTACHMENT_CREATED', { fileName: 'x.txt' }],
    ['ATTACHMENT_APPROVED', null],
    ['ATTACHMENT_CLAIMED', { record }],
    ['ATTACHMENT_LINKED', { record, field: 'files' }],
    [
      'ATTACHMENT_UPDATED',
      { changed: ['fileName'], before: { fileName: 'x.txt' }, after: { fileName: 'y.txt' } },
    ],
    ['ATTACHMENT_RESCANNED', null],
    ['ATTACHMENT_UNLINKED', { record, field: 'files' }],
    ['ATTACHMENT_DELETED', { fileName: 'y.txt', record }],
  ]);
  expect(totalCount).toBe(8);
  const byWhom = nodes
    .filter(({ action }) => action !== 'ATTACHMENT_APPROVED')
    .map((event) => event.principal?.id);
  expect(new Set(byWhom)).toEqual(new Set([principal.id]));
  expect(nodes[0]?.createdAt).toBe(new Date(now).toISOString());
});

test('an attachment whose id differs at its end alone has events of its own', async () => {
  const { id } = await admin.upload(file());
  await settled();
  const neighbour = id.slice(0, -1) + (id.endsWith('0') ? '1' : '0');
  const { nodes } = await log({ attachmentId: id });
  const [latest] = nodes;
  const database = await openTestDatabase(service.dataDirectory);
  const write = (sql: string) => database.write((manager) => manager.query(sql));
  await write(`INSERT INTO audit_events (id, organization_id, action, subject_id, created_at)
    SELECT '${neighbour}', organization_id, action, '${neighbour}', created_at FROM audit_events WHERE id = '${latest?.id}'`);
  expect((await log({ attachmentId: id })).nodes).toEqual(nodes);
  expect((await log({ attachmentId: neighbour })).nodes).toMatchObject([{ id: neighbour }]);
  await write(`DELETE FROM audit_events WHERE id = '${neighbour}'`);
  await database.close();
});

test('a condition on an id that nothing can have is met by no event', async () => {
  await admin.upload(file());
  for (const filter of [{ attachmentId: '' }, { attachmentId: 'x\0' }, { principalId: '' }])
    expect([filter, (await log(filter)).totalCount]).toEqual([filter, 0]);
});

test('the events of one request stay in order while others are made at another instant', async () => {
  instants = [0, 1];
  const uploads = Array.from({ length: 40 }, (_, index) =>
    admin.upload(file(`${index}.txt`), { record, field: `order-${index}` }),
  );
  const uploaded = await Promise.all(uploads);
  instants = [0];
  const created = ['ATTACHMENT_CREATED', 'ATTACHMENT_LINKED'];
  for (const { id } of uploaded)
    expect((await actions(id)).filter((action) => created.includes(action))).toEqual(created);
});

test('copies, releases, and records that are deleted', async () => {
  const { id } = await admin.upload({ content: eicar, name: 'x.txt' }, { record: { type: 'Case', id: '2' } });
  await until(
    () => admin.ask<{ attachment: { status: string } }>(`{ attachment(id: "${id}") { status } }`),
    ({ attachment }) => attachment.status === 'REJECTED',
  );
  now += 1;
  await mutate('releaseAttachment', { attachmentId: id, reason: 'A test.' });
  now += 1;
  await mutate('releaseAttachment', { attachmentId: id, reason: 'Again.' });
  await mutate('copyAttachment', { attachmentId: id });
  now += 1;
  await mutate('deleteRecordAttachments', { record: { type: 'Case', id: '2' } });
  expect(await actions(id)).toEqual([
    'ATTACHMENT_CREATED',
    'ATTACHMENT_REJECTED',
    'ATTACHMENT_RELEASED',
    'ATTACHMENT_DELETED',
  ]);
  const [released] = (await log({ attachmentId: id, action: ['ATTACHMENT_RELEASED'] })).nodes;
  expect(released?.details).toEqual({ reason: 'A test.' });
  const [copied] = (await log({ action: ['ATTACHMENT_CREATED'] }, { first: 1 })).nodes;
  expect(copied?.details).toEqual({ fileName: 'x.txt', copyOf: id });
});

test('an update tells what was said before and after, of what it was given alone', async () => {
  const { id } = await admin.upload(file(), { description: 'Old', metadata: { type: 'A' } });
  const update = async (input: object) => {
    now += 1;
    await mutate('updateAttachment', { attachmentId: id, ...input });
    return (await log({ attachmentId: id, action: ['ATTACHMENT_UPDATED'] }, { first: 1 })).nodes[0]?.details;
  };
  expect(await update({ description: 'New *one*', metadata: { type: 'B', attributes: { a: 1 } } })).toEqual({
    changed: ['description', 'metadata'],
    before: { description: 'Old', metadata: { type: 'A', attributes: null } },
    after: { description: 'New *one*', metadata: { type: 'B', attributes: { a: 1 } } },
  });
  expect(await update({ description: null, metadata: null, fileName: ' z.txt ' })).toEqual({
    changed: ['fileName', 'description', 'metadata'],
    before: { fileName: 'x.txt', description: 'New *one*', metadata: { type: 'B', attributes: { a: 1 } } },
    after: { fileName: 'z.txt', description: null, metadata: null },
  });
});

describe('verdicts', () => {
  const verdictOf = (id: string) =>
    until(
      () => admin.ask<{ attachment: { status: string } }>(`{ attachment(id: "${id}") { status } }`),
      ({ attachment }) => attachment.status !== 'PENDING',
    );
  /** The events that nobody's credential has led to, in order. */
  const eventsOf = async (attachmentId: string) =>
    (await log({ attachmentId })).nodes
      .filter(({ principal }) => principal === null)
      .toReversed()
      .map(({ action, details }) => [action, details]);

  test('are events of the service itself: approved', async () => {
    const { id } = await admin.upload(file());
    await verdictOf(id);
    expect(await eventsOf(id)).toEqual([['ATTACHMENT_APPROVED', null]]);
  });

  test('rejected, and unlinked for it from every field', async () => {
    const places = [1, 2].map((number) => ({ record: { type: 'Case', id: `v${number}` }, field: 'files' }));
    const { id } = await admin.upload({ content: eicar, name: 'x.txt' }, places[0]);
    await verdictOf(id);
    const rejection = { reason: 'MALWARE', signature: expect.any(String), message: expect.any(String) };
    expect(await eventsOf(id)).toEqual([
      ['ATTACHMENT_REJECTED', rejection],
      ['ATTACHMENT_UNLINKED', { ...places[0], because: 'REJECTED' }],
    ]);
    const { totalCount } = await log({ attachmentId: id, action: ['ATTACHMENT_UNLINKED'] });
    expect(totalCount).toBe(1);
  });

  test('and releases are events of each attachment over the same bytes', async () => {
    const { id, documentKey } = await admin.upload({ content: eicar, name: 'x.txt' }, { record });
    await verdictOf(id);
    const { copyAttachment } = await admin.ask<{ copyAttachment: { attachment: { id: string } } }>(
      'mutation ($id: ID!) { copyAttachment(input: { attachmentId: $id }) { attachment { id } } }',
      { id },
    );
    now += 1;
    await mutate('releaseAttachment', { attachmentId: id, reason: ' A test. ' });
    for (const one of [id, copyAttachment.attachment.id]) {
      const { nodes } = await log({
        attachmentId: one,
        action: ['ATTACHMENT_RELEASED', 'ATTACHMENT_APPROVED'],
      });
      expect(nodes.map(({ action, details }) => [action, details])).toEqual([
        ['ATTACHMENT_RELEASED', { reason: 'A test.' }],
      ]);
    }
    expect(documentKey).toBeTruthy();
  });
});

test('API keys', async () => {
  const { apiKey } = await createKey(admin, { name: 'Report', permissions: ['attachments:read'] });
  now += 1;
  await tryRevokeKey(admin, apiKey.id);
  await tryRevokeKey(admin, apiKey.id);
  const { nodes } = await log({ action: ['API_KEY_CREATED', 'API_KEY_REVOKED'] }, { first: 2 });
  const { principal } = await whoAmI(admin);
  expect(
    nodes.map(({ action, apiKeyId, attachmentId, principal }) => [action, apiKeyId, attachmentId, principal]),
  ).toEqual([
    ['API_KEY_REVOKED', apiKey.id, null, { id: principal.id }],
    ['API_KEY_CREATED', apiKey.id, null, { id: principal.id }],
  ]);
  expect(nodes[1]?.details).toEqual({ name: 'Report', permissions: ['attachments:read'] });
});

describe('downloads', () => {
  const downloads = (attachmentId: string) => log({ attachmentId, action: ['ATTACHMENT_DOWNLOADED'] });

  test('once for each principal or signed URL and day, without a statement while they are answered', async () => {
    const { id, url } = await admin.upload(file(), { record });
    const signed = async () => {
      now += 3_600_000;
      const query = 'query ($id: ID!) { attachment(id: $id) { downloadUrl(expiresIn: 600000) } }';
      return (
        (
          await until(
            () => admin.ask<{ attachment: { downloadUrl: string | null } }>(query, { id }),
            ({ attachment }) => attachment.downloadUrl !== null,
          )
        ).attachment.downloadUrl ?? ''
      );
    };
    const [first, second] = [await signed(), await signed()];
    const { apiKeys } = await admin.ask<{ apiKeys: { nodes: { id: string; principal: { id: string } }[] } }>(
      '{ apiKeys(first: 1000) { nodes { id principal { id } } } }',
    );
    const { principal: adminItself } = await whoAmI(admin);
    const apiKeyId = apiKeys.nodes.find((key) => key.principal.id === adminItself.id)?.id;
    const link = JSON.stringify({ by: 'SIGNED_URL', madeBy: adminItself.id, apiKeyId });
    const reader = await newClient(service);
    const fetchAll = async () => {
      for (let time = 0; time < 5; time += 1) {
        expect((await admin.download(url)).status).toBe(200);
        expect((await reader.download(url, { range: 'bytes=0-0' })).status).toBe(206);
        expect((await fetch(first)).status).toBe(200);
        expect((await fetch(second)).status).toBe(200);
      }
    };
    await fetchAll();
    const { nodes } = await until(
      () => downloads(id),
      (found) => found.nodes.length >= 4,
    );
    const by = nodes.map(({ principal, details }) => JSON.stringify([principal === null, details]));
    expect(by.toSorted()).toEqual([
      '[false,{"by":"CREDENTIAL"}]',
      '[false,{"by":"CREDENTIAL"}]',
      `[true,${link}]`,
      `[true,${link}]`,
    ]);
    now += day;
    await fetchAll();
    expect(
      (
        await until(
          () => downloads(id),
          (found) => found.nodes.length >= 8,
        )
      ).totalCount,
    ).toBe(8);
    const statements = await counter.during(fetchAll);
    expect(statements.filter((sql) => /^INSERT .*audit_events/s.test(sql))).toEqual([]);
  });

  test('not those that were refused, nor a look at the headers', async () => {
    const { id, url } = await admin.upload(file(), { record });
    const other = await newClient(service, { permissions: [] });
    expect((await other.download(url)).status).toBe(403);
    expect((await fetch(url)).status).toBe(401);
    expect((await fetch(url, { method: 'HEAD', headers: admin.headers })).status).toBe(200);
    await sleep(1_200);
    expect((await downloads(id)).nodes).toEqual([]);
  });

  test('those of a service that stops are written before', async () => {
    const env = { DATA_DIR: service.dataDirectory, BOOTSTRAP_API_KEY: service.key };
    const other = await startService(env, { clock: () => new Date(now) });
    const { id, url } = await admin.upload(file(), { record });
    const approved = () =>
      admin.ask<{ attachment: { status: string } }>(`{ attachment(id: "${id}") { status } }`);
    await until(approved, ({ attachment }) => attachment.status === 'APPROVED');
    await other.client.download(new URL(url).pathname);
    await admin.download(url);
    await other.close();
    expect(
      (
        await until(
          () => downloads(id),
          ({ nodes }) => nodes.length > 0,
        )
      ).nodes.length,
    ).toBeGreaterThan(0);
  });
});

test('a refused or undone operation leaves no event', async () => {
  const other = await newClient(service);
  const { id } = await admin.upload(file());
  await settled();
  const { totalCount } = await log();
  const refused = await other.graphql(
    'mutation ($id: ID!) { claimAttachment(input: { attachmentId: $id, record: { type: "Case", id: "9" } }) { alreadyClaimed } }',
    { id },
  );
  expect(refused.errors?.[0]?.extensions.code).toBe('NOT_FOUND');
  await admin.graphql(
    `mutation ($id: ID!) { linkAttachments(input: { attachmentIds: [$id, "none"], record: { type: "Case", id: "9" } }) {
      links { position } } }`,
    { id },
  );
  expect((await log()).totalCount).toBe(totalCount);
});

test('pages turn without a gap, and filters narrow', async () => {
  const all = (await log({}, { first: 1_000 })).nodes;
  expect(all.map(({ createdAt }) => createdAt)).toEqual(
    all
      .map(({ createdAt }) => createdAt)
      .toSorted()
      .toReversed(),
  );
  const seen: string[] = [];
  let after: string | null = null;
  for (;;) {
    const page: Log = await log({}, { first: 3, after });
    seen.push(...page.nodes.map(({ id }) => id));
    after = page.pageInfo.endCursor;
    if (!page.pageInfo.hasNextPage) break;
  }
  expect(seen).toEqual(all.map(({ id }) => id));
  const middle = all[Math.floor(all.length / 2)];
  const at = middle?.createdAt ?? '';
  const isoOf = async (filter: object) =>
    (await log(filter, { first: 1_000 })).nodes.map(({ createdAt }) => createdAt);
  expect(await isoOf({ after: at })).toEqual(all.map((one) => one.createdAt).filter((one) => one > at));
  expect(await isoOf({ before: at })).toEqual(all.map((one) => one.createdAt).filter((one) => one < at));
  const oldest = all.findLast(({ attachmentId }) => attachmentId !== null);
  const { createdAt: first = '', attachmentId } = oldest ?? {};
  const ofOne = all.filter((one) => one.attachmentId === attachmentId);
  expect(await isoOf({ attachmentId, after: first })).toEqual(
    ofOne.map((one) => one.createdAt).filter((one) => one > first),
  );
  expect(await isoOf({ attachmentId, before: first })).toEqual([]);
  const { principal } = await whoAmI(admin);
  const mine = await log({ principalId: principal.id }, { first: 1_000 });
  expect(mine.totalCount).toBe(all.filter((one) => one.principal?.id === principal.id).length);
  expect((await log({ principalId: 'nobody' })).totalCount).toBe(0);
  expect((await log({ action: [] })).totalCount).toBe(0);
});

test('is outlived after the retention, in batches', async () => {
  const database = await openTestDatabase(service.dataDirectory);
  const count = () => database.read.count(AuditEventRow);
  const before = await count();
  await purgeEvents(database, new Date(now + 365 * day), 0);
  expect(await count()).toBe(before);
  const row = await database.read.findOneByOrFail(AuditEventRow, {});
  const old = Array.from({ length: 2_500 }, (_, index) => ({
    ...row,
    id: `00000000-0001-7000-8000-${String(index).padStart(12, '0')}`,
    onceKey: null,
  }));
  await database.write((manager) => manager.insert(AuditEventRow, old.slice(0, 1_250)));
  await database.write((manager) => manager.insert(AuditEventRow, old.slice(1_250)));
  await purgeEvents(database, new Date(now), 365 * day);
  expect(await count()).toBe(before);
  await purgeEvents(database, new Date(now + 365 * day + 1), 365 * day);
  expect(await count()).toBe(0);
  await database.close();
});
