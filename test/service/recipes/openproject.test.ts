import { createHash, randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import type { Answer, AttachmentData, Client, FileToUpload } from '../../support/client.js';
import { readPage } from '../../support/doc-page.js';
import { newClient } from '../../support/keys.js';
import { formBody, formHeaders, graphqlForm, RawConnection, requestHead } from '../../support/raw-http.js';
import { report } from '../../support/report.js';
import { randomKey, type TestService } from '../../support/service.js';
import { storedFiles } from '../../support/stored-files.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { exe, gif, pdf, png } from '../../unit/content-types/real-files.js';
import { bytesOf, codeOf, dataOf, refusalOf, startAsOn, untilStored } from './recipe.js';

interface Uploaded {
  createAttachment: {
    attachment: AttachmentData & { digest: { algorithm: string; hash: string }; downloadUrl: string };
  };
}

interface Claimed {
  claimAttachment: { alreadyClaimed: boolean; attachment: AttachmentData };
}

const page = readPage('docs/moving/openproject.md');
const limit = 5_242_880;

const tryUpload = (client: Client, file: FileToUpload, variables: object = {}): Promise<Answer<Uploaded>> =>
  client.multipart({ query: page.operation('Upload'), variables: { file: null, ...variables } }, [file], {
    0: ['variables.file'],
  });
const upload = async (...given: Parameters<typeof tryUpload>) =>
  dataOf(await tryUpload(...given)).createAttachment.attachment;
const claim = (client: Client, id: string, workPackage: string): Promise<Answer<Claimed>> =>
  client.graphql(page.operation('Claim'), { id, workPackage });
const one = async (client: Client, id: string) =>
  (await client.ask<{ attachment: AttachmentData | null }>(page.operation('One'), { id })).attachment;

/** Containerless upload, later claim: every step as docs/moving/openproject.md has it. */
describe('OpenProject', () => {
  let service: TestService;
  let client: Client;
  beforeAll(async () => {
    service = await startAsOn(page);
    client = service.client;
  });
  afterAll(() => service.close());

  const list = async (id: string) =>
    (
      await client.ask<{ record: { attachments: { nodes: AttachmentData[] } } }>(
        page.operation('OfWorkPackage'),
        { id },
      )
    ).record.attachments.nodes;

  describe('two parts, metadata and file', () => {
    test("metadata's fileName wins; answer carries author, null container, md5, size, status", async () => {
      const { viewer } = await client.ask<{ viewer: { principal: { id: string; name: string } } }>(
        '{ viewer { principal { id name } } }',
      );
      const attachment = await upload(
        client,
        { content: pdf, name: '../ignored.bin', type: 'application/octet-stream' },
        { fileName: 'Minutes.pdf', description: 'Of *Monday*' },
      );
      expect(attachment).toEqual({
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        fileName: 'Minutes.pdf',
        size: pdf.length,
        contentType: 'application/pdf',
        status: 'APPROVED',
        createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z$/),
        createdBy: viewer.principal,
        record: null,
        description: { format: 'MARKDOWN', raw: 'Of *Monday*', html: '<p>Of <em>Monday</em></p>' },
        digest: { algorithm: 'MD5', hash: createHash('md5').update(pdf).digest('hex') },
        url: `${service.url}/attachments/${attachment.id}/Minutes.pdf`,
        downloadUrl: expect.stringContaining(`/attachments/${attachment.id}/Minutes.pdf?`),
        expiresAt: new Date(Date.parse(attachment.createdAt) + 180 * 60_000).toISOString(),
      });
    });

    test('html is sanitized', async () => {
      const raw =
        '**b** <script>alert(1)</script> <img src=x onerror=alert(2)> [x](javascript:alert(3)) <b onclick=1>c</b>';
      const { description } = await upload(client, { content: pdf, name: 'a.pdf' }, { description: raw });
      expect(description?.raw).toBe(raw);
      expect(description?.html).toContain('<strong>b</strong>');
      expect(description?.html).not.toMatch(/script|onerror|onclick|<img|<b/);
    });

    test('at once for a work package that is there already', async () => {
      const record = { type: 'WorkPackage', id: 'there' };
      const attachment = await upload(client, { content: pdf, name: 'a.pdf' }, { record });
      expect(attachment).toMatchObject({
        record: { type: 'WorkPackage', recordId: 'there' },
        expiresAt: null,
      });
      expect((await list('there')).map(({ id }) => id)).toEqual([attachment.id]);
    });
  });

  describe('claim on a later request', () => {
    test('only the uploader: for anybody else the attachment does not exist (NOT_FOUND)', async () => {
      const { id, url } = await upload(client, { content: pdf, name: 'a.pdf' });
      const colleague = await newClient(service);
      const [hidden, absent] = [await claim(colleague, id, '1'), await claim(colleague, uuidv7(), '1')];
      expect(codeOf(hidden)).toBe('NOT_FOUND');
      expect(hidden.errors).toEqual(absent.errors);
      expect(await one(colleague, id)).toBeNull();
      expect((await colleague.download(url)).status).toBe(404);
      const claimed = await claim(client, id, 'own');
      expect(claimed.data?.claimAttachment).toMatchObject({
        alreadyClaimed: false,
        attachment: { id, expiresAt: null, record: { type: 'WorkPackage', recordId: 'own' } },
      });
      expect((await list('own')).map((listed) => listed.id)).toEqual([id]);
    });

    test('a second record: ALREADY_CLAIMED, nothing written', async () => {
      const { id } = await upload(client, { content: pdf, name: 'a.pdf' });
      await claim(client, id, 'first');
      const before = await one(client, id);
      expect(codeOf(await claim(client, id, 'second'))).toBe('ALREADY_CLAIMED');
      expect(await one(client, id)).toEqual(before);
      expect(await list('second')).toEqual([]);
    });

    test('the same record again: success, alreadyClaimed: true', async () => {
      const { id } = await upload(client, { content: pdf, name: 'a.pdf' });
      const first = await claim(client, id, 'again');
      const second = await claim(client, id, 'again');
      expect(second.data?.claimAttachment).toEqual({ ...first.data?.claimAttachment, alreadyClaimed: true });
    });

    test('claims at once by different records: exactly one wins', async () => {
      const { id } = await upload(client, { content: pdf, name: 'a.pdf' });
      const answers = await Promise.all(
        Array.from({ length: 10 }, (_, index) => claim(client, id, `race-${index}`)),
      );
      const lost = answers.filter((answer) => codeOf(answer) === 'ALREADY_CLAIMED');
      const [won, ...others] = answers.filter(({ errors }) => errors === undefined);
      expect([lost.length, others.length]).toEqual([9, 0]);
      expect((await one(client, id))?.record).toEqual(won?.data?.claimAttachment.attachment.record);
    });
  });

  test('staticDownloadLocation, downloadLocation: url with the credential, downloadUrl without', async () => {
    const { url, downloadUrl } = await upload(client, { content: new Uint8Array(png), name: 'a.png' });
    expect((await bytesOf(client, url)).equals(png)).toBe(true);
    expect((await fetch(url)).status).toBe(401);
    const response = await fetch(downloadUrl);
    expect(Buffer.from(await response.arrayBuffer()).equals(png)).toBe(true);
  });

  test('delete, after which there is neither attachment nor file', async () => {
    const { id, url } = await upload(client, { content: pdf, name: 'a.pdf' });
    await client.ask(page.operation('Remove'), { id });
    expect(await one(client, id)).toBeNull();
    expect((await client.download(url)).status).toBe(404);
    expect(codeOf(await client.graphql(page.operation('Remove'), { id }))).toBe('NOT_FOUND');
  });

  describe('refusals', () => {
    test('400 unreadable body: INVALID_MULTIPART', async () => {
      const response = await fetch(`${service.url}/graphql`, {
        method: 'POST',
        headers: {
          ...client.headers,
          'apollo-require-preflight': 'true',
          'content-type': 'multipart/form-data; boundary=x',
        },
        body: 'this is no form',
      });
      const { errors } = (await response.json()) as { errors: { extensions: { code: string } }[] };
      expect([response.status, errors[0]?.extensions.code]).toEqual([400, 'INVALID_MULTIPART']);
    });

    test('403 no permission: FORBIDDEN; permission is checked before a byte is stored', async () => {
      const reader = await newClient(service, { permissions: ['attachments:read'] });
      const before = await storedFiles(service.dataDirectory);
      const connection = await RawConnection.open(service.url);
      const operations = { query: page.operation('Upload'), variables: { file: null } };
      const content = randomBytes(4 * 2 ** 20);
      const body = formBody(graphqlForm(operations, { 0: ['variables.file'] }, [{ content }]));
      const headers = { Authorization: `Bearer ${reader.key}`, 'Apollo-Require-Preflight': 'true' };
      await connection.send(requestHead('/graphql', { ...formHeaders(body.length), ...headers }));
      await connection.send(body.subarray(0, body.length / 2));
      const response = await connection.response();
      expect([response.status, JSON.parse(response.body).errors[0].extensions.code]).toEqual([
        403,
        'FORBIDDEN',
      ]);
      expect(await storedFiles(service.dataDirectory)).toEqual(before);
      connection.destroy();
    });

    test('404 not there or not visible: NOT_FOUND', async () => {
      expect(codeOf(await claim(client, uuidv7(), '1'))).toBe('NOT_FOUND');
      expect(await one(client, uuidv7())).toBeNull();
    });

    test('422 too large, with the limit in bytes: FILE_TOO_LARGE + limit 5,242,880', async () => {
      const exact = await upload(client, { content: Buffer.alloc(limit, 'x'), name: 'a.txt' });
      expect(exact.size).toBe(limit);
      const before = await storedFiles(service.dataDirectory);
      const over = await tryUpload(client, { content: Buffer.alloc(limit + 1, 'x'), name: 'a.txt' });
      expect(refusalOf(over)).toMatchObject({ code: 'FILE_TOO_LARGE', limit });
      expect(await storedFiles(service.dataDirectory)).toEqual(before);
    });

    test.each(['', ' ', '...', 'a/b.pdf'])(
      '422 no name, or one like %j: INVALID_FILE_NAME',
      async (fileName) => {
        const answer = await tryUpload(client, { content: pdf, name: 'a.pdf' }, { fileName });
        expect(refusalOf(answer)).toMatchObject({
          code: 'INVALID_FILE_NAME',
          details: [{ loc: ['input', 'fileName'] }],
        });
      },
    );

    test.each([
      ['a type that is not listed', gif, 'a.gif', 'CONTENT_TYPE_NOT_ALLOWED'],
      ['an extension that is not listed', Buffer.from('x = 1\n'), 'a.py', 'CONTENT_TYPE_NOT_ALLOWED'],
      ['a program under a listed extension', new Uint8Array(exe), 'a.pdf', 'CONTENT_TYPE_MISMATCH'],
    ])('allowlist by type or extension: %s', async (_what, content, name, code) => {
      expect(codeOf(await tryUpload(client, { content, name }))).toBe(code);
    });
  });
});

describe('OpenProject: unclaimed purged after 180 minutes', () => {
  let directory: string;
  let now: number;
  const startedAt = Date.now();
  const key = randomKey();
  const start = () =>
    startAsOn(page, { DATA_DIR: directory, BOOTSTRAP_API_KEY: key }, { clock: () => new Date(now) });
  beforeEach(async () => {
    directory = await makeTemporaryDirectory();
    now = startedAt;
  });
  afterEach(() => rm(directory, { recursive: true }));

  test('and not earlier; what was claimed stays', async () => {
    const kept = await (async () => {
      await using service = await start();
      await upload(service.client, { content: 'forgotten', name: 'a.txt' });
      const { id, url } = await upload(service.client, { content: 'kept', name: 'b.txt' });
      await claim(service.client, id, '1');
      return { id, path: new URL(url).pathname };
    })();
    now += 180 * 60_000 - 1;
    {
      await using service = await start();
      await sleep(500);
      expect(await storedFiles(directory)).toHaveLength(2);
      expect((await one(service.client, kept.id))?.expiresAt).toBeNull();
    }
    now += 2;
    await using service = await start();
    expect(await untilStored(directory, 1)).toHaveLength(1);
    expect((await bytesOf(service.client, kept.path)).toString()).toBe('kept');
  });

  test('a claim and the purge never race to both succeed', async () => {
    const count = 60;
    const ids: string[] = [];
    {
      await using service = await start();
      for (let index = 0; index < count; index += 1) {
        ids.push((await upload(service.client, { content: `${index}`, name: 'a.txt' })).id);
      }
    }
    now += 181 * 60_000;
    await using service = await start();
    const { client } = service;
    // The purge takes the oldest first; the claims come towards it, four at a time.
    const waiting = [...ids];
    const claimFromTheEnd = async () => {
      const answers: Answer<Claimed>[] = [];
      for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
        answers.push(await claim(client, id, id));
      }
      return answers;
    };
    const answers = (await Promise.all([1, 2, 3, 4].map(claimFromTheEnd))).flat();
    const claimed = answers.flatMap(({ data }) => data?.claimAttachment?.attachment.id ?? []);
    const refused = answers.flatMap((answer) => codeOf(answer) ?? []);
    report(`${count} expired: ${claimed.length} claimed, ${refused.length} purged`);
    expect(new Set(refused)).toEqual(new Set(refused.length > 0 ? ['NOT_FOUND'] : []));
    expect(claimed.length + refused.length).toBe(count);
    expect(await untilStored(directory, claimed.length)).toHaveLength(claimed.length);
    for (const id of ids) {
      const left = await one(client, id);
      expect(left !== null).toBe(claimed.includes(id));
      if (left) expect((await bytesOf(client, left.url)).toString()).toBe(`${ids.indexOf(id)}`);
    }
  });
});
