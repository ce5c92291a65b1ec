import { Changes } from '../../../src/model/changes.js';
import { recordVerdict } from '../../../src/verdicts/record-verdict.js';
import type { AttachmentData, Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { report } from '../../support/report.js';
import { startService, type TestService } from '../../support/service.js';
import { StatementCounter } from '../../support/statement-counter.js';
import { storedFiles } from '../../support/stored-files.js';
import { openTestDatabase, queryTestDatabase } from '../../support/test-database.js';
import { eicar, GatedScanner } from './gated-scanner.js';

const scanner = new GatedScanner();
const counter = new StatementCounter();
let service: TestService;
let owner: Client;
let reader: Client;

beforeAll(async () => {
  service = await startService({ SCAN_RETRY_SECONDS: '0,0' }, { scanner, statementLogger: counter });
  owner = service.client;
  reader = await newClient(service);
});
afterAll(() => service.close());
afterEach(() => {
  scanner.open();
  scanner.outcome = null;
});

interface Judged extends AttachmentData {
  downloadUrl: string | null;
  rejection: { reason: string; message: string; signature: string | null; rejectedAt: string } | null;
  links: { nodes: { state: string; record: { id: string } }[] };
}

const fields = `id status downloadUrl url createdAt record { id: recordId }
  rejection { reason message signature rejectedAt } links { nodes { state record { id: recordId } } }`;

async function read(id: string, client = owner): Promise<Judged> {
  const { attachment } = await client.ask<{ attachment: Judged }>(
    `query ($id: ID!) { attachment(id: $id) { ${fields} } }`,
    { id },
  );
  return attachment;
}

async function until(id: string, status: string): Promise<Judged> {
  for (let round = 0; round < 1_200; round += 1) {
    const attachment = await read(id);
    if (attachment.status === status) return attachment;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`It is ${(await read(id)).status}, not ${status}.`);
}

const clean = { content: 'nothing to see here', name: 'clean.txt' };
const infected = () => ({ content: `${eicar}`, name: 'infected.txt' });
const record = (id: string) => ({ type: 'WorkPackage', id });

const link = (input: object, client = owner) =>
  client.graphql<{
    linkAttachments: {
      links: { state: string }[];
      rejected: { id: string; rejection: unknown }[];
      field: { links: unknown[]; version: number };
    };
  }>(
    `mutation ($input: LinkAttachmentsInput!) { linkAttachments(input: $input) {
      links { state } rejected { id rejection { reason } } field { version links { attachment { id } } } } }`,
    { input },
  );

const mutate = (name: string, input: object, client = owner) => {
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input`;
  return client.graphql<Record<string, { attachment: Judged }>>(
    `mutation ($input: ${type}!) { ${name}(input: $input) { attachment { ${fields} } } }`,
    { input },
  );
};

test('a file without a verdict is for its creator only, and everybody’s once it is approved', async () => {
  scanner.shut();
  const { id, status } = await owner.upload(clean, { record: record('1') });
  expect(status).toBe('PENDING');
  const pending = await read(id, reader);
  expect(pending).toMatchObject({ status: 'PENDING', downloadUrl: null, rejection: null });
  const refused = await reader.download(pending.url);
  expect([refused.status, JSON.parse(await refused.text()).errors?.[0]?.extensions?.code]).toEqual([
    409,
    'NOT_APPROVED',
  ]);
  expect(await (await owner.download(pending.url)).text()).toBe(clean.content);
  scanner.open();
  const approved = await until(id, 'APPROVED');
  expect(await (await reader.download(approved.url)).text()).toBe(clean.content);
  expect(await (await fetch(approved.downloadUrl ?? '')).text()).toBe(clean.content);
});

test('a rejected file is for nobody, its metadata stays, and it leaves its fields', async () => {
  scanner.shut();
  const { id } = await owner.upload(infected(), { record: record('2'), field: 'attachments' });
  expect((await read(id)).links.nodes).toEqual([{ state: 'PENDING', record: { id: '2' } }]);
  scanner.open();
  const rejected = await until(id, 'REJECTED');
  expect(rejected).toMatchObject({
    downloadUrl: null,
    record: { id: '2' },
    rejection: { reason: 'MALWARE', signature: expect.stringMatching(/eicar/i) },
    links: { nodes: [] },
  });
  for (const client of [owner, reader]) {
    const answer = await client.download(rejected.url);
    expect([answer.status, JSON.parse(await answer.text()).errors[0].extensions.code]).toEqual([
      409,
      'NOT_APPROVED',
    ]);
  }
  const again = await link({ record: record('2'), attachmentIds: [id] });
  expect(again.errors?.[0]?.extensions).toMatchObject({
    code: 'NOT_APPROVED',
    details: [{ loc: ['input', 'attachmentIds', 0], type: 'rejected' }],
  });
});

test.each([
  ['Heuristics.Encrypted.Zip', 'POLICY'],
  ['Heuristics.OLE2.ContainsMacros.VBA', 'POLICY'],
  ['PUA.Win.Packer.Upx-1', 'POLICY'],
  ['Heuristics.Broken.Media.PNG', 'CONTENT_TYPE'],
  ['Heuristics.Phishing.Email.SpoofedDomain', 'MALWARE'],
  ['Win.Test.Heuristics.Broken.X', 'MALWARE'],
])('a file in which the scanner finds %s is rejected for %s', async (signature, reason) => {
  scanner.outcome = { outcome: 'infected', signature };
  const { id } = await owner.upload(clean);
  const { rejection } = await until(id, 'REJECTED');
  scanner.outcome = null;
  expect(rejection).toMatchObject({ reason, signature });
});

test('a file large enough to come in many pieces is judged by its last bytes too', async () => {
  const content = new Blob(['x'.repeat(3 * 1024 * 1024 + 5), eicar]);
  const { id } = await owner.upload({ content, name: 'large.txt' });
  await until(id, 'REJECTED');
});

test('copies share the verdict, whichever comes first', async () => {
  scanner.shut();
  const { id } = await owner.upload(infected());
  const early = await mutate('copyAttachment', { attachmentId: id });
  expect(early.data?.['copyAttachment']?.attachment.status).toBe('PENDING');
  scanner.open();
  await until(early.data?.['copyAttachment']?.attachment.id ?? '', 'REJECTED');
  const late = await mutate('copyAttachment', { attachmentId: id });
  expect(late.data?.['copyAttachment']?.attachment).toMatchObject({
    status: 'REJECTED',
    rejection: { reason: 'MALWARE' },
  });
});

async function toldOf(action: string, ids: readonly string[]): Promise<number> {
  const { auditLog } = await owner.ask<{ auditLog: { nodes: { attachmentId: string }[] } }>(
    'query ($filter: AuditFilter) { auditLog(filter: $filter, first: 1000) { nodes { attachmentId } } }',
    { filter: { action: [action] } },
  );
  return auditLog.nodes.filter(({ attachmentId }) => ids.includes(attachmentId)).length;
}

test('a rejection reaches more copies than are read at once, and takes each out of their field', async () => {
  scanner.shut();
  const { id } = await owner.upload(infected());
  const copies = await Promise.all(
    Array.from({ length: 150 }, async () => {
      const made = await mutate('copyAttachment', { attachmentId: id });
      return made.data?.['copyAttachment']?.attachment.id ?? '';
    }),
  );
  const all = [id, ...copies];
  await link({ record: record('of copies'), field: 'files', attachmentIds: all, mode: 'ADD' });
  const statements = await counter.during(async () => {
    scanner.open();
    for (const each of all) await until(each, 'REJECTED');
  });
  for (const each of all) expect((await read(each)).links.nodes).toEqual([]);
  for (const action of ['ATTACHMENT_REJECTED', 'ATTACHMENT_UNLINKED'])
    expect(await toldOf(action, all)).toBe(151);
  // 151 in parts of 128.
  const reads = statements.filter((sql) => /FROM attachments "row" WHERE.*ORDER BY id$/s.test(sql));
  expect(reads).toHaveLength(2);
});

test('a copy, or another attachment of its document key, shows nobody else a file without a verdict', async () => {
  scanner.shut();
  const { id } = await owner.upload(clean, { record: record('copied') });
  const refused = await mutate('copyAttachment', { attachmentId: id }, reader);
  expect(refused.errors?.[0]?.extensions).toMatchObject({
    code: 'NOT_APPROVED',
    details: [{ loc: ['input', 'attachmentId'], type: 'not_approved' }],
  });
  const own = await mutate('copyAttachment', { attachmentId: id });
  expect(own.data?.['copyAttachment']?.attachment.status).toBe('PENDING');

  const { createUploadTarget } = await owner.ask<{
    createUploadTarget: { target: { url: string; documentKey: string } };
  }>(
    `mutation ($input: CreateUploadTargetInput!) {
      createUploadTarget(input: $input) { target { url documentKey } } }`,
    { input: { fileName: 'b.txt', contentType: 'text/plain', size: 5 } },
  );
  const { url, documentKey } = createUploadTarget.target;
  const sent = await fetch(url, { method: 'PUT', headers: { 'content-type': 'text/plain' }, body: 'hello' });
  expect(sent.status).toBe(201);
  const input = { content: { documentKey } };
  const brought = await mutate('createAttachment', { ...input, record: record('brought') });
  expect(brought.errors).toBeUndefined();
  expect((await mutate('createAttachment', input, reader)).errors?.[0]?.extensions).toMatchObject({
    code: 'NOT_APPROVED',
    details: [{ loc: ['input', 'content', 'documentKey'], type: 'not_approved' }],
  });

  scanner.open();
  await until(id, 'APPROVED');
  await until(brought.data?.['createAttachment']?.attachment.id ?? '', 'APPROVED');
  expect((await mutate('copyAttachment', { attachmentId: id }, reader)).errors).toBeUndefined();
  expect((await mutate('createAttachment', input, reader)).errors).toBeUndefined();
});

test('without a verdict after all attempts a file is SCAN_FAILED, and can be scanned again', async () => {
  scanner.outcome = { outcome: 'no verdict', reason: 'none today' };
  const before = scanner.scans;
  const { id } = await owner.upload(clean);
  await until(id, 'SCAN_FAILED');
  expect(scanner.scans - before).toBe(3);
  scanner.outcome = null;
  const again = await mutate('rescanAttachment', { attachmentId: id });
  expect(again.data?.['rescanAttachment']?.attachment.status).toMatch(/PENDING|APPROVED/);
  await until(id, 'APPROVED');
});

test('a scanner that is down does not approve what was rejected', async () => {
  const { id } = await owner.upload(infected());
  await until(id, 'REJECTED');
  scanner.outcome = { outcome: 'no verdict', reason: 'down' };
  const before = scanner.scans;
  await mutate('rescanAttachment', { attachmentId: id });
  while (scanner.scans < before + 3) await new Promise((resolve) => setTimeout(resolve, 10));
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect((await read(id)).status).toBe('REJECTED');
});

describe('releaseAttachment', () => {
  test('needs attachments:admin and a reason, and stands against later scans', async () => {
    const { id } = await owner.upload(infected(), { record: record('3') });
    await until(id, 'REJECTED');
    const forbidden = await mutate('releaseAttachment', { attachmentId: id, reason: 'false alarm' }, reader);
    expect(forbidden.errors?.[0]?.extensions.code).toBe('FORBIDDEN');
    for (const reason of [' ', '🍐'.repeat(1_001)]) {
      const without = await mutate('releaseAttachment', { attachmentId: id, reason });
      expect(without.errors?.[0]?.extensions).toMatchObject({
        code: 'BAD_USER_INPUT',
        details: [{ loc: ['input', 'reason'] }],
      });
    }
    const reason = `false alarm${'🍐'.repeat(989)}`;
    const released = await mutate('releaseAttachment', { attachmentId: id, reason });
    const attachment = released.data?.['releaseAttachment']?.attachment;
    expect(attachment).toMatchObject({ status: 'APPROVED', rejection: null });
    expect(await (await reader.download(attachment?.url ?? '')).text()).toBe(eicar);
    const before = scanner.scans;
    await mutate('rescanAttachment', { attachmentId: id });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect([(await read(id)).status, scanner.scans]).toEqual(['APPROVED', before]);
  });

  test('stands against the scan of a process that was suspended meanwhile', async () => {
    const { id } = await owner.upload(infected());
    await until(id, 'REJECTED');
    await mutate('releaseAttachment', { attachmentId: id, reason: 'false alarm' });
    const rows = `SELECT blob_id AS "blobId" FROM attachments WHERE id = '${id}'`;
    const [row] = await queryTestDatabase<{ blobId: string }>(service.dataDirectory, rows);
    const database = await openTestDatabase(service.dataDirectory);
    const rejection = { reason: 'MALWARE', message: 'x', signature: null } as const;
    const late = { from: 'APPROVED', to: { verdict: 'REJECTED', rejection } } as const;
    const untold = () => Promise.reject(new Error('somebody is told'));
    const webhooks = { check: untold, subscribe: untold, announce: untold, forget: untold };
    const deps = { webhooks, changes: new Changes(), unlinkedRetentionMs: 0, maxVersions: 1 };
    const change = { blobId: row?.blobId ?? '', ...late };
    const isChanged = await recordVerdict({ database, clock: () => new Date(), ...deps }, change);
    await database.close();
    expect([isChanged, (await read(id)).status]).toEqual([false, 'APPROVED']);
  });

  test('finds nothing where there is none', async () => {
    const id = '01890000-0000-7000-8000-000000000000';
    for (const name of ['releaseAttachment', 'rescanAttachment']) {
      const input = name === 'releaseAttachment' ? { attachmentId: id, reason: 'x' } : { attachmentId: id };
      expect((await mutate(name, input)).errors?.[0]?.extensions.code).toBe('NOT_FOUND');
    }
  });
});

describe('holdSeconds', () => {
  const timed = async <T>(work: Promise<T>): Promise<[T, number]> => {
    const start = performance.now();
    return [await work, performance.now() - start];
  };

  test('waits no longer than verdicts are outstanding; what was pending is active, rejected ones are gone', async () => {
    scanner.shut();
    const good = await owner.upload(clean);
    const bad = await owner.upload(infected());
    const input = { record: record('4'), attachmentIds: [good.id, bad.id], holdSeconds: 10 };
    const linking = timed(link(input));
    setTimeout(() => scanner.open(), 500);
    const [answer, ms] = await linking;
    expect(answer.data?.linkAttachments.links).toEqual([{ state: 'ACTIVE' }]);
    expect(answer.data?.linkAttachments.rejected).toMatchObject([
      { id: bad.id, rejection: { reason: 'MALWARE' } },
    ]);
    expect(ms).toBeGreaterThan(400);
    expect(ms).toBeLessThan(5_000);
  });

  test('answers without verdicts after the wait, and completes the link later', async () => {
    scanner.shut();
    const { id } = await owner.upload(clean);
    const input = { record: record('5'), attachmentIds: [id], holdSeconds: 1 };
    const [answer, ms] = await timed(link(input));
    expect(answer.data?.linkAttachments).toMatchObject({
      links: [{ state: 'PENDING' }],
      rejected: [],
      field: { links: [] },
    });
    expect(ms).toBeGreaterThan(950);
    scanner.open();
    expect((await until(id, 'APPROVED')).links.nodes).toMatchObject([{ state: 'ACTIVE' }]);
  });

  test('60 holders wait at once, and all are let go by one verdict', async () => {
    scanner.shut();
    const { id } = await owner.upload(clean, { record: record('held'), field: 'attachments' });
    const input = { record: record('held'), attachmentIds: [id], mode: 'ADD', holdSeconds: 10 };
    const holding = Array.from({ length: 60 }, () => link(input));
    const countFor = (ms: number) => counter.during(() => new Promise((resolve) => setTimeout(resolve, ms)));
    // Until all of them have linked and wait: quiet for a moment can also be a busy machine.
    for (let quiet = 0; quiet < 3; ) quiet = (await countFor(500)).length > 10 ? 0 : quiet + 1;
    const statements = await countFor(2_000);
    // If each of them looked once a second, those alone would be 120.
    expect(statements.length).toBeLessThan(60);
    report(`60 holders: ${statements.length} statements in 2 s`);
    scanner.open();
    const states = (await Promise.all(holding)).map(({ data }) => data?.linkAttachments.links[0]?.state);
    expect(states).toEqual(holding.map(() => 'ACTIVE'));
  });

  test.each([-1, 11])('is refused as %d', async (holdSeconds) => {
    const answer = await link({ record: record('6'), attachmentIds: [], holdSeconds });
    expect(answer.errors?.[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', limit: 10 });
  });
});

test('deleting a rejected file removes its bytes and everything that was said of it', async () => {
  const { id } = await owner.upload(infected());
  await until(id, 'REJECTED');
  const before = (await storedFiles(service.dataDirectory)).length;
  await owner.ask(
    `mutation ($id: ID!) { deleteAttachment(input: { attachmentId: $id }) { deletedAttachmentId } }`,
    { id },
  );
  expect((await storedFiles(service.dataDirectory)).length).toBe(before - 1);
});
