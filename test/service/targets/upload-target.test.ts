import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import { type Answer, type AttachmentData, attachmentFields, type Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { startService, type TestService } from '../../support/service.js';
import { sha256 } from '../../support/sha256.js';
import { storedFiles } from '../../support/stored-files.js';

interface Target {
  documentKey: string;
  url: string;
  method: string;
  headers: { name: string; value: string }[];
  expiresAt: string;
}

const createTarget = `mutation ($input: CreateUploadTargetInput!) {
  createUploadTarget(input: $input) { target { documentKey url method headers { name value } expiresAt } } }`;
const register = `mutation ($input: CreateAttachmentInput!) {
  createAttachment(input: $input) { attachment { ${attachmentFields} } } }`;
const remove =
  'mutation ($id: ID!) { deleteAttachment(input: { attachmentId: $id }) { deletedAttachmentId } }';

describe('direct upload', () => {
  let service: TestService;
  let now = Date.now();
  beforeAll(async () => {
    service = await startService({}, { clock: () => new Date(now) });
  });
  beforeEach(() => {
    now = Date.now();
  });
  afterAll(() => service.close());

  const stateOf = async ({ documentKey }: Target) => {
    const query = 'query ($key: String!) { uploadTarget(documentKey: $key) { state } }';
    const answer = await service.client.ask<{ uploadTarget: { state: string } }>(query, { key: documentKey });
    return answer.uploadTarget.state;
  };

  const newTarget = async (size: number, input: object = {}): Promise<Target> =>
    (
      await service.client.ask<{ createUploadTarget: { target: Target } }>(createTarget, {
        input: { fileName: 'data.bin', contentType: 'application/octet-stream', size, ...input },
      })
    ).createUploadTarget.target;
  const send = (target: Target, body: Buffer, headers: Record<string, string> = {}) =>
    fetch(target.url, {
      method: target.method,
      headers: {
        ...Object.fromEntries(
          target.headers
            .filter(({ name }) => name !== 'Content-Length')
            .map(({ name, value }) => [name.toLowerCase(), value]),
        ),
        ...headers,
      },
      body: new Uint8Array(body),
    });
  const codeOf = async (response: Response) =>
    ((await response.json()) as { errors: { extensions: { code: string } }[] }).errors[0]?.extensions.code;
  const create = (
    documentKey: string,
    input: object = {},
    client: Client = service.client,
  ): Promise<Answer<{ createAttachment: { attachment: AttachmentData } }>> =>
    client.graphql(register, { input: { content: { documentKey }, ...input } });

  test('stores exactly the agreed bytes, and makes an attachment of them', async () => {
    const content = randomBytes(4 * 2 ** 20 + 3);
    const target = await newTarget(content.length, { fileName: 'Invoice.bin' });
    expect(target).toMatchObject({
      method: 'PUT',
      headers: [{ name: 'Content-Type', value: 'application/octet-stream' }],
    });
    const early = await create(target.documentKey);
    expect(early.errors?.[0]?.extensions).toMatchObject({
      code: 'UPLOAD_NOT_FINISHED',
      details: [{ loc: ['input', 'content', 'documentKey'] }],
    });
    expect((await send(target, content)).status).toBe(201);
    const answer = await create(target.documentKey, {
      record: { type: 'Expense', id: '1' },
      metadata: { type: 'AR' },
    });
    expect(answer.data?.createAttachment.attachment).toMatchObject({
      fileName: 'Invoice.bin',
      documentKey: target.documentKey,
      size: content.length,
      sha256: { hash: sha256(content) },
      md5: { hash: createHash('md5').update(content).digest('hex') },
      record: { type: 'Expense', id: '1' },
      metadata: { type: 'AR', attributes: null },
    });
    const download = await service.client.download(answer.data?.createAttachment.attachment.url ?? '');
    expect(Buffer.from(await download.arrayBuffer()).equals(content)).toBe(true);
  });

  test('takes no other bytes, no other length, no other type and nothing late', async () => {
    const content = randomBytes(3.5 * 2 ** 20);
    const target = await newTarget(content.length);
    expect(await codeOf(await send(target, content.subarray(1)))).toBe('SIZE_MISMATCH');
    expect(await codeOf(await send(target, Buffer.concat([content, Buffer.from('x')])))).toBe(
      'SIZE_MISMATCH',
    );
    expect(await codeOf(await send(target, content, { 'content-type': 'text/plain' }))).toBe(
      'CONTENT_TYPE_MISMATCH',
    );
    expect((await create(target.documentKey)).errors?.[0]?.extensions.code).toBe('UPLOAD_NOT_FINISHED');
    expect((await send(target, content)).status).toBe(201);
    const second = await send(target, Buffer.alloc(content.length));
    expect([second.status, await codeOf(second)]).toEqual([400, 'DIGEST_MISMATCH']);
    expect((await send(target, content)).status).toBe(200);
    const late = await newTarget(4);
    now = Date.parse(late.expiresAt) + 1;
    expect((await send(late, Buffer.from('late'))).status).toBe(404);
    expect(await storedFiles(service.dataDirectory)).not.toContain(late.documentKey);
  });

  test('takes an empty Content-Type for none, and says what one is that is no media type', async () => {
    const target = await newTarget(4);
    const refused = await send(target, Buffer.from('abcd'), { 'content-type': 'text' });
    expect([refused.status, await refused.json()]).toMatchObject([
      400,
      {
        errors: [
          { extensions: { details: [{ loc: ['headers', 'content-type'], type: 'invalid_media_type' }] } },
        ],
      },
    ]);
    expect((await send(target, Buffer.from('abcd'), { 'content-type': '' })).status).toBe(201);
  });

  test('leaves a type that claims nothing to the bytes, whatever a policy accepts', async () => {
    const policy = 'calendar';
    const content = Buffer.from('%PDF-1.7\n');
    const target = await newTarget(content.length, { fileName: 'a.pdf', policy });
    expect((await send(target, content)).status).toBe(201);
    const { data } = await create(target.documentKey, { policy });
    expect(data?.createAttachment.attachment.contentType).toBe('application/pdf');
    const page = await newTarget(6, { fileName: 'a.pdf', policy });
    await send(page, Buffer.from('<html>'));
    const refused = await create(page.documentKey, { policy });
    expect(refused.errors?.[0]?.extensions.code).toBe('CONTENT_TYPE_MISMATCH');
  });

  test('refuses a name at once under which a policy that is named accepts nothing', async () => {
    for (const fileName of ['a.exe', 'a']) {
      const { errors } = await service.client.graphql(createTarget, {
        input: { fileName, size: 4, policy: 'calendar' },
      });
      expect(errors?.[0]?.extensions).toMatchObject({
        code: 'CONTENT_TYPE_NOT_ALLOWED',
        details: [{ loc: ['input', 'fileName'], type: 'extension_not_allowed' }],
      });
    }
    // The bytes may be of a type that has this extension.
    await newTarget(4, { fileName: 'a.AI', policy: 'calendar', contentType: 'application/octet-stream' });
    await newTarget(4, { fileName: 'a.exe' });
  });

  test('refuses a chunked body that is longer or shorter, and one that breaks off, and can be tried again', async () => {
    const target = await newTarget(4 * 2 ** 20);
    const chunked = async (bytes: number, breakOff = false) => {
      const sending = request(target.url, {
        method: 'PUT',
        headers: { 'content-type': 'application/octet-stream', 'transfer-encoding': 'chunked' },
      });
      sending.on('error', () => undefined);
      sending.write(Buffer.alloc(bytes));
      if (breakOff) {
        while ((await stateOf(target)) !== 'RECEIVING') await sleep(20);
        sending.destroy();
        return 0;
      }
      sending.end();
      const [response] = await once(sending, 'response');
      response.resume();
      return response.statusCode as number;
    };
    expect(await chunked(3 * 2 ** 20)).toBe(400);
    expect(await chunked(5 * 2 ** 20)).toBe(400);
    await chunked(2 ** 20, true);
    while ((await stateOf(target)) === 'RECEIVING') await sleep(20);
    expect(await storedFiles(service.dataDirectory)).not.toContain(target.documentKey);
    expect(await chunked(4 * 2 ** 20)).toBe(201);
  });

  test('lets one of two PUTs at once win', async () => {
    const target = await newTarget(4 * 2 ** 20);
    const statuses = await Promise.all(
      [1, 2, 3, 4].map(async (fill) => (await send(target, Buffer.alloc(4 * 2 ** 20, fill))).status),
    );
    expect(statuses.filter((status) => status === 201)).toHaveLength(1);
    const { data } = await create(target.documentKey);
    const bytes = Buffer.from(
      await (await service.client.download(data?.createAttachment.attachment.url ?? '')).arrayBuffer(),
    );
    const winner = statuses.indexOf(201) + 1;
    expect(bytes.every((byte) => byte === winner)).toBe(true);
  });

  test('lets two attachments use one key; deleting one leaves the other whole, the last takes the bytes along', async () => {
    const content = randomBytes(2 ** 20);
    const target = await newTarget(content.length);
    await send(target, content);
    const first = (await create(target.documentKey)).data?.createAttachment.attachment;
    const second = (await create(target.documentKey, { fileName: 'again.bin' })).data?.createAttachment
      .attachment;
    expect(second?.id).not.toBe(first?.id);
    await service.client.ask(remove, { id: first?.id });
    const bytes = Buffer.from(await (await service.client.download(second?.url ?? '')).arrayBuffer());
    expect(bytes.equals(content)).toBe(true);
    await service.client.ask(remove, { id: second?.id });
    expect(await storedFiles(service.dataDirectory)).not.toContain(target.documentKey);
    expect((await create(target.documentKey)).errors?.[0]?.extensions.code).toBe('DOCUMENT_KEY_UNKNOWN');
  });

  test('knows no key but those of its own organization that a target has given out', async () => {
    const target = await newTarget(4);
    await send(target, Buffer.from('mine'));
    const foreigner = await newClient(service, { organizationId: uuidv7() });
    const uploaded = await service.client.upload({ content: 'x' });
    const keys = [
      target.documentKey.toUpperCase(),
      `../${target.documentKey}`,
      `${target.documentKey}/../${target.documentKey.split('/').at(-1)}`,
      target.documentKey.replace(/.$/, (last) => (last === '0' ? '1' : '0')),
      uploaded.documentKey,
      '',
      'x'.repeat(1_024),
      '/etc/passwd',
    ];
    const answers = await Promise.all([
      ...keys.map((key) => create(key)),
      create(target.documentKey, {}, foreigner),
    ]);
    expect(answers.map(({ errors }) => errors?.[0]?.extensions.code)).toEqual(
      answers.map(() => 'DOCUMENT_KEY_UNKNOWN'),
    );
  });

  test("is nobody else's until a record has claimed or linked it, finished or not", async () => {
    const colleague = await newClient(service);
    const target = await newTarget(4);
    const codesOf = async (...clients: Client[]) =>
      (await Promise.all(clients.map((client) => create(target.documentKey, {}, client)))).map(
        ({ errors }) => errors?.[0]?.extensions.code,
      );
    expect(await codesOf(colleague)).toEqual(['DOCUMENT_KEY_UNKNOWN']);
    await send(target, Buffer.from('mine'));
    expect(await codesOf(colleague)).toEqual(['DOCUMENT_KEY_UNKNOWN']);
    const made = (await create(target.documentKey)).data?.createAttachment.attachment;
    expect(await codesOf(colleague, service.client)).toEqual(['DOCUMENT_KEY_UNKNOWN', undefined]);
    await service.client.ask(
      'mutation ($input: ClaimAttachmentInput!) { claimAttachment(input: $input) { alreadyClaimed } }',
      { input: { attachmentId: made?.id, record: { type: 'Expense', id: '7' } } },
    );
    expect(await codesOf(colleague)).toEqual([undefined]);
    await service.client.ask(remove, { id: made?.id });
    const third = await newClient(service);
    // The colleague has one of its own over the same bytes, and the target is still whose it was.
    expect(await codesOf(third, colleague, service.client)).toEqual([
      'DOCUMENT_KEY_UNKNOWN',
      undefined,
      undefined,
    ]);
  });

  test('checks the token: altered, cut or made up ones are not found, and store nothing', async () => {
    const target = await newTarget(4);
    const before = await storedFiles(service.dataDirectory);
    const token = target.url.split('/').at(-1) ?? '';
    for (const bad of [
      token.slice(0, -1),
      `${token}A`,
      token.replace(/^./, 'f'),
      `${token}.x`,
      'a.b',
      '.',
      'x'.repeat(400),
      uuidv7(),
    ]) {
      const response = await fetch(target.url.replace(token, bad), {
        method: 'PUT',
        headers: { 'content-type': 'application/octet-stream' },
        body: 'evil',
      });
      expect([bad, response.status]).toEqual([bad, 404]);
    }
    expect(await storedFiles(service.dataDirectory)).toEqual(before);
  });

  test('names every fault of a target that cannot be', async () => {
    const answer = await service.client.graphql(createTarget, {
      input: { fileName: 'a/b', contentType: 'nonsense', size: 2 ** 40 },
    });
    expect(answer.errors?.[0]?.extensions.details.map(({ loc, type }) => [loc.join('.'), type])).toEqual([
      ['input.fileName', 'path'],
      ['input.contentType', 'invalid_media_type'],
      ['input.size', 'file_too_large'],
    ]);
    expect(answer.errors?.[0]?.extensions.limit).toBe(268_435_456);
  });
});
