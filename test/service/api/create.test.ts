import { createHash, randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { startService, type TestService } from '../../support/service.js';
import { sha256 } from '../../support/sha256.js';
import { clockSlackMs } from '../../support/test-database.js';

const pdf = Buffer.concat([
  Buffer.from('%PDF-1.7\n%\xE2\xE3\xCF\xD3\n', 'latin1'),
  randomBytes(4 * 1024 * 1024),
]);

describe('createAttachment', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startService({ GRACE_PERIOD_MINUTES: '60' });
  });
  afterAll(() => service.close());

  const storedFiles = async () =>
    (
      await readdir(join(service.dataDirectory, 'files'), { recursive: true, withFileTypes: true }).catch(
        () => [],
      )
    )
      .filter((entry) => entry.isFile())
      .map((entry) => entry.name);

  test('answers with everything that is known of the file', async () => {
    const before = Date.now();
    const attachment = await service.client.upload(
      { content: pdf, name: 'part-name.bin', type: 'application/octet-stream' },
      {
        fileName: 'Report 2026.pdf',
        description: 'A **bold** claim <script>alert(1)</script> [x](javascript:alert(1))',
        metadata: { type: 'AR', attributes: { invoice: 7, nested: { tags: ['a'] } } },
      },
    );
    expect(attachment).toMatchObject({
      fileName: 'Report 2026.pdf',
      contentType: 'application/pdf',
      size: pdf.length,
      status: 'APPROVED',
      md5: { hash: createHash('md5').update(pdf).digest('hex') },
      sha256: { algorithm: 'SHA256', hash: sha256(pdf) },
      description: { format: 'MARKDOWN' },
      metadata: { type: 'AR', attributes: { invoice: 7, nested: { tags: ['a'] } } },
      record: null,
      claimedAt: null,
      createdBy: { kind: 'SERVICE', name: 'bootstrap' },
    });
    expect(attachment.description?.html).toContain('<strong>bold</strong>');
    expect(attachment.description?.html).not.toMatch(/script/);
    expect(attachment.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    expect(attachment.documentKey).toMatch(
      new RegExp(`^\\d{4}-\\d{2}-\\d{2}/\\d{2}/${attachment.organizationId}/[0-9a-f-]{36}$`),
    );
    const created = Date.parse(attachment.createdAt);
    expect(created).toBeGreaterThanOrEqual(before - clockSlackMs());
    expect(Date.parse(attachment.expiresAt ?? '') - created).toBe(60 * 60_000);
    expect(attachment.url).toBe(`${service.url}/attachments/${attachment.id}/Report%202026.pdf`);
  });

  test.each([
    ['an empty file', 'empty.txt', Buffer.alloc(0)],
    ['an emoji name', '📎 naïve – 文件.txt', Buffer.from('text')],
    ['5 MiB of noise', 'noise.bin', randomBytes(5 * 1024 * 1024)],
  ])('gives %s back as it was', async (_, name, content) => {
    const attachment = await service.client.upload({ content, name });
    expect(attachment).toMatchObject({ fileName: name.normalize('NFC'), size: content.length });
    const response = await service.client.download(attachment.url);
    expect(response.status).toBe(200);
    expect(Buffer.from(await response.arrayBuffer()).equals(content)).toBe(true);
  });

  test('claims and links at once', async () => {
    const record = { type: 'WorkPackage', id: '1' };
    const first = await service.client.upload({ content: 'one', name: '1.txt' }, { record, field: 'files' });
    const second = await service.client.upload({ content: 'two', name: '2.txt' }, { record, field: 'files' });
    expect(first).toMatchObject({ record, expiresAt: null });
    expect(first.claimedAt).toBe(first.createdAt);
    const { record: found } = await service.client.ask<{
      record: { field: { version: number; links: { position: number; attachment: { id: string } }[] } };
    }>(
      '{ record(type: "WorkPackage", id: "1") { field(name: "files") { version links { position attachment { id } } } } }',
    );
    expect(found.field).toEqual({
      version: 2,
      links: [
        { position: 0, attachment: { id: first.id } },
        { position: 1, attachment: { id: second.id } },
      ],
    });
  });

  test('names every fault of the input in one answer and stores nothing', async () => {
    const filesBefore = await storedFiles();
    const answer = await service.client.tryUpload(
      { content: randomBytes(3.5 * 1024 * 1024), name: 'x.bin' },
      {
        fileName: 'a/b\u0007',
        description: 'x'.repeat(10_001),
        metadata: { type: '', attributes: { big: 'y'.repeat(20_000) } },
        field: 'attachments',
      },
    );
    expect(answer.errors).toHaveLength(1);
    expect(answer.errors?.[0]?.extensions).toMatchObject({ code: 'INVALID_FILE_NAME' });
    expect(answer.errors?.[0]?.extensions.details.map(({ loc, type }) => [loc.join('.'), type])).toEqual([
      ['input.fileName', 'control_character'],
      ['input.description', 'too_long'],
      ['input.metadata.type', 'empty'],
      ['input.metadata.attributes', 'too_long'],
      ['input.field', 'missing_record'],
    ]);
    expect(await storedFiles()).toEqual(filesBefore);
  });

  test.each([
    ['an empty one', { recordType: ' ' }, ['input.recordType: empty']],
    ['a long one', { recordType: 'x'.repeat(256), field: 'a' }, ['input.recordType: too_long']],
    [
      'another than the record has',
      { recordType: 'Other', record: { type: 'Issue', id: '1' } },
      ['input.recordType: exactly_one'],
    ],
  ])('recordType is refused: %s', async (_what, input, expected) => {
    const { errors } = await service.client.tryUpload({ content: 'x' }, input);
    const found = errors?.[0]?.extensions.details.map(({ loc, type }) => `${loc.join('.')}: ${type}`);
    expect(found).toEqual(expected);
  });

  test('with recordType alone nothing is claimed or linked', async () => {
    const input = { recordType: 'Issue', field: 'files', idempotencyKey: 'no record yet' };
    const { id } = await service.client.upload({ content: 'x', name: 'x.txt' }, input);
    const again = await service.client.upload({ content: 'x', name: 'x.txt' }, input);
    const query = 'query ($id: ID!) { attachment(id: $id) { record { id } links { totalCount } expiresAt } }';
    expect([again.id, await service.client.ask(query, { id })]).toEqual([
      id,
      { attachment: { record: null, links: { totalCount: 0 }, expiresAt: expect.any(String) } },
    ]);
  });

  const wrong = {
    fileName: '../x',
    description: 'd'.repeat(10_001),
    field: 'files',
    policy: 'nobody knows',
    contentType: 'nonsense',
    digest: { algorithm: 'MD5', hash: 'nonsense' },
  };
  const all = [
    'path',
    'invalid_digest',
    'too_long',
    'missing_record',
    'unknown_policy',
    'invalid_media_type',
  ];

  test.each([
    ['base64', { base64: 'e!' }, 'INVALID_BASE64', 'base64_invalid', 10_000],
    ['data URL', { dataUrl: 'data:nothing' }, 'BAD_USER_INPUT', 'data_url_invalid', 10_000],
    ['long base64', { base64: `${'A'.repeat(400_000)}!` }, 'INVALID_BASE64', 'base64_invalid', 10_000],
    ['document key', { documentKey: 'none' }, 'DOCUMENT_KEY_UNKNOWN', 'document_key_unknown', 10_000],
  ])('%s that is no good hides no other fault', async (_, content, code, type, limit) => {
    const before = await storedFiles();
    const { errors } = await service.client.graphql(
      'mutation ($input: CreateAttachmentInput!) { createAttachment(input: $input) { attachment { id } } }',
      { input: { ...wrong, content } },
    );
    expect(errors?.[0]?.extensions).toMatchObject({ code, limit });
    expect(errors?.[0]?.extensions.details.map((detail) => detail.type)).toEqual([type, ...all]);
    expect(await storedFiles()).toEqual(before);
  });

  test.each([
    ['a short data URL', 4, 'INVALID_BASE64', 'base64_invalid'],
    ['a long data URL', 400_000, 'INVALID_BASE64', 'base64_invalid'],
    ['a data URL of too many bytes', 201_000, 'FILE_TOO_LARGE', 'file_too_large'],
  ])('%s that is no good hides neither its type nor the lack of a name', async (_, length, code, type) => {
    const dataUrl = `data:text/plain;base64,${'A'.repeat(length)}!`;
    const input = { content: { dataUrl }, contentType: 'image/png' };
    await using strict = await startService(code === 'FILE_TOO_LARGE' ? { MAX_FILE_SIZE: '100000' } : {});
    const { errors } = await strict.client.graphql(
      'mutation ($input: CreateAttachmentInput!) { createAttachment(input: $input) { attachment { id } } }',
      { input },
    );
    expect(errors?.[0]?.extensions.code).toBe(code);
    expect(errors?.[0]?.extensions.details.map((detail) => detail.type)).toEqual([
      type,
      'empty',
      'data_url_mismatch',
    ]);
  });

  test('a name in the place of a text within attributes is refused, and a variable is taken', async () => {
    const create = (attributes: string) =>
      service.client.graphql<{ createAttachment: { attachment: { metadata: object } } }>(
        `mutation ($text: String, $given: JSONObject) { createAttachment(input: { content: { base64: "eA==" }, fileName: "a.txt",
          metadata: { type: "T", attributes: ${attributes} } }) { attachment { metadata { attributes } } } }`,
        { text: 'given', given: { kept: [true] } },
      );
    for (const attributes of [
      '{ c: { d: ENUM }, a: $text, b: $given }',
      '{ a: $text, b: [1, NaN], c: $given }',
    ]) {
      const { errors, status } = await create(attributes);
      expect([status, errors?.[0]?.extensions]).toMatchObject([
        400,
        {
          code: 'BAD_USER_INPUT',
          details: [
            {
              loc: ['query', 2, expect.any(Number)],
              msg: expect.stringMatching(/ENUM|NaN/),
              type: 'graphql_validation_failed',
            },
          ],
        },
      ]);
    }
    const literal = '{ a: $text, b: [1, -2.5, "x", null, true, $text], c: { d: $given, e: {} } }';
    const { data } = await create(literal);
    expect(data?.createAttachment.attachment.metadata).toEqual({
      attributes: {
        a: 'given',
        b: [1, -2.5, 'x', null, true, 'given'],
        c: { d: { kept: [true] }, e: {} },
      },
    });
  });

  test.each([
    ['a data URL', { dataUrl: 'data:application/pdf;base64,dGV4dA==' }, {}, 'input.content.dataUrl'],
    [
      'a data URL that is no good',
      { dataUrl: 'data:image/x-unheard-of;base64,!' },
      {},
      'input.content.dataUrl',
    ],
    [
      'a data URL in the place of base64',
      { base64: 'data:application/pdf;base64,dGV4dA==' },
      { recordType: 'Event', policy: 'calendar' },
      'input.content.base64',
    ],
    [
      'the input',
      { dataUrl: 'data:application/octet-stream;base64,dGV4dA==' },
      { contentType: 'application/pdf' },
      'input.contentType',
    ],
  ])('a wrong type is a fault of what has told it: %s', async (_, content, more, place) => {
    const input = { content, fileName: 'a.txt', policy: 'calendar', ...more };
    const { errors } = await service.client.graphql(
      'mutation ($input: CreateAttachmentInput!) { createAttachment(input: $input) { attachment { id } } }',
      { input },
    );
    const ofType = errors?.[0]?.extensions.details.filter(({ type }) => /type/.test(type)) ?? [];
    expect(ofType.map(({ loc }) => loc.join('.'))).toEqual([place]);
  });

  test('wrong base64 does not hide that the policy takes no file of the declared type', async () => {
    const input = {
      content: { base64: 'e!' },
      fileName: 'a.exe',
      contentType: 'application/x-unheard-of',
      policy: 'calendar',
    };
    const { errors } = await service.client.graphql(
      'mutation ($input: CreateAttachmentInput!) { createAttachment(input: $input) { attachment { id } } }',
      { input },
    );
    expect(errors?.[0]?.extensions.details.map(({ loc, type }) => [loc.join('.'), type])).toEqual([
      ['input.content.base64.1', 'base64_invalid'],
      ['input.contentType', 'content_type_not_allowed'],
    ]);
  });

  test('nor that the policy takes no file of that name', async () => {
    const { errors } = await service.client.graphql(
      'mutation ($input: CreateAttachmentInput!) { createAttachment(input: $input) { attachment { id } } }',
      { input: { content: { base64: 'e!' }, fileName: 'a.exe', policy: 'calendar' } },
    );
    expect(errors?.[0]?.extensions.details.map(({ loc, type }) => [loc.join('.'), type])).toEqual([
      ['input.content.base64.1', 'base64_invalid'],
      ['input.fileName', 'extension_not_allowed'],
    ]);
  });

  test('a file of another type than it says is told to be too large too', async () => {
    const { errors } = await service.client.tryUpload(
      { content: Buffer.alloc(2_097_153, 'x'), name: 'a.png', type: 'image/png' },
      { policy: 'calendar' },
    );
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'CONTENT_TYPE_MISMATCH', limit: 2_097_152 });
    expect(errors?.[0]?.extensions.details.map(({ type }) => type)).toEqual([
      'extension_mismatch',
      'file_too_large',
    ]);
  });

  test('answers with what was made where another field of the same request is refused', async () => {
    const create = (name: string, fileName: string) =>
      `${name}: createAttachment(input: { content: { upload: $file }, fileName: "${fileName}" }) { attachment { id } }`;
    const { status, data, errors } = await service.client.multipart<
      Record<string, { attachment: { id: string } } | null>
    >(
      {
        query: `mutation ($file: Upload!) { ${create('a', 'a.bin')} ${create('b', '../b.bin')} ${create('c', 'c.bin')} }`,
        variables: { file: null },
      },
      [{ content: randomBytes(100_000) }],
      { 0: ['variables.file'] },
    );
    expect([status, data?.['b']]).toEqual([200, null]);
    expect(errors?.map(({ path, extensions }) => [path, extensions.code])).toEqual([
      [['b'], 'INVALID_FILE_NAME'],
    ]);
    const ids = ['a', 'c'].map((name) => data?.[name]?.attachment.id);
    const { nodes } = await service.client.ask<{ nodes: { nodes: { id: string }[] } }>(
      'query ($first: Int) { nodes: attachments(first: $first) { nodes { id } } }',
      { first: 2 },
    );
    expect(nodes.nodes.map(({ id }) => id)).toEqual(ids.toReversed());
  });

  test('uses one part for two attachments over the same bytes', async () => {
    const mutation = `mutation ($file: Upload!, $again: Upload!) {
      a: createAttachment(input: { content: { upload: $file }, fileName: "a.bin" }) { attachment { id documentKey url } }
      b: createAttachment(input: { content: { upload: $file }, fileName: "b.bin" }) { attachment { id documentKey url } }
      c: createAttachment(input: { content: { upload: $again }, fileName: "c.bin" }) { attachment { id documentKey url } }
    }`;
    const content = randomBytes(3.2 * 1024 * 1024);
    const { data } = await service.client.multipart<
      Record<string, { attachment: { id: string; documentKey: string; url: string } }>
    >({ query: mutation, variables: { file: null, again: null } }, [{ content, name: 'x.bin' }], {
      0: ['variables.file', 'variables.again'],
    });
    const created = Object.values(data ?? {}).map(({ attachment }) => attachment);
    expect(new Set(created.map(({ id }) => id)).size).toBe(3);
    expect(new Set(created.map(({ documentKey }) => documentKey)).size).toBe(1);
    const [first, ...others] = created;
    await service.client.ask(
      'mutation ($id: ID!) { deleteAttachment(input: { attachmentId: $id }) { deletedAttachmentId } }',
      {
        id: first?.id,
      },
    );
    for (const { url } of others) {
      const bytes = Buffer.from(await (await service.client.download(url)).arrayBuffer());
      expect(bytes.equals(content)).toBe(true);
    }
  });

  test('does not use content again that has been deleted with what was made of it', async () => {
    const form = new FormData();
    const query = `mutation ($first: CreateAttachmentInput!, $again: CreateAttachmentInput!, $record: RecordInput!) {
      first: createAttachment(input: $first) { attachment { id } }
      deleteRecordAttachments(input: { record: $record }) { deletedAttachmentIds }
      again: createAttachment(input: $again) { attachment { id } } }`;
    const record = { type: 'Task', id: 'gone at once' };
    const content = { upload: null };
    const variables = { first: { content, record }, again: { content }, record };
    const map = { 0: ['variables.first.content.upload', 'variables.again.content.upload'] };
    form.set('operations', JSON.stringify({ query, variables }));
    form.set('map', JSON.stringify(map));
    form.set('0', new Blob(['x'.repeat(5_000_000)]), 'a.txt');
    const before = await storedFiles();
    const headers = { ...service.client.headers, 'apollo-require-preflight': 'true' };
    const response = await fetch(`${service.url}/graphql`, { method: 'POST', headers, body: form });
    const { data, errors } = (await response.json()) as {
      data: Record<string, unknown>;
      errors: { path: string[]; extensions: { code: string; details: { type: string }[] } }[];
    };
    expect(data).toMatchObject({ first: { attachment: {} }, again: null });
    expect(errors.map(({ path, extensions }) => [path, extensions.code])).toEqual([[['again'], 'NOT_FOUND']]);
    expect(await storedFiles()).toEqual(before);
  });

  test('takes 20 files in one request', async () => {
    const files = Array.from({ length: 20 }, (_, index) => ({
      content: randomBytes(1024 * (index + 1)),
      name: `${index}.bin`,
    }));
    const variables = Object.fromEntries(files.map((_, index) => [`f${index}`, null]));
    const query = `mutation (${files.map((_, i) => `$f${i}: Upload!`).join(', ')}) {
      ${files.map((_, i) => `m${i}: createAttachment(input: { content: { upload: $f${i} } }) { attachment { fileName size } }`).join('\n')} }`;
    const map = Object.fromEntries(files.map((_, index) => [index, [`variables.f${index}`]]));
    const { data } = await service.client.multipart<
      Record<string, { attachment: { fileName: string; size: number } }>
    >({ query, variables }, files, map);
    expect(Object.values(data ?? {}).map(({ attachment }) => attachment)).toEqual(
      files.map(({ name, content }) => ({ fileName: name, size: content.length })),
    );
  });

  test('removes parts that no resolver used', async () => {
    const before = await storedFiles();
    const { data } = await service.client.multipart<{ __typename: string }>(
      {
        query:
          'mutation ($file: Upload) { __typename @skip(if: false) ... on Mutation @include(if: false) { createAttachment(input: { content: { upload: $file } }) { attachment { id } } } }',
        variables: { file: null },
      },
      [{ content: randomBytes(3.5 * 1024 * 1024) }],
      { 0: ['variables.file'] },
    );
    expect(data).toEqual({ __typename: 'Mutation' });
    expect(await storedFiles()).toEqual(before);
  });

  test('counts contents that come as text like files: one more than MAX_FILES is refused', async () => {
    await using strict = await startService({ MAX_FILES: '3' });
    const one = (name: string) =>
      `${name}: createAttachment(input: { content: { base64: "eA==" }, fileName: "${name}.txt" }) { attachment { id } }`;
    const { data, errors } = await strict.client.graphql<Record<string, unknown>>(
      `mutation { ${['a', 'b', 'c', 'd'].map(one).join(' ')} }`,
    );
    expect(data).toMatchObject({ a: { attachment: {} }, c: { attachment: {} }, d: null });
    expect(errors?.map(({ path, extensions }) => [path, extensions.code, extensions.limit])).toEqual([
      [['d'], 'TOO_MANY_FILES', 3],
    ]);
  });
});
