import { randomBytes } from 'node:crypto';
import { type AttachmentData, attachmentFields, type Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { report } from '../../support/report.js';
import { startService, type TestService } from '../../support/service.js';
import { storedFiles } from '../../support/stored-files.js';

const copy = `mutation ($input: CopyAttachmentInput!) { copyAttachment(input: $input) { attachment { ${attachmentFields} } } }`;
const update = `mutation ($input: UpdateAttachmentInput!) { updateAttachment(input: $input) { attachment { ${attachmentFields} } } }`;
const remove =
  'mutation ($id: ID!) { deleteAttachment(input: { attachmentId: $id }) { deletedAttachmentId } }';
const clear =
  'mutation ($record: RecordInput!) { deleteRecordAttachments(input: { record: $record }) { deletedAttachmentIds } }';

interface Shown {
  sha256: { hash: string };
  fileName: string;
  receipt: string;
  downloadUrl: string;
}

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

const copyOf = async (attachmentId: string, client: Client = service.client, fileName?: string) =>
  (
    await client.ask<{ copyAttachment: { attachment: AttachmentData } }>(copy, {
      input: { attachmentId, fileName },
    })
  ).copyAttachment.attachment;
const bytesOf = async ({ url }: { url: string }) =>
  Buffer.from(await (await service.client.download(url)).arrayBuffer());

describe('a plain description', () => {
  const words = '**7** < 8 &\n<b>x</b>';
  const plain = {
    format: 'PLAIN',
    raw: words,
    html: '<p>**7** &lt; 8 &amp;<br>\n&lt;b&gt;x&lt;/b&gt;</p>',
  };
  const made = (input: object) => service.client.upload({ content: 'x', name: 'x.txt' }, input);
  const change = async (attachmentId: string, input: object) =>
    (
      await service.client.ask<{ updateAttachment: { attachment: AttachmentData } }>(update, {
        input: { attachmentId, ...input },
      })
    ).updateAttachment.attachment.description;
  const read = async (id: string) =>
    (
      await service.client.ask<{ attachment: AttachmentData }>(
        'query ($id: ID!) { attachment(id: $id) { description { format raw html } } }',
        { id },
      )
    ).attachment.description;

  test('stays as it was typed, in copies too', async () => {
    const { id, description } = await made({ description: words, descriptionFormat: 'PLAIN' });
    expect(description).toEqual(plain);
    expect(await read(id)).toEqual(plain);
    expect((await copyOf(id)).description).toEqual(plain);
    expect(await change(id, { fileName: 'y.txt' })).toEqual(plain);
    expect(await change(id, { description: '**7**' })).toMatchObject({
      format: 'MARKDOWN',
      html: '<p><strong>7</strong></p>',
    });
    expect(await change(id, { description: words, descriptionFormat: 'PLAIN' })).toEqual(plain);
    expect(await read(id)).toEqual(plain);
    expect(await change(id, { description: null, descriptionFormat: 'PLAIN' })).toBeNull();
  });

  test.each(['MARKDOWN', 'PLAIN'])(
    'has 10,000 characters at most, whatever they are: %s',
    async (descriptionFormat) => {
      const longest = '🍐'.repeat(10_000);
      const attachment = await made({ description: longest, descriptionFormat });
      expect(attachment.description).toMatchObject({
        raw: longest,
        html: descriptionFormat === 'PLAIN' ? expect.stringContaining(longest) : `<p>${longest}</p>`,
      });
      const { errors } = await service.client.tryUpload(
        { content: 'x', name: 'x.txt' },
        { description: `${longest}🍐`, descriptionFormat },
      );
      expect(errors?.[0]?.extensions).toMatchObject({
        code: 'BAD_USER_INPUT',
        limit: 10_000,
        details: [
          { loc: ['input', 'description'], msg: expect.stringContaining(' 10001 '), type: 'too_long' },
        ],
      });
    },
  );

  test('has the bounds of every description, and none of those of Markdown', async () => {
    const nested = '>'.repeat(10_000);
    expect((await made({ description: nested, descriptionFormat: 'PLAIN' })).description?.raw).toBe(nested);
    for (const description of ['x'.repeat(10_001), 'a\0b', '\ud800']) {
      const { errors } = await service.client.tryUpload(
        { content: 'x', name: 'x.txt' },
        { description, descriptionFormat: 'PLAIN' },
      );
      expect(errors?.[0]?.extensions).toMatchObject({
        code: 'BAD_USER_INPUT',
        details: [{ loc: ['input', 'description'] }],
      });
    }
  });

  test('is other input than the same Markdown', async () => {
    const input = { idempotencyKey: 'plain', description: words };
    const { id } = await made({ ...input, descriptionFormat: 'PLAIN' });
    expect((await made({ ...input, descriptionFormat: 'PLAIN' })).id).toBe(id);
    const { errors } = await service.client.tryUpload({ content: 'x', name: 'x.txt' }, input);
    expect(errors?.[0]?.extensions.code).toBe('IDEMPOTENCY_CONFLICT');
  });
});

describe('copyAttachment', () => {
  const record = { type: 'Page', id: '1' };

  test('is refused with every fault of its input', async () => {
    const { id } = await service.client.upload({ content: 'x', name: 'a.txt' });
    const { errors } = await service.client.graphql(copy, {
      input: { attachmentId: id, fileName: 'a/b.txt', idempotencyKey: '' },
    });
    expect(errors?.[0]?.extensions.details.map(({ loc, type }) => [loc, type])).toEqual([
      [['input', 'idempotencyKey'], 'out_of_range'],
      [['input', 'fileName'], 'path'],
    ]);
  });

  test('gives the caller an unclaimed attachment over the same bytes', async () => {
    const content = randomBytes(3.5 * 2 ** 20);
    const original = await service.client.upload({ content, name: 'a.bin' }, { record, description: 'kept' });
    const colleague = await newClient(service);
    const made = await copyOf(original.id, colleague, 'b.bin');
    expect(made).toMatchObject({
      fileName: 'b.bin',
      record: null,
      claimedAt: null,
      documentKey: original.documentKey,
      sha256: original.sha256,
      description: { raw: 'kept' },
      createdBy: { name: 'other' },
    });
    expect(made.expiresAt).not.toBeNull();
    expect(
      (await storedFiles(service.dataDirectory)).filter((key) => key === original.documentKey),
    ).toHaveLength(1);
  });

  test.each(['original', 'copy'])(
    'deleting the %s leaves the other whole; the last takes the bytes along',
    async (which) => {
      const content = randomBytes(2 ** 20);
      const original = await service.client.upload({ content });
      const made = await copyOf(original.id);
      const [first, second] = which === 'original' ? [original, made] : [made, original];
      await service.client.ask(remove, { id: first.id });
      expect((await bytesOf(second)).equals(content)).toBe(true);
      await service.client.ask(remove, { id: second.id });
      expect(await storedFiles(service.dataDirectory)).not.toContain(original.documentKey);
    },
  );

  test('copies and deletions at once never leave an attachment without its bytes', async () => {
    let made = 0;
    let refused = 0;
    for (let round = 0; round < 20; round += 1) {
      const content = randomBytes(1_000);
      const original = await service.client.upload({ content });
      const copying = () =>
        service.client.graphql<{ copyAttachment: { attachment: AttachmentData } }>(copy, {
          input: { attachmentId: original.id },
        });
      const deleting = async () => {
        await service.client.graphql(remove, { id: original.id });
        return null;
      };
      const work: (typeof copying | typeof deleting)[] = [copying, copying, copying, copying];
      const results = await Promise.all(
        [...work.slice(0, round % 5), deleting, ...work.slice(round % 5)].map((start) => start()),
      );
      const copies = results.flatMap((answer) => answer?.data?.copyAttachment?.attachment ?? []);
      refused += results.filter((answer) => answer?.errors?.[0]?.extensions.code === 'NOT_FOUND').length;
      made += copies.length;
      for (const one of copies) expect((await bytesOf(one)).equals(content)).toBe(true);
      const deletions = await Promise.all(copies.map(({ id }) => service.client.graphql(remove, { id })));
      expect(deletions.every(({ errors }) => errors === undefined)).toBe(true);
      expect(await storedFiles(service.dataDirectory)).not.toContain(original.documentKey);
    }
    report(`20 rounds of 4 copies and a deletion at once: ${made} copies, all whole, ${refused} too late`);
    expect(made + refused).toBe(80);
  });

  test("cannot reach another's unclaimed attachment", async () => {
    const { id } = await service.client.upload({ content: 'x' });
    const stranger = await newClient(service);
    const { errors } = await stranger.graphql(copy, { input: { attachmentId: id } });
    expect(errors?.[0]?.extensions.code).toBe('NOT_FOUND');
  });
});

describe('updateAttachment', () => {
  const change = (attachmentId: string, input: object, client: Client = service.client) =>
    client.graphql<{ updateAttachment: { attachment: AttachmentData } }>(update, {
      input: { attachmentId, ...input },
    });

  test('changes what is given, keeps what is left out, and clears with null', async () => {
    const before = await service.client.upload(
      { content: 'x', name: 'a.txt' },
      { description: 'old', metadata: { type: 'AR' } },
    );
    const renamed = await change(before.id, { fileName: 'b.txt' });
    expect(renamed.data?.updateAttachment.attachment).toMatchObject({
      fileName: 'b.txt',
      description: { raw: 'old' },
      metadata: { type: 'AR' },
    });
    const cleared = await change(before.id, {
      description: null,
      metadata: { type: 'XX', attributes: { a: 1 } },
    });
    expect(cleared.data?.updateAttachment.attachment).toMatchObject({
      fileName: 'b.txt',
      description: null,
      metadata: { type: 'XX', attributes: { a: 1 } },
    });
    expect((cleared.data?.updateAttachment.attachment.updatedAt ?? '') >= before.updatedAt).toBe(true);
    const { attachment } = await service.client.ask<{ attachment: AttachmentData }>(
      `query ($id: ID!) { attachment(id: $id) { ${attachmentFields} } }`,
      { id: before.id },
    );
    expect(attachment).toEqual(cleared.data?.updateAttachment.attachment);
    expect((await service.client.download(before.url)).status).toBe(200);
    expect((await service.client.download(attachment.url)).status).toBe(200);
  });

  test('beside other changes in one request proves, and links to, what each of them has left', async () => {
    const { id } = await service.client.upload({ content: 'old', name: 'a.txt' });
    const shown = 'attachment { sha256: digest { hash } fileName receipt downloadUrl }';
    const { first, second, third } = await service.client.ask<Record<string, { attachment: Shown }>>(
      `mutation ($id: ID!) {
        first: updateAttachment(input: { attachmentId: $id, fileName: "b.txt" }) { ${shown} }
        second: updateAttachment(input: { attachmentId: $id, fileName: "c.txt" }) { ${shown} }
        third: replaceContent(input: { attachmentId: $id, content: { base64: "bmV3" } }) { ${shown} }
      }`,
      { id },
    );
    const found = [first, second, third].map((answer) => {
      const { sha256, fileName, receipt = '', downloadUrl = '' } = answer?.attachment ?? {};
      const payload = Buffer.from(receipt.split('.')[1] ?? '', 'base64url').toString();
      const proven = (JSON.parse(payload) as { attachment: { fileName: string; sha256: string } }).attachment;
      expect(proven).toMatchObject({ fileName, sha256: sha256?.hash });
      return new URL(downloadUrl).pathname.replace(`/attachments/${id}/`, '');
    });
    expect(found).toEqual(['b.txt', 'c.txt', '2/c.txt']);
  });

  test('that says what is said already changes nothing, and is told to nobody', async () => {
    const said = {
      fileName: 'a.txt',
      description: 'old',
      metadata: { type: 'AR', attributes: { b: { d: [1, 'x'], c: null }, a: 1.5 } },
    };
    const { id } = await service.client.upload({ content: 'x', name: 'a.txt' }, said);
    const before = await service.client.ask<{ attachment: AttachmentData }>(
      'query ($id: ID!) { attachment(id: $id) { updatedAt } }',
      { id },
    );
    const others = { ...said.metadata, attributes: { a: 1.5, b: { c: null, d: [1, 'x'] } } };
    for (const input of [{}, said, { fileName: ' a.txt' }, { description: 'old' }, { metadata: others }]) {
      const { data } = await change(id, input);
      expect(data?.updateAttachment.attachment).toMatchObject({
        updatedAt: before.attachment.updatedAt,
        fileName: 'a.txt',
        description: { raw: 'old', html: '<p>old</p>' },
        metadata: said.metadata,
      });
    }
    const events = async () =>
      (
        await service.client.ask<{ auditLog: { nodes: { action: string }[] } }>(
          'query ($id: ID!) { auditLog(filter: { attachmentId: $id }) { nodes { action } } }',
          { id },
        )
      ).auditLog.nodes.filter(({ action }) => action === 'ATTACHMENT_UPDATED').length;
    expect(await events()).toBe(0);
    await change(id, { description: 'old', descriptionFormat: 'PLAIN' });
    expect(await events()).toBe(1);
  });

  test('refuses a bad input whole', async () => {
    const { id } = await service.client.upload({ content: 'x', name: 'a.txt' }, { description: 'old' });
    const { errors } = await change(id, { fileName: 'con', description: 'y'.repeat(10_001) });
    expect(errors?.[0]?.extensions.details.map(({ type }) => type)).toEqual(['reserved_name', 'too_long']);
    const stranger = await newClient(service);
    expect((await change(id, { fileName: 'c.txt' }, stranger)).errors?.[0]?.extensions.code).toBe(
      'NOT_FOUND',
    );
  });
});

describe('deleteRecordAttachments', () => {
  test('deletes everything a record has claimed, with its bytes, and nothing else', async () => {
    const record = { type: 'Gone', id: '1' };
    const kept = await service.client.upload({ content: 'kept' }, { record: { type: 'Gone', id: '2' } });
    const gone = await Promise.all(
      Array.from({ length: 5 }, (_, index) =>
        service.client.upload({ content: `${index}` }, { record, ...(index < 3 ? { field: 'files' } : {}) }),
      ),
    );
    const { deleteRecordAttachments } = await service.client.ask<{
      deleteRecordAttachments: { deletedAttachmentIds: string[] };
    }>(clear, { record });
    expect([...deleteRecordAttachments.deletedAttachmentIds].sort()).toEqual(gone.map(({ id }) => id).sort());
    const files = await storedFiles(service.dataDirectory);
    expect(gone.filter(({ documentKey }) => files.includes(documentKey))).toEqual([]);
    expect((await bytesOf(kept)).toString()).toBe('kept');
    const again = await service.client.ask<{ deleteRecordAttachments: { deletedAttachmentIds: string[] } }>(
      clear,
      { record },
    );
    expect(again.deleteRecordAttachments.deletedAttachmentIds).toEqual([]);
  });
});
