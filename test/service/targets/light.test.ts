import { createHash, randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { type Answer, type AttachmentData, Client } from '../../support/client.js';
import { readPage } from '../../support/doc-page.js';
import { newClient } from '../../support/keys.js';
import { startService, type TestService } from '../../support/service.js';
import { sha256 } from '../../support/sha256.js';
import { storedFiles } from '../../support/stored-files.js';
import { claims, sign, secret as tokenSecret } from '../../system/auth/tokens.js';
import { gif, html, pdf } from '../../unit/content-types/real-files.js';
import { bytesOf, codeOf, dataOf, refusalOf, startAsOn } from '../recipes/recipe.js';

interface Target {
  documentKey: string;
  method: string;
  url: string;
  headers: { name: string; value: string }[];
  expiresAt: string;
}

type Registered = Answer<{ createAttachment: { attachment: AttachmentData & { digest: { hash: string } } } }>;

interface Listed {
  record: {
    attachments: { nodes: AttachmentData[]; pageInfo: { hasNextPage: boolean; endCursor: string | null } };
  };
}

const page = readPage('docs/moving/light.md');

/** Presign, put, register: every step as docs/moving/light.md has it. */
describe('Light', () => {
  let service: TestService;
  let now = Date.now();
  let nextExpense = 0;
  beforeAll(async () => {
    service = await startAsOn(page, {}, { clock: () => new Date(now) });
  });
  beforeEach(() => {
    now = Date.now();
  });
  afterAll(() => service.close());

  const newExpense = () => {
    nextExpense += 1;
    return { type: 'Expense', id: `expense-${nextExpense}` };
  };
  const uploadUrl = async (size: number, input: object = {}, client: Client = service.client) =>
    (
      await client.ask<{ createUploadTarget: { target: Target } }>(page.operation('UploadUrl'), {
        input: { fileName: 'receipt.pdf', contentType: 'application/pdf', size, ...input },
      })
    ).createUploadTarget.target;
  /** Sends the bytes as the target says; the client counts the length itself. */
  const put = ({ method, url, headers }: Target, body: Buffer) =>
    fetch(url, {
      method,
      headers: headers
        .filter(({ name }) => name !== 'Content-Length')
        .map(({ name, value }) => [name, value]),
      body: new Uint8Array(body),
    });
  const putNew = async (content: Buffer, input: object = {}) => {
    const target = await uploadUrl(content.length, input);
    expect((await put(target, content)).status).toBe(201);
    return target.documentKey;
  };
  const register = (
    documentKey: string,
    input: object = {},
    client: Client = service.client,
  ): Promise<Registered> =>
    client.graphql(page.operation('Register'), { input: { content: { documentKey }, ...input } });
  const registered = async (...given: Parameters<typeof register>) =>
    dataOf(await register(...given)).createAttachment.attachment;
  const list = async (id: string, after: string | null = null) =>
    (await service.client.ask<Listed>(page.operation('ByResource'), { id, after })).record.attachments;
  const remove = (id: string) => service.client.graphql(page.operation('Remove'), { id });

  test('an upload URL for (resource, name, type) comes with URL, key and headers', async () => {
    const { organizationId } = await service.client.upload({ content: 'x' });
    const target = await uploadUrl(pdf.length, { policy: 'receipts' });
    expect(target.documentKey).toMatch(
      new RegExp(`^\\d{4}-\\d\\d-\\d\\d/\\d\\d/${organizationId}/[0-9a-f-]{36}$`),
    );
    expect(target).toMatchObject({
      method: 'PUT',
      headers: [{ name: 'Content-Type', value: 'application/pdf' }],
    });
    expect(target.url.startsWith(`${service.url}/uploads/`)).toBe(true);
    expect(Date.parse(target.expiresAt) - now).toBe(15 * 60_000);
    const refused = await service.client.graphql(page.operation('UploadUrl'), {
      input: { fileName: 'a.gif', contentType: 'image/gif', size: 5_242_881, policy: 'receipts' },
    });
    expect(refusalOf(refused)?.details.map(({ type }) => type)).toEqual([
      'file_too_large',
      'content_type_not_allowed',
    ]);
  });

  describe('the PUT', () => {
    test('stores exactly these bytes', async () => {
      const content = Buffer.concat([pdf, randomBytes(4 * 2 ** 20)]);
      const { url } = await registered(await putNew(content), { record: newExpense() });
      expect((await bytesOf(service.client, url)).equals(content)).toBe(true);
    });

    test('is refused with another length, later than expiresAt, or with other bytes a second time', async () => {
      const target = await uploadUrl(pdf.length);
      expect((await put(target, pdf.subarray(1))).status).toBe(400);
      expect((await put(target, Buffer.concat([pdf, pdf]))).status).toBe(400);
      now = Date.parse(target.expiresAt);
      expect((await put(target, pdf)).status).toBe(404);
      expect(await storedFiles(service.dataDirectory)).not.toContain(target.documentKey);
      now -= 1;
      expect((await put(target, pdf)).status).toBe(201);
      expect((await put(target, Buffer.alloc(pdf.length))).status).toBe(400);
      expect((await put(target, pdf)).status).toBe(200);
    });
  });

  describe('create record', () => {
    test('answers id, companyId, resourceId, documentKey, fileName, contentType, createdBy, metadata, createdAt, updatedAt', async () => {
      const viewer = await service.client.ask<{
        viewer: { organizationId: string; principal: { id: string } };
      }>('{ viewer { organizationId principal { id } } }');
      const record = newExpense();
      const documentKey = await putNew(pdf);
      const metadata = { type: 'AR', attributes: { invoice: 7, lines: [{ net: 1.5 }] } };
      const attachment = await registered(documentKey, {
        record,
        fileName: 'Lunch.pdf',
        contentType: 'application/pdf',
        metadata,
      });
      expect(attachment).toEqual({
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        organizationId: viewer.viewer.organizationId,
        record: { type: record.type, recordId: record.id },
        documentKey,
        fileName: 'Lunch.pdf',
        contentType: 'application/pdf',
        createdBy: { id: viewer.viewer.principal.id },
        metadata,
        createdAt: new Date(now).toISOString(),
        updatedAt: new Date(now).toISOString(),
        size: pdf.length,
        digest: { hash: sha256(pdf) },
        url: `${service.url}/attachments/${attachment.id}/Lunch.pdf`,
      });
    });

    test('the object must exist and be finished (UPLOAD_NOT_FINISHED)', async () => {
      const { documentKey } = await uploadUrl(pdf.length);
      expect(codeOf(await register(documentKey))).toBe('UPLOAD_NOT_FINISHED');
    });

    test('the object must be ours (DOCUMENT_KEY_UNKNOWN)', async () => {
      const documentKey = await putNew(pdf);
      const foreigner = await newClient(service, { organizationId: uuidv7() });
      expect(codeOf(await register(documentKey, {}, foreigner))).toBe('DOCUMENT_KEY_UNKNOWN');
      const neverGiven = documentKey.replace(/[^/]+$/, uuidv7());
      expect(codeOf(await register(neverGiven))).toBe('DOCUMENT_KEY_UNKNOWN');
    });

    test('the object is re-hashed, re-sniffed and checked against policy like any other', async () => {
      const record = newExpense();
      const wrong = { algorithm: 'MD5', hash: createHash('md5').update(html).digest('hex') };
      expect(codeOf(await register(await putNew(pdf), { record, digest: wrong }))).toBe('DIGEST_MISMATCH');
      expect(codeOf(await register(await putNew(html), { record }))).toBe('CONTENT_TYPE_MISMATCH');
      // The name tells nothing here: the type that the upload URL was made for counts.
      expect(codeOf(await register(await putNew(html, { fileName: 'receipt' })))).toBe(
        'CONTENT_TYPE_MISMATCH',
      );
      const image = { fileName: 'photo.gif', contentType: 'image/gif' };
      const gifKey = await putNew(gif, image);
      expect(codeOf(await register(gifKey, { record }))).toBe('CONTENT_TYPE_NOT_ALLOWED');
      const large = await register(await putNew(Buffer.concat([pdf], 5_242_881)), { record });
      expect(refusalOf(large)).toMatchObject({ code: 'FILE_TOO_LARGE', limit: 5_242_880 });
      expect((await list(record.id)).nodes).toEqual([]);
      expect(await registered(gifKey)).toMatchObject(image);
    });

    test('tenant and creator come from the credential', async () => {
      const documentKey = await putNew(pdf);
      const colleague = await newClient(service);
      const [mine, theirs] = [
        await registered(documentKey, { record: newExpense() }),
        await registered(documentKey, { record: newExpense() }, colleague),
      ];
      expect(theirs.organizationId).toBe(mine.organizationId);
      expect(theirs.createdBy.id).not.toBe(mine.createdBy.id);
      const forged = await register(documentKey, { organizationId: uuidv7(), createdBy: mine.createdBy.id });
      expect(codeOf(forged)).toBe('BAD_USER_INPUT');
    });

    test('unknown metadata types are kept', async () => {
      const metadata = { type: 'Something.new/2', attributes: { deep: { er: [null, 1, 'ä'] } } };
      const { id } = await registered(await putNew(pdf), { metadata, record: newExpense() });
      const { attachment } = await service.client.ask<{ attachment: AttachmentData }>(
        'query ($id: ID!) { attachment(id: $id) { metadata { type attributes } } }',
        { id },
      );
      expect(attachment.metadata).toEqual(metadata);
    });
  });

  test('list by resource, in pages', async () => {
    const record = newExpense();
    const documentKey = await putNew(pdf);
    const ids: string[] = [];
    for (let count = 0; count < 51; count += 1) ids.push((await registered(documentKey, { record })).id);
    await registered(documentKey, { record: newExpense() });
    const first = await list(record.id);
    const second = await list(record.id, first.pageInfo.endCursor);
    expect([first.pageInfo.hasNextPage, second.pageInfo.hasNextPage]).toEqual([true, false]);
    expect([...first.nodes, ...second.nodes].map(({ id }) => id)).toEqual(ids.reverse());
  });

  test('fetch document, and the CORS preflight on its url and on the upload URL', async () => {
    const target = await uploadUrl(pdf.length);
    const { url } = await registered(await putNew(pdf), { record: newExpense() });
    for (const [address, method, header] of [
      [url, 'GET', 'authorization'],
      [target.url, 'PUT', 'content-type'],
    ] as const) {
      const origin = 'https://app.example';
      const preflight = await fetch(address, {
        method: 'OPTIONS',
        headers: {
          origin,
          'access-control-request-method': method,
          'access-control-request-headers': header,
        },
      });
      expect(preflight.status).toBe(204);
      expect(preflight.headers.get('access-control-allow-origin')).toBe('*');
      expect(preflight.headers.get('access-control-allow-methods')).toContain(method);
      expect(preflight.headers.get('access-control-allow-headers')).toContain(header);
    }
    const response = await service.client.download(url, { origin: 'https://app.example' });
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(Buffer.from(await response.arrayBuffer()).equals(pdf)).toBe(true);
  });

  test('the same documentKey used by two attachments survives the deletion of one', async () => {
    const record = newExpense();
    const documentKey = await putNew(pdf);
    const [first, second] = [
      await registered(documentKey, { record }),
      await registered(documentKey, { record }),
    ];
    expect((await remove(first.id)).data).toEqual({ deleteAttachment: { deletedAttachmentId: first.id } });
    expect((await list(record.id)).nodes.map(({ id }) => id)).toEqual([second.id]);
    expect((await bytesOf(service.client, second.url)).equals(pdf)).toBe(true);
  });

  test('delete with file', async () => {
    const record = newExpense();
    const documentKey = await putNew(pdf);
    const { id, url } = await registered(documentKey, { record });
    await remove(id);
    expect((await list(record.id)).nodes).toEqual([]);
    expect((await service.client.download(url)).status).toBe(404);
    expect(await storedFiles(service.dataDirectory)).not.toContain(documentKey);
    expect(codeOf(await remove(id))).toBe('NOT_FOUND');
  });

  test('Authorization: Basic <raw key>', async () => {
    const { url } = await registered(await putNew(pdf), { record: newExpense() });
    const withKey = (authorization: string) => fetch(url, { headers: { authorization } });
    expect((await withKey(`Basic ${service.key}`)).status).toBe(200);
    expect((await withKey(`Bearer ${service.key}`)).status).toBe(200);
    const refused = await withKey(`Basic ${service.key}x`);
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([
      401,
      'Bearer realm="claimcheck", Basic realm="claimcheck"',
    ]);
  });

  test('Bearer <JWT>: the token names tenant, creator and permissions', async () => {
    await using signed = await startService({ JWT_SECRET: tokenSecret, JWT_CREATE_ORGANIZATIONS: 'true' });
    const client = new Client(signed.url, await sign());
    const { organizationId, createdBy } = await client.upload({ content: 'x', name: 'x.txt' });
    expect([organizationId, createdBy.id, createdBy.kind]).toEqual(['org-a', 'ada', 'USER']);
    const reader = new Client(signed.url, await sign(claims({ permissions: ['attachments:read'] })));
    const refused = await reader.tryUpload({ content: 'x', name: 'x.txt' });
    expect([refused.status, codeOf(refused)]).toEqual([403, 'FORBIDDEN']);
  });
});
