import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import type { Answer, AttachmentData, Client } from '../../support/client.js';
import { readPage } from '../../support/doc-page.js';
import { newClient } from '../../support/keys.js';
import { report } from '../../support/report.js';
import { randomKey, type TestService } from '../../support/service.js';
import { storedFiles } from '../../support/stored-files.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { clockSlackMs } from '../../support/test-database.js';
import { gif, html, jpeg, pdf, png } from '../../unit/content-types/real-files.js';
import { bytesOf, codeOf, dataOf, refusalOf, startAsOn, untilStored } from './recipe.js';

type Uploaded = Answer<{ createAttachment: { attachment: AttachmentData } }>;

interface FieldOf {
  version: number;
  links: { position: number; attachment: AttachmentData }[];
}

type Linked = Answer<{
  linkAttachments: FieldOf & {
    field: { version: number };
    unlinked: { id: string; expiresAt: string | null }[];
  };
}>;

interface FileGiven {
  content?: Buffer;
  fileName?: string;
  /** In the data URL. */
  type?: string;
  /** Beside it. */
  contentType?: string;
  policy?: string;
  recordType?: string;
  field?: string;
}

const page = readPage('docs/moving/espocrm.md');
const retentionMs = 30 * 24 * 60 * 60_000;

const tryUpload = (client: Client, given: FileGiven = {}): Promise<Uploaded> => {
  const { content = pdf, fileName = 'a.pdf', type = 'application/pdf', ...rest } = given;
  const dataUrl = `data:${type};base64,${content.toString('base64')}`;
  return client.graphql(page.operation('Upload'), { dataUrl, fileName, ...rest });
};
const upload = async (...given: Parameters<typeof tryUpload>) =>
  dataOf(await tryUpload(...given)).createAttachment.attachment;
const setField = (
  client: Client,
  record: { type: string; id: string },
  field: string,
  ids: string[],
  version?: number,
): Promise<Linked> => client.graphql(page.operation('SetField'), { record, field, ids, version });
const readField = async (client: Client, { type, id }: { type: string; id: string }, field: string) =>
  (await client.ask<{ record: { field: FieldOf } }>(page.operation('Field'), { type, id, field })).record
    .field;
const idsIn = ({ links }: FieldOf) => links.map(({ attachment }) => attachment.id);

/** Upload, then put the id into the record's field: every step as docs/moving/espocrm.md has it. */
describe('EspoCRM', () => {
  let service: TestService;
  let client: Client;
  beforeAll(async () => {
    service = await startAsOn(page);
    client = service.client;
  });
  afterAll(() => service.close());

  const newRecord = (type: string) => ({ type, id: uuidv7() });

  describe('file as a data URI', () => {
    test('with name, type and role', async () => {
      const { id } = await upload(client, {
        content: pdf,
        fileName: 'Offer.pdf',
        contentType: 'application/pdf',
      });
      const { attachment } = await client.ask<{ attachment: AttachmentData }>(
        'query ($id: ID!) { attachment(id: $id) { fileName contentType size url metadata { type attributes } record { id: recordId } } }',
        { id },
      );
      expect(attachment).toEqual({
        fileName: 'Offer.pdf',
        contentType: 'application/pdf',
        size: pdf.length,
        url: `${service.url}/attachments/${id}/Offer.pdf`,
        metadata: { type: 'EspoCRM', attributes: { role: 'Attachment' } },
        record: null,
      });
      expect((await bytesOf(client, attachment.url)).equals(pdf)).toBe(true);
    });

    test('for a field of a record that does not exist yet: what the field would not take is refused now', async () => {
      const place = { recordType: 'Document', field: 'file' };
      const refused = await tryUpload(client, {
        content: gif,
        fileName: 'a.gif',
        type: 'image/gif',
        ...place,
      });
      expect(codeOf(refused)).toBe('CONTENT_TYPE_NOT_ALLOWED');
      const { id } = await upload(client, place);
      const record = newRecord('Document');
      const linked = dataOf(await setField(client, record, 'file', [id]));
      expect(idsIn(linked.linkAttachments)).toEqual([id]);
      expect((await upload(client, { content: gif, fileName: 'a.gif', type: 'image/gif' })).contentType).toBe(
        'image/gif',
      );
    });

    test.each([
      ['the URI says another', { type: 'image/png', contentType: 'application/pdf' }],
      ['contentType says another', { type: 'application/pdf', contentType: 'image/png' }],
      ['contentType leaves it to the URI', { type: 'image/png', contentType: 'application/octet-stream' }],
      ['two kinds of text', { content: html, fileName: 'a', type: 'text/plain', contentType: 'text/html' }],
      ['both are not what the bytes are', { content: html, fileName: 'a', contentType: 'application/pdf' }],
    ])("the URI's type and contentType must agree: %s", async (_what, given) => {
      expect(codeOf(await tryUpload(client, given))).toBe('CONTENT_TYPE_MISMATCH');
    });

    test.each([
      ['the same', { type: 'application/pdf', contentType: 'application/pdf' }],
      [
        'two names of one type',
        { content: jpeg, fileName: 'a.jpg', type: 'image/jpg', contentType: 'image/jpeg' },
      ],
      ['a URI that says nothing', { type: 'application/octet-stream', contentType: 'application/pdf' }],
    ])("the URI's type and contentType agree: %s", async (_what, given) => {
      expect((await upload(client, given)).contentType).toBe(given.contentType);
    });

    const content = pdf.toString('base64');
    test.each([
      ['no type, as of a file that the browser does not know', `data:;base64,${content}`],
      ['space before ;base64', `data:application/pdf; base64,${content}`],
      ['a quoted parameter', `data:application/pdf;name="an offer; new.pdf";base64,${content}`],
      ['lines', `data:application/pdf;base64,${content.replace(/.{76}/g, '$&\r\n')}`],
    ])('as browsers and libraries write it: %s', async (_what, dataUrl) => {
      const answer: Uploaded = await client.graphql(page.operation('Upload'), { dataUrl, fileName: 'a.pdf' });
      expect(dataOf(answer).createAttachment.attachment).toMatchObject({
        contentType: 'application/pdf',
        size: pdf.length,
      });
    });

    test.each([
      ['a wrong character', `data:application/pdf;base64,${content.replace('A', '*')}`, 'INVALID_BASE64'],
      ['half of its padding', 'data:text/plain;base64,QQ=', 'INVALID_BASE64'],
      ['a line end within a group', 'data:text/plain;base64,QU\r\nJDQUJD', 'INVALID_BASE64'],
      ['percent-encoded text', 'data:text/plain,hello%20world', 'INVALID_BASE64'],
      ['a type that is none', 'data:text;base64,QUJD', 'BAD_USER_INPUT'],
      ['no comma', 'data:text/plain;base64', 'BAD_USER_INPUT'],
      ['no data URI', content, 'BAD_USER_INPUT'],
    ])('strict base64: %s', async (_what, dataUrl, code) => {
      const before = await storedFiles(service.dataDirectory);
      const answer = await client.graphql(page.operation('Upload'), { dataUrl, fileName: 'a' });
      expect(refusalOf(answer)).toMatchObject({
        code,
        details: [{ loc: expect.arrayContaining(['dataUrl']) }],
      });
      expect(await storedFiles(service.dataDirectory)).toEqual(before);
    });
  });

  describe('per field: maxFileSize, accept, maxCount', () => {
    test('uploadPolicy tells them beforehand', async () => {
      const { uploadPolicy } = await client.ask<{ uploadPolicy: object }>(page.operation('Accepts'), {
        recordType: 'Document',
        field: 'file',
      });
      expect(uploadPolicy).toEqual({
        name: 'document-file',
        maxFileSize: 10_485_760,
        maxCount: 1,
        acceptedTypes: [
          { contentType: 'application/pdf', extensions: ['.pdf'] },
          { contentType: 'image/png', extensions: ['.png'] },
          { contentType: 'text/plain', extensions: ['.txt'] },
        ],
      });
      const field = await client.ask<object>(page.operation('Accepts'), {
        recordType: 'Email',
        field: 'attachments',
      });
      expect(field).toEqual({
        uploadPolicy: { name: 'email-attachments', maxFileSize: 5_242_880, maxCount: 20, acceptedTypes: [] },
      });
    });

    test('and they hold at the upload, and again where it is linked', async () => {
      const image = { content: gif, fileName: 'a.gif', type: 'image/gif' };
      expect(codeOf(await tryUpload(client, { ...image, policy: 'document-file' }))).toBe(
        'CONTENT_TYPE_NOT_ALLOWED',
      );
      const large = { content: Buffer.concat([pdf], 5_242_881) };
      expect(refusalOf(await tryUpload(client, { ...large, policy: 'email-attachments' }))).toMatchObject({
        code: 'FILE_TOO_LARGE',
        limit: 5_242_880,
      });
      const [anyway, tooLarge] = [await upload(client, image), await upload(client, large)];
      const document = newRecord('Document');
      expect(codeOf(await setField(client, document, 'file', [anyway.id]))).toBe('CONTENT_TYPE_NOT_ALLOWED');
      expect(await readField(client, document, 'file')).toMatchObject({ version: 0, links: [] });
      const email = newRecord('Email');
      expect(codeOf(await setField(client, email, 'attachments', [tooLarge.id]))).toBe('FILE_TOO_LARGE');
      expect((await setField(client, email, 'attachments', [anyway.id])).errors).toBeUndefined();
    });
  });

  describe('File field: set fileId', () => {
    test('the one before is unlinked and enters its retention', async () => {
      const document = newRecord('Document');
      const [before, after] = [await upload(client), await upload(client, { fileName: 'b.pdf' })];
      await setField(client, document, 'file', [before.id]);
      const startedAt = Date.now();
      const answer = await setField(client, document, 'file', [after.id]);
      expect(answer.data?.linkAttachments).toMatchObject({
        field: { version: 2 },
        links: [{ position: 0, attachment: { id: after.id, fileName: 'b.pdf' } }],
        unlinked: [{ id: before.id }],
      });
      const [unlinked] = answer.data?.linkAttachments.unlinked ?? [];
      const expiresAt = Date.parse(unlinked?.expiresAt ?? '');
      expect(expiresAt).toBeGreaterThanOrEqual(startedAt + retentionMs - clockSlackMs());
      expect(expiresAt).toBeLessThanOrEqual(Date.now() + retentionMs + clockSlackMs());
      expect((await bytesOf(client, before.url)).equals(pdf)).toBe(true);
    });

    test('maxCount 1: two at once are refused, and so is a second beside the first', async () => {
      const document = newRecord('Document');
      const ids = [(await upload(client)).id, (await upload(client)).id];
      expect(refusalOf(await setField(client, document, 'file', ids))).toMatchObject({
        code: 'TOO_MANY_ATTACHMENTS',
        limit: 1,
      });
      await setField(client, document, 'file', ids.slice(0, 1));
      const beside = await client.tryUpload(
        { content: pdf, name: 'a.pdf' },
        { record: document, field: 'file' },
      );
      expect(codeOf(beside)).toBe('TOO_MANY_ATTACHMENTS');
      expect(idsIn(await readField(client, document, 'file'))).toEqual(ids.slice(0, 1));
    });
  });

  describe('Attachment-Multiple: attachmentsIds replaces the set', () => {
    const field = 'attachments';
    const uploads = (count: number, as = client) =>
      Promise.all(Array.from({ length: count }, async () => (await upload(as)).id));

    test('those left out are unlinked; order kept; [] empties', async () => {
      const email = newRecord('Email');
      const [a, b, c] = (await uploads(3)) as [string, string, string];
      await setField(client, email, field, [a, b]);
      const answer = await setField(client, email, field, [c, b]);
      expect(answer.data?.linkAttachments.unlinked.map(({ id }) => id)).toEqual([a]);
      expect(idsIn(await readField(client, email, field))).toEqual([c, b]);
      await setField(client, email, field, [b, a, c]);
      expect(idsIn(await readField(client, email, field))).toEqual([b, a, c]);
      await setField(client, email, field, []);
      expect(await readField(client, email, field)).toMatchObject({ version: 4, links: [] });
    });

    test("ids that are not the caller's to link refuse the whole call, nothing written", async () => {
      const [email, other] = [newRecord('Email'), newRecord('Email')];
      const [first, second, taken] = (await uploads(3)) as [string, string, string];
      const [theirs] = (await uploads(1, await newClient(service))) as [string];
      await setField(client, email, field, [first]);
      await setField(client, other, field, [taken]);
      const answer = await setField(client, email, field, [second, theirs, uuidv7(), taken]);
      expect(refusalOf(answer)?.details.map(({ loc, type }) => [loc.at(-1), type])).toEqual([
        [1, 'not_found'],
        [2, 'not_found'],
        [3, 'already_claimed'],
      ]);
      expect(await readField(client, email, field)).toMatchObject({ version: 1 });
      expect(idsIn(await readField(client, email, field))).toEqual([first]);
      expect((await setField(client, newRecord('Email'), field, [second])).errors).toBeUndefined();
    });

    test('writers at once lose no update that was acknowledged (expectedVersion)', async () => {
      const email = newRecord('Email');
      const ids = await uploads(10);
      let conflicts = 0;
      const append = async (id: string): Promise<void> => {
        for (;;) {
          const seen = await readField(client, email, field);
          const answer = await setField(client, email, field, [...idsIn(seen), id], seen.version);
          if (!answer.errors) return;
          expect(codeOf(answer)).toBe('VERSION_CONFLICT');
          conflicts += 1;
          await sleep(conflicts % 50);
        }
      };
      await Promise.all(ids.map(append));
      report(`10 writers: 10 acknowledged, ${conflicts} conflicts retried`);
      const after = await readField(client, email, field);
      expect([after.version, idsIn(after).sort()]).toEqual([10, ids.sort()]);
    });
  });

  describe('copy sharing the bytes', () => {
    test.each(['copy', 'original'])(
      'deleting the copy or the original leaves the other whole: the %s',
      async (which) => {
        const content = Buffer.concat([png, randomBytes(1_000)]);
        const original = await upload(client, { content, fileName: 'a.png', type: 'image/png' });
        const { copyAttachment } = await client.ask<{ copyAttachment: { attachment: AttachmentData } }>(
          page.operation('Copy'),
          { id: original.id },
        );
        const copy = copyAttachment.attachment;
        await setField(client, newRecord('Email'), 'attachments', [original.id]);
        await setField(client, newRecord('Email'), 'attachments', [copy.id]);
        const [gone, left] = which === 'copy' ? [copy, original] : [original, copy];
        await client.ask(page.operation('Remove'), { id: gone.id });
        expect((await client.download(gone.url)).status).toBe(404);
        expect((await bytesOf(client, left.url)).equals(content)).toBe(true);
        await client.ask(page.operation('Remove'), { id: left.id });
        expect(await storedFiles(service.dataDirectory)).not.toContain(copy.documentKey);
      },
    );
  });
});

test('EspoCRM: a file that was replaced does not leak for ever; after its retention it is purged', async () => {
  const directory = await makeTemporaryDirectory();
  let now = Date.now();
  const key = randomKey();
  const start = () =>
    startAsOn(page, { DATA_DIR: directory, BOOTSTRAP_API_KEY: key }, { clock: () => new Date(now) });
  const document = { type: 'Document', id: '1' };
  {
    await using service = await start();
    for (const fileName of ['before.pdf', 'after.pdf']) {
      await setField(service.client, document, 'file', [(await upload(service.client, { fileName })).id]);
    }
  }
  now += retentionMs - 1;
  {
    await using _service = await start();
    await sleep(300);
    expect(await storedFiles(directory)).toHaveLength(2);
  }
  now += 2;
  {
    await using service = await start();
    expect(await untilStored(directory, 1)).toHaveLength(1);
    const { links } = await readField(service.client, document, 'file');
    expect(links.map(({ attachment }) => attachment.fileName)).toEqual(['after.pdf']);
    const path = new URL(links[0]?.attachment.url ?? '').pathname;
    expect((await bytesOf(service.client, path)).equals(pdf)).toBe(true);
  }
  await rm(directory, { recursive: true });
});
