import { AttachmentVersionRow } from '../../../src/database/entities/attachment.js';
import { AuditEventRow } from '../../../src/database/entities/organization.js';
import type { Answer, AttachmentData, Client } from '../../support/client.js';
import { sha256 } from '../../support/sha256.js';
import { bring } from '../doors/doors.js';
import { faultsOf, idsIn } from '../doors/links.js';
import { PurgeStage } from './purge-stage.js';

interface Version {
  version: number;
  isCurrent: boolean;
  status: string;
  size: number;
  fileName: string;
  documentKey: string;
  createdBy: { id: string };
  digest: { hash: string };
  downloadUrl: string | null;
}

interface Versioned extends AttachmentData {
  version: number;
  downloadUrl: string | null;
  versions: { totalCount: number; nodes: Version[] };
}

const fields = `id url fileName contentType size documentKey status version updatedAt downloadUrl sha256: digest { hash }
  versions(first: 100) { totalCount nodes { version isCurrent status size fileName documentKey createdBy { id } digest { hash } downloadUrl } }`;

type Replaced = { replaceContent: { attachment: Versioned; version: Version } };

const replace = (client: Client, input: object): Promise<Answer<Replaced>> =>
  client.graphql<Replaced>(
    `mutation ($input: ReplaceContentInput!) { replaceContent(input: $input) {
      attachment { ${fields} } version { version isCurrent status size fileName documentKey createdBy { id } digest { hash } downloadUrl } } }`,
    { input },
  );
const text = (content: string) => ({ base64: Buffer.from(content).toString('base64') });
const find = async (client: Client, id: string) =>
  (
    await client.ask<{ attachment: Versioned }>(`query ($id: ID!) { attachment(id: $id) { ${fields} } }`, {
      id,
    })
  ).attachment;
const bodyOf = async (client: Client, url: string | null) => (await client.download(url ?? '')).text();

let stage: PurgeStage;
let owner: Client;
beforeAll(async () => {
  stage = await PurgeStage.open({ MAX_VERSIONS: '3' });
  owner = stage.stage.owner;
});
afterEach(async () => {
  await stage.cleanUp();
  await stage.expectNothingDangling();
});
afterAll(() => stage[Symbol.asyncDispose]());

test('new content is current at once: id, url and links stay, and each version has a URL of its own', async () => {
  const record = { type: 'Task', id: 'replaced' };
  const first = await stage.upload({ record, field: 'files' });
  const before = await find(owner, first.id);
  expect([before.version, before.versions.totalCount]).toEqual([1, 1]);
  stage.now += 1_000;
  const { data } = await replace(owner, {
    attachmentId: first.id,
    content: text('newer'),
    expectedVersion: 1,
  });
  const { attachment, version } = data?.replaceContent ?? {};
  expect(version).toMatchObject({
    version: 2,
    isCurrent: true,
    status: 'APPROVED',
    size: 5,
    fileName: 'a.txt',
  });
  expect(attachment).toMatchObject({ id: first.id, url: first.url, version: 2, size: 5 });
  expect(attachment?.sha256.hash).toBe(sha256(Buffer.from('newer')));
  expect(attachment?.versions.nodes.map((one) => [one.version, one.isCurrent])).toEqual([
    [2, true],
    [1, false],
  ]);
  expect(await idsIn(owner, record, 'files')).toEqual([first.id]);
  expect([await bodyOf(owner, first.url), await bodyOf(owner, before.downloadUrl)]).toEqual([
    'newer',
    'newer',
  ]);
  const urls = attachment?.versions.nodes.map(({ downloadUrl }) => downloadUrl) ?? [];
  expect([await bodyOf(owner, urls[0] ?? null), await bodyOf(owner, urls[1] ?? null)]).toEqual([
    'newer',
    'not for long',
  ]);
  expect(await bodyOf(owner, before.versions.nodes[0]?.downloadUrl ?? null)).toBe('not for long');
  expect(attachment?.downloadUrl).not.toBe(before.downloadUrl);
  const forged = (urls[1] ?? '').replace(/content=[^&]+/, `content=${first.id.replace(/^./, '1')}`);
  expect((await fetch(forged)).status).toBe(403);
  const unchanged = { 'if-modified-since': new Date(stage.now - 1_000).toUTCString() };
  expect((await owner.download(first.url, unchanged)).status).toBe(200);
  const { read } = stage.stage.ledger.database;
  const events = await read.findBy(AuditEventRow, { subjectId: first.id, action: 'ATTACHMENT_REPLACED' });
  expect(events.map(({ details }) => details)).toMatchObject([{ version: 2, fileName: 'a.txt' }]);
});

test.each(['upload', 'base64', 'dataUrl', 'documentKey'])('content comes as %s', async (kind) => {
  const { id } = await stage.upload();
  const content = `by ${kind}`;
  const [base64, input] = [Buffer.from(content).toString('base64'), { attachmentId: id }];
  const query =
    'mutation ($input: ReplaceContentInput!) { replaceContent(input: $input) { attachment { size version } } }';
  const bytes = { content: Buffer.from(content), name: 'b.txt', type: null };
  const answer =
    kind === 'upload'
      ? await owner.multipart<Replaced>(
          { query, variables: { input: { ...input, content: { upload: null } } } },
          [{ content, name: 'other.txt' }],
          { 0: ['variables.input.content.upload'] },
        )
      : await replace(owner, {
          ...input,
          content: {
            base64: { base64 },
            dataUrl: { dataUrl: `data:text/plain;base64,${base64}` },
            documentKey: { documentKey: kind === 'documentKey' ? await bring(owner, bytes) : '' },
          }[kind],
        });
  expect(faultsOf(answer)).toBeUndefined();
  const found = await find(owner, id);
  expect([found.version, found.fileName, await bodyOf(owner, found.url)]).toEqual([2, 'a.txt', content]);
});

test('the oldest go with their bytes once there are more than MAX_VERSIONS', async () => {
  const { id, documentKey } = await stage.upload();
  const keys = [documentKey];
  for (const content of ['two', 'three', 'four']) {
    const { data } = await replace(owner, { attachmentId: id, content: text(content) });
    keys.push(data?.replaceContent.version.documentKey ?? '');
  }
  await stage.cleanUp();
  const { version, versions } = await find(owner, id);
  expect([version, versions.nodes.map((one) => one.version)]).toEqual([4, [4, 3, 2]]);
  expect(await stage.stored(...keys)).toEqual([false, true, true, true]);
  const again = await replace(owner, {
    attachmentId: id,
    content: { documentKey: await bring(owner, { content: Buffer.from('x'), name: 'x.txt', type: null }) },
  });
  expect(again.data?.replaceContent.attachment.versions.nodes.map((one) => one.version)).toEqual([5, 4, 3]);
});

test('versions page by cursor in both directions', async () => {
  const { id } = await stage.upload();
  for (const content of ['two', 'three']) await replace(owner, { attachmentId: id, content: text(content) });
  const page = async (args: string) => {
    const query = `query ($id: ID!) { attachment(id: $id) { versions(${args}) {
      nodes { version } pageInfo { startCursor endCursor hasNextPage hasPreviousPage } } } }`;
    const { attachment } = await owner.ask<{
      attachment: {
        versions: {
          nodes: { version: number }[];
          pageInfo: {
            startCursor: string;
            endCursor: string;
            hasNextPage: boolean;
            hasPreviousPage: boolean;
          };
        };
      };
    }>(query, { id });
    return {
      ...attachment.versions.pageInfo,
      found: attachment.versions.nodes.map(({ version }) => version),
    };
  };
  const first = await page('first: 2');
  expect([first.found, first.hasNextPage, first.hasPreviousPage]).toEqual([[3, 2], true, false]);
  const next = await page(`first: 2, after: "${first.endCursor}"`);
  expect([next.found, next.hasNextPage, next.hasPreviousPage]).toEqual([[1], false, true]);
  expect((await page('last: 2')).found).toEqual([2, 1]);
  expect((await page(`last: 5, before: "${next.startCursor}"`)).found).toEqual([3, 2]);
});

test('copies copy the current content, and go on without the others', async () => {
  const { id } = await stage.upload();
  await replace(owner, { attachmentId: id, content: text('copied') });
  const { copyAttachment } = await owner.ask<{ copyAttachment: { attachment: Versioned } }>(
    `mutation ($id: ID!) { copyAttachment(input: { attachmentId: $id }) { attachment { ${fields} } } }`,
    { id },
  );
  const copy = copyAttachment.attachment;
  expect([copy.version, copy.versions.totalCount]).toEqual([1, 1]);
  await replace(owner, { attachmentId: id, content: text('newer') });
  expect(await bodyOf(owner, copy.url)).toBe('copied');
});

test('the version that is expected, the digest and the places decide', async () => {
  const { id } = await stage.upload();
  const refused = async (input: object) => faultsOf(await replace(owner, { attachmentId: id, ...input }));
  expect(await refused({ content: text('x'), expectedVersion: 2 })).toEqual({
    code: 'VERSION_CONFLICT',
    faults: ['input.expectedVersion: version_conflict'],
  });
  const digest = { algorithm: 'SHA256', hash: 'f'.repeat(64) };
  expect((await refused({ content: text('x'), digest }))?.code).toBe('DIGEST_MISMATCH');
  expect((await refused({ content: text('x'), contentType: 'image/png' }))?.code).toBe(
    'CONTENT_TYPE_MISMATCH',
  );
  expect((await refused({ content: {} }))?.code).toBe('BAD_USER_INPUT');
  expect((await find(owner, id)).versions.totalCount).toBe(1);
  expect(await stage.stage.ledger.database.read.countBy(AttachmentVersionRow, { attachmentId: id })).toBe(0);
});

test('the same idempotency key replaces once', async () => {
  const { id } = await stage.upload();
  const input = {
    attachmentId: id,
    content: text('once'),
    expectedVersion: 1,
    idempotencyKey: 'replace-once',
  };
  const answers = await Promise.all(Array.from({ length: 8 }, () => replace(owner, input)));
  expect(answers.flatMap(({ errors }) => errors ?? [])).toEqual([]);
  expect((await find(owner, id)).versions.nodes.map(({ version }) => version)).toEqual([2, 1]);
  const other = await replace(owner, { ...input, content: text('other') });
  expect(faultsOf(other)?.code).toBe('IDEMPOTENCY_CONFLICT');
  for (const content of ['three', 'four', 'five'])
    await replace(owner, { attachmentId: id, content: text(content) });
  expect(faultsOf(await replace(owner, input))).toEqual({
    code: 'VERSION_CONFLICT',
    faults: ['input.idempotencyKey: version_gone'],
  });
  expect(await bodyOf(owner, (await find(owner, id)).url)).toBe('five');
});

test('a retry after a rename is the same input, and brings no old name back', async () => {
  const { id } = await stage.upload();
  const input = { attachmentId: id, content: text('renamed'), idempotencyKey: 'replace-renamed' };
  await replace(owner, input);
  await owner.ask(
    'mutation ($input: UpdateAttachmentInput!) { updateAttachment(input: $input) { __typename } }',
    {
      input: { attachmentId: id, fileName: 'renamed.txt' },
    },
  );
  const { data, errors } = await replace(owner, input);
  expect(errors).toBeUndefined();
  expect(data?.replaceContent).toMatchObject({
    attachment: { fileName: 'renamed.txt' },
    version: { version: 2 },
  });
  expect((await find(owner, id)).versions.totalCount).toBe(2);
});

test('a deletion takes all contents along, the trash keeps them, and the last use decides', async () => {
  await using trash = await PurgeStage.open({ TRASH_DAYS: '1' });
  const { owner: client } = trash.stage;
  const { id, documentKey } = await trash.upload();
  const { data } = await replace(client, { attachmentId: id, content: text('newer') });
  const keys = [documentKey, data?.replaceContent.version.documentKey ?? ''];
  const remove = (permanently: boolean) =>
    client.ask(
      'mutation ($input: DeleteAttachmentInput!) { deleteAttachment(input: $input) { __typename } }',
      { input: { attachmentId: id, permanently } },
    );
  await remove(false);
  expect(faultsOf(await replace(client, { attachmentId: id, content: text('late') }))?.code).toBe(
    'NOT_FOUND',
  );
  const trashed = await find(client, id);
  expect(trashed.versions.nodes.map((one) => [one.version, one.downloadUrl])).toEqual([
    [2, null],
    [1, null],
  ]);
  await client.ask('mutation ($id: ID!) { restoreAttachment(input: { attachmentId: $id }) { __typename } }', {
    id,
  });
  const old = (await find(client, id)).versions.nodes[1]?.downloadUrl ?? null;
  expect([await trash.stored(...keys), await bodyOf(client, old)]).toEqual([[true, true], 'not for long']);
  await remove(true);
  expect([await trash.stored(...keys), (await fetch(old ?? '')).status]).toEqual([[false, false], 404]);
  expect(await trash.stage.ledger.database.read.count(AttachmentVersionRow)).toBe(0);
  await trash.expectNothingDangling();
});
