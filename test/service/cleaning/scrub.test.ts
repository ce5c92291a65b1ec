import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { writeBody } from '../../../src/database/blob-bodies.js';
import type { Database } from '../../../src/database/database.js';
import { blobIdOf } from '../../../src/storage/document-key.js';
import { createLocalStorage } from '../../../src/storage/local.js';
import type { Storage } from '../../../src/storage/storage.js';
import type { AttachmentData } from '../../support/client.js';
import { png } from '../../support/hostile-pictures.js';
import { startService, type TestService } from '../../support/service.js';
import { put } from '../../support/stored-objects.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { openTestDatabase, queryTestDatabase } from '../../support/test-database.js';
import { link } from '../doors/links.js';
import { share } from '../sharing/share-operations.js';

const day = 86_400_000;
let now = Date.now();
let dataDirectory: string;
let files: Storage;
let database: Database;
let service: TestService;

const env = () => ({
  DATA_DIR: dataDirectory,
  TRASH_DAYS: '90',
  BOOTSTRAP_API_KEY: service?.key ?? `cck_${'k'.repeat(40)}`,
});
const parts = () => ({ clock: () => new Date(now), storage: files });
beforeAll(async () => {
  dataDirectory = await makeTemporaryDirectory();
  files = createLocalStorage(`${dataDirectory}/files`);
  // It serves only: each test has a process of its own read the bytes again.
  service = await startService({ ...env(), SCRUB_DAYS: '0', GRACE_PERIOD_MINUTES: '525600' }, parts());
  database = await openTestDatabase(dataDirectory);
});
afterAll(async () => {
  await database.close();
  await service.close();
  await rm(dataDirectory, { recursive: true, force: true });
});

/** Files that a process has read again so far. */
async function scrubbedBy({ url }: TestService): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return [...text.matchAll(/^claimcheck_scrubbed_files_total\{.*\} (\d+)$/gm)].reduce(
    (sum, [, count]) => sum + Number(count),
    0,
  );
}

const startScrubbing = (given: Record<string, string> = {}, storage = files) =>
  startService(
    { ...env(), SCRUB_DAYS: '1', SCRUB_MIB_PER_SECOND: '10000', ...given },
    { ...parts(), storage },
  );

/** Lets so much time pass, and a process read all that is due then, which are so many files. Returns what it has logged. */
async function scrubAfter(ms: number, count: number): Promise<string[]> {
  now += ms;
  const other = await startScrubbing();
  while ((await scrubbedBy(other)) < count) await pause(10);
  await other.close();
  return other.logLines.filter((line) => line.includes('"documentKey"'));
}

const countBlobs = async () =>
  Number((await queryTestDatabase<{ n: number }>(dataDirectory, 'SELECT COUNT(*) AS n FROM blobs'))[0]?.n);

/** Kinds of damage, each with what is said of it. `content` is what was uploaded. */
const small = Buffer.from('some words\n');
const large = randomBytes(300_000);
const damages: [string, Buffer<ArrayBuffer>, (key: string, content: Buffer) => Promise<unknown>, string][] = [
  ['a flipped byte', large, (key, content) => replace(key, flip(content)), 'its md5 and sha256 differ'],
  ['a cut', large, (key, content) => replace(key, content.subarray(1)), '299999 bytes instead of 300000'],
  ['a missing file', large, (key) => files.remove(key), 'it is not in the storage'],
  ['a flipped byte in a row', small, (key, content) => replaceRow(key, flip(content)), 'md5 and sha256'],
  ['a missing row', small, (key) => removeRow(key), 'it is not in the storage'],
];

function flip(content: Buffer): Buffer {
  const other = Buffer.from(content);
  other.writeUInt8(other.readUInt8(5) ^ 1, 5);
  return other;
}

const replace = (key: string, content: Buffer) => put(files, key, content);
const replaceRow = (key: string, body: Buffer) =>
  database.write((manager) => writeBody(manager, { blobId: blobIdOf(key), body }));
const removeRow = (key: string) =>
  database.write((manager) => manager.query(`DELETE FROM blob_bodies WHERE blob_id = '${blobIdOf(key)}'`));
const restore = (key: string, content: Buffer) =>
  content === small ? replaceRow(key, content) : replace(key, content);

interface Seen {
  damaged: boolean;
  verifiedAt: string | null;
  downloadUrl: string | null;
  preview: string | null;
}

const see = async (id: string) => {
  const query = `query ($id: ID!) { attachment(id: $id) {
    damaged verifiedAt downloadUrl(expiresIn: 604800) preview(expiresIn: 604800) } }`;
  return (await service.client.ask<{ attachment: Seen }>(query, { id })).attachment;
};

const listDamaged = async (damaged: boolean) => {
  const query = `query ($filter: AttachmentFilter) { attachments(first: 100, filter: $filter) { nodes { id } } }`;
  const { attachments } = await service.client.ask<{ attachments: { nodes: { id: string }[] } }>(query, {
    filter: { damaged },
  });
  return attachments.nodes.map(({ id }) => id);
};

const eventsOf = async (attachmentId: string) => {
  const query = `query ($filter: AuditFilter) { auditLog(filter: $filter) { nodes { action details principal { id } } } }`;
  const filter = { attachmentId, action: ['ATTACHMENT_DAMAGED', 'ATTACHMENT_REPAIRED'] };
  const { auditLog } = await service.client.ask<{
    auditLog: { nodes: { action: string; details: { damage?: string } | null; principal: object | null }[] };
  }>(query, { filter });
  return auditLog.nodes;
};

const codeOf = async (answer: Response) => {
  if (answer.ok) return 'ok';
  const { errors } = (await answer.json()) as { errors: { extensions: { code: string } }[] };
  return `${answer.status} ${errors[0]?.extensions.code}`;
};

/** Whether some process has the work to itself. */
const isScrubbed = async () => {
  const rows = await queryTestDatabase<{ held_until: number | string }>(
    dataDirectory,
    'SELECT held_until FROM scrubs',
  );
  return rows.some((row) => Number(row.held_until) > 0);
};

/** Asked once at most: the service counts them every five seconds. */
const damagedFiles = async () =>
  /^claimcheck_damaged_files (\d+)$/m.exec(await (await fetch(`${service.url}/metrics`)).text())?.[1];

test.each(damages)(
  '%s is found, told and served no more, until it is whole again',
  async (_, content, spoil, reason) => {
    const { id, documentKey, url } = await service.client.upload({ content, name: 'a.bin' });
    expect(await see(id)).toMatchObject({ damaged: false, verifiedAt: null });
    const { downloadUrl } = await see(id);
    await spoil(documentKey, content);
    const lines = await scrubAfter(day, await countBlobs());
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(documentKey);
    expect(lines[0]).toContain(reason);
    expect(await see(id)).toEqual({ damaged: true, verifiedAt: null, downloadUrl: null, preview: null });
    expect([await listDamaged(true), (await listDamaged(false)).includes(id)]).toEqual([[id], false]);
    for (const address of [url, downloadUrl ?? ''])
      expect(await codeOf(await service.client.download(address))).toBe('409 DAMAGED');
    const [event] = await eventsOf(id);
    expect(event).toMatchObject({ action: 'ATTACHMENT_DAMAGED', principal: null });
    expect(event?.details?.damage).toContain(reason);

    await restore(documentKey, content);
    // Damaged ones are read again after an hour, the others are not due.
    const repaired = await scrubAfter(3_700_000, 1);
    expect(repaired).toEqual([expect.stringContaining('damaged bytes are whole again')]);
    expect(await see(id)).toMatchObject({ damaged: false, verifiedAt: new Date(now).toISOString() });
    expect(await listDamaged(true)).toEqual([]);
    for (const address of [url, downloadUrl ?? ''])
      expect(await codeOf(await service.client.download(address))).toBe('ok');
    expect((await eventsOf(id)).map(({ action }) => action)).toEqual([
      'ATTACHMENT_REPAIRED',
      'ATTACHMENT_DAMAGED',
    ]);
  },
);

/** Uploads by way of a target, whose key may be used again. */
async function uploadToTarget(content: Uint8Array<ArrayBuffer>): Promise<AttachmentData> {
  const query = `mutation ($input: CreateUploadTargetInput!) { createUploadTarget(input: $input) { target { documentKey url } } }`;
  const { createUploadTarget } = await service.client.ask<{
    createUploadTarget: { target: { documentKey: string; url: string } };
  }>(query, { input: { fileName: 'a.png', contentType: 'image/png', size: content.length } });
  const { documentKey, url } = createUploadTarget.target;
  await fetch(url, {
    method: 'PUT',
    body: content,
    headers: { 'content-type': 'image/png' },
  });
  const create = `mutation ($input: CreateAttachmentInput!) { createAttachment(input: $input) { attachment { id documentKey url } } }`;
  const { createAttachment } = await service.client.ask<{
    createAttachment: { attachment: AttachmentData };
  }>(create, { input: { content: { documentKey } } });
  return createAttachment.attachment;
}

test('no door gives damaged bytes out, or makes another attachment of them', async () => {
  const content = Buffer.concat([png(300, 200), randomBytes(20_000)]);
  const { id, documentKey, url } = await uploadToTarget(content);
  const record = { type: 'Task', id: '1' };
  await link(service.client, { record, field: 'files', attachmentIds: [id] });
  const { downloadUrl, preview } = await see(id);
  const shared = await share(service.client, id);
  const { record: found } = await service.client.ask<{ record: { archiveUrl: string } }>(
    'query { record(type: "Task", id: "1") { archiveUrl(expiresIn: 604800) } }',
  );
  const addresses = [url, downloadUrl, preview, shared.url, found.archiveUrl];
  for (const address of addresses)
    expect(await codeOf(await service.client.download(address ?? ''))).toBe('ok');
  await replace(documentKey, flip(content));
  await scrubAfter(day, await countBlobs());
  for (const address of addresses)
    expect([address, await codeOf(await service.client.download(address ?? ''))]).toEqual([
      address,
      '409 DAMAGED',
    ]);
  expect(await damagedFiles()).toBe('1');
  const head = await fetch(downloadUrl ?? '', { method: 'HEAD' });
  const conditional = await service.client.download(url, { 'if-none-match': '*' });
  expect([head.status, conditional.status]).toEqual([409, 409]);
  const mutations = {
    copyAttachment: { attachmentId: id },
    copyRecordAttachments: { from: record, to: { type: 'Task', id: '2' } },
    createAttachment: { content: { documentKey } },
    replaceContent: { attachmentId: id, content: { documentKey } },
  };
  for (const [name, input] of Object.entries(mutations)) {
    const type = `${name[0]?.toUpperCase()}${name.slice(1)}Input`;
    const answer = await service.client.graphql(
      `mutation ($input: ${type}!) { ${name}(input: $input) { __typename } }`,
      { input },
    );
    expect([name, answer.errors?.[0]?.extensions.code]).toEqual([name, 'DAMAGED']);
  }
  await restore(documentKey, content);
  await scrubAfter(3_700_000, 1);
});

test('an earlier content that is damaged leaves the current one as it is', async () => {
  const { id, documentKey, url } = await service.client.upload({ content: large, name: 'a.bin' });
  const mutation = 'mutation ($input: ReplaceContentInput!) { replaceContent(input: $input) { __typename } }';
  await service.client.ask(mutation, { input: { attachmentId: id, content: { base64: 'bmV3' } } });
  await replace(documentKey, flip(large));
  await scrubAfter(day, await countBlobs());
  const query = `query ($id: ID!) { attachment(id: $id) { damaged versions { nodes { version damaged downloadUrl } } } }`;
  const { attachment } = await service.client.ask<{ attachment: object }>(query, { id });
  expect(attachment).toEqual({
    damaged: false,
    versions: {
      nodes: [
        { version: 2, damaged: false, downloadUrl: expect.any(String) },
        { version: 1, damaged: true, downloadUrl: null },
      ],
    },
  });
  expect(await (await service.client.download(url)).text()).toBe('new');
  expect(await eventsOf(id)).toMatchObject([{ action: 'ATTACHMENT_DAMAGED', details: { version: 1 } }]);
  await restore(documentKey, large);
  await scrubAfter(3_700_000, 1);
});

const copiesOf = (attachmentId: string, count: number) => {
  const mutation = `mutation ($input: CopyAttachmentInput!) { copyAttachment(input: $input) { attachment { id } } }`;
  const copies = Array.from({ length: count }, async () => {
    const { copyAttachment } = await service.client.ask<{ copyAttachment: { attachment: { id: string } } }>(
      mutation,
      { input: { attachmentId } },
    );
    return copyAttachment.attachment.id;
  });
  return Promise.all(copies);
};

test('damage is told of each copy, of more than are read at once, and of those in the trash', async () => {
  const { id, documentKey } = await service.client.upload({ content: large, name: 'a.bin' });
  const copies = await copiesOf(id, 150);
  const deletion =
    'mutation ($input: DeleteAttachmentInput!) { deleteAttachment(input: $input) { __typename } }';
  await service.client.ask(deletion, { input: { attachmentId: copies[0] } });
  await replace(documentKey, flip(large));
  await scrubAfter(day, await countBlobs());
  const told = await Promise.all([id, ...copies].map(async (each) => (await eventsOf(each)).length));
  expect(told).toEqual(Array(151).fill(1));
  await restore(documentKey, large);
  await scrubAfter(3_700_000, 1);
});

test('a storage that has none of the newest files is taken for the wrong one', async () => {
  for (let index = 0; index < 5; index += 1) await service.client.upload({ content: large, name: 'a.bin' });
  now += day;
  const empty = await makeTemporaryDirectory();
  const other = await startScrubbing({}, createLocalStorage(empty));
  while (!other.logLines.some((line) => line.includes('is it the right one?'))) await pause(10);
  await other.close();
  expect(await listDamaged(true)).toEqual([]);
  await scrubAfter(day, await countBlobs());
  await rm(empty, { recursive: true, force: true });
});

test('two processes share the work, and nothing is read twice', async () => {
  now += day;
  const others = await Promise.all([startScrubbing(), startScrubbing()]);
  const read = async () => (await Promise.all(others.map(scrubbedBy))).reduce((sum, count) => sum + count, 0);
  const count = await countBlobs();
  while ((await read()) < count) await pause(10);
  while (await isScrubbed()) await pause(10);
  expect(await read()).toBe(count);
  await Promise.all(others.map((other) => other.close()));
  for (const id of await listDamaged(false))
    expect((await see(id)).verifiedAt).toBe(new Date(now).toISOString());
});
