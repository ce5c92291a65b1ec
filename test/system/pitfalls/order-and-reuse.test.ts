import { randomBytes } from 'node:crypto';
import { graphqlForm } from '../../support/raw-http.js';
import { sha256 } from '../../support/sha256.js';
import {
  attachmentsOf,
  createField,
  mapOf,
  mebibyte,
  operationsOf,
  UploadSession,
} from './upload-session.js';

let session: UploadSession;

beforeAll(async () => {
  session = await UploadSession.start();
});
beforeEach(() => session.reconnect());
afterAll(() => session.end('order and reuse'));

const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'];
const contents = names.map((_, index) => randomBytes(3.25 * mebibyte + index));
const files = contents.map((content) => ({ content }));
const digests = contents.map(sha256);
const used = names.map((name) => createField(name, name));
const skipped = (name: string) => createField(name, name, '@skip(if: true)');

/** Sends all ten files, and returns the digests of what can then be downloaded, in the order of the answer's fields. */
async function uploadAll(operations: object): Promise<string[]> {
  const response = await session.post(session.form(graphqlForm(operations, mapOf(names), files)));
  const downloaded: string[] = [];
  for (const { url } of attachmentsOf(response)) {
    const download = await session.service.client.download(url);
    downloaded.push(sha256(Buffer.from(await download.arrayBuffer())));
  }
  return downloaded;
}

/** The numbers of files and of attachments that `work` adds to the storage. */
async function added(work: () => Promise<unknown>): Promise<{ files: number; attachments: number }> {
  const before = [(await session.stored()).length, await session.count()] as const;
  await work();
  return {
    files: (await session.stored()).length - before[0],
    attachments: (await session.count()) - before[1],
  };
}

describe('ten files of more than 3 MiB, sent in one order', () => {
  test.each([
    ['in the order of the wire', [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
    ['in reverse', [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]],
    ['from the middle', [5, 4, 6, 3, 7, 2, 8, 1, 9, 0]],
  ])('can be used %s', async (_how, order) => {
    const fields = order.flatMap((index) => used[index] ?? []);
    let found: string[] = [];
    const counts = await added(async () => {
      found = await uploadAll(operationsOf(names, ...fields));
    });
    expect(found).toEqual(order.map((index) => digests[index]));
    expect(counts).toEqual({ files: 10, attachments: 10 });
  });

  test('leave one file where only the second is used', async () => {
    const [first = '', second = '', ...others] = names;
    const fields = [skipped(first), createField(second, second), ...others.map(skipped)];
    let found: string[] = [];
    const counts = await added(async () => {
      found = await uploadAll(operationsOf(names, ...fields));
    });
    expect(found).toEqual([digests[1]]);
    expect(counts).toEqual({ files: 1, attachments: 1 });
  });

  test.each([
    ['every field is skipped', operationsOf(names, ...names.map(skipped))],
    ['the operation declares none of the variables', { query: '{ viewer { organizationId } }' }],
  ])('leave nothing where %s', async (_why, operations) => {
    const variables = Object.fromEntries(names.map((name) => [name, null]));
    const counts = await added(async () => {
      expect(await uploadAll({ variables, ...operations })).toEqual([]);
    });
    expect(counts).toEqual({ files: 0, attachments: 0 });
  });

  test('leave those of the fields that did not fail, and no other', async () => {
    const failing = createField('c', 'c').replace('{ content:', '{ fileName: "a/b", content:');
    const fields = [...used.slice(0, 2), failing, ...used.slice(3)];
    const form = session.form(graphqlForm(operationsOf(names, ...fields), mapOf(names), files));
    const counts = await added(async () => {
      const { data, errors } = JSON.parse((await session.post(form)).body);
      expect(errors).toMatchObject([{ path: ['c'], extensions: { code: 'INVALID_FILE_NAME' } }]);
      expect(Object.keys(data).filter((name) => data[name] === null)).toEqual(['c']);
    });
    expect(counts).toEqual({ files: 9, attachments: 9 });
  });
});

describe('one part of more than 3 MiB', () => {
  const [content = Buffer.alloc(0)] = contents;
  const twoFields = [createField('x', 'a'), createField('y', 'b')];

  test.each([
    ['in two variables', operationsOf(['a', 'b'], ...twoFields), { 0: ['variables.a', 'variables.b'] }],
    [
      'in one variable of two fields',
      operationsOf(['a'], createField('x', 'a'), createField('y', 'a')),
      mapOf(['a']),
    ],
  ])('%s is whole in both', async (_how, operations, map) => {
    const counts = await added(async () => {
      const response = await session.post(session.form(graphqlForm(operations, map, [{ content }])));
      const [first, second, ...others] = attachmentsOf(response);
      expect(others).toEqual([]);
      expect(first?.id).not.toBe(second?.id);
      for (const attachment of [first, second]) await session.expectContent(attachment?.url ?? '', content);
    });
    expect(counts).toEqual({ files: 1, attachments: 2 });
  });

  test('in two variables, one of them unused, is whole in the other', async () => {
    const operations = operationsOf(['a', 'b'], skipped('a'), createField('b', 'b'));
    const map = { 0: ['variables.a', 'variables.b'] };
    const [attachment] = attachmentsOf(
      await session.post(session.form(graphqlForm(operations, map, [{ content }]))),
    );
    await session.expectContent(attachment?.url ?? '', content);
  });

  test('stays whole in one attachment when the other is deleted', async () => {
    const form = graphqlForm(
      operationsOf(['a'], createField('x', 'a'), createField('y', 'a')),
      mapOf(['a']),
      [{ content }],
    );
    const [first, second] = attachmentsOf(await session.post(session.form(form)));
    await session.query(
      `mutation { deleteAttachment(input: { attachmentId: "${first?.id}" }) { deletedAttachmentId } }`,
    );
    await session.expectContent(second?.url ?? '', content);
  });
});
