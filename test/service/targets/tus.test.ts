import { createHash, randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { newClient } from '../../support/keys.js';
import { startService, type TestService } from '../../support/service.js';
import { sha256 } from '../../support/sha256.js';
import { storedFiles } from '../../support/stored-files.js';
import { attach, metadataOf, TusClient } from './tus-client.js';

const mebibyte = 1024 * 1024;

let now = Date.now();
let service: TestService;
let tus: TusClient;
beforeAll(async () => {
  service = await startService({ RESUMABLE_HOURS: '2' }, { clock: () => new Date(now) });
  tus = new TusClient(service, service.key);
});
beforeEach(() => {
  now = Date.now();
});
afterAll(() => service.close());

const keyOf = (headers: Headers) => headers.get('upload-document-key') ?? '';
const digest = (algorithm: string, bytes: Uint8Array) =>
  `${algorithm} ${createHash(algorithm).update(bytes).digest('base64')}`;

/** Files of an upload that are on their way. */
const unfinished = async (key: string) =>
  (await storedFiles(service.dataDirectory)).filter((name) => name.includes(`${key.slice(-36)}.growing`));

describe('core protocol', () => {
  test('an upload in three requests is whole, and makes an attachment as any other', async () => {
    const content = randomBytes(3 * mebibyte + 5);
    const url = await tus.create(content.length, {
      'upload-metadata': metadataOf({ filename: 'Rechnung März.bin', filetype: 'application/octet-stream' }),
    });
    for (const [from, to] of [
      [0, mebibyte],
      [mebibyte, 2 * mebibyte],
      [2 * mebibyte, content.length],
    ] as const) {
      expect(await tus.offset(url)).toBe(from);
      const { status, headers } = await tus.patch(url, from, content.subarray(from, to));
      expect([status, headers.get('upload-offset')]).toEqual([204, String(to)]);
    }
    const { status, headers } = await tus.head(url);
    expect([status, headers.get('upload-offset'), headers.get('upload-length')]).toEqual([
      200,
      String(content.length),
      String(content.length),
    ]);
    expect(await attach(service, keyOf(headers))).toMatchObject({
      fileName: 'Rechnung März.bin',
      size: content.length,
      sha256: { hash: sha256(content) },
      md5: { hash: createHash('md5').update(content).digest('hex') },
    });
    expect(await unfinished(keyOf(headers))).toEqual([]);
    expect((await tus.patch(url, content.length, '')).status).toBe(204);
    expect((await tus.patch(url, 0, 'x')).status).toBe(409);
  });

  test('every answer has Tus-Resumable, and a request without it, or of another version, is refused', async () => {
    const url = await tus.create(4);
    for (const version of ['', '0.2.2', '1.0']) {
      for (const method of ['HEAD', 'PATCH', 'DELETE']) {
        const { status, headers } = await tus.send(url, { method, headers: { 'tus-resumable': version } });
        expect([status, headers.get('tus-version'), headers.get('tus-resumable')]).toEqual([
          412,
          '1.0.0',
          '1.0.0',
        ]);
      }
      expect((await tus.post({ 'tus-resumable': version, 'upload-length': '1' })).status).toBe(412);
    }
    expect((await tus.head(url)).headers.get('tus-resumable')).toBe('1.0.0');
  });

  test('HEAD is not cached, and tells metadata as it was sent', async () => {
    const metadata = `filename ${Buffer.from('a.txt').toString('base64')},relativePath,verified dHJ1ZQ==`;
    const { headers } = await tus.head(await tus.create(4, { 'upload-metadata': metadata }));
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('upload-metadata')).toBe(metadata);
    expect(headers.get('upload-expires')).toBe(new Date(now + 2 * 3_600_000).toUTCString());
  });

  test('PATCH of another offset is refused with the true one, and stores nothing', async () => {
    const url = await tus.create(8);
    await tus.patch(url, 0, 'abcd');
    for (const offset of [0, 3, 5, 8]) {
      const { status, headers, fault } = await tus.patch(url, offset, 'xxxx');
      expect([status, headers.get('upload-offset'), fault]).toEqual([
        409,
        '4',
        'BAD_USER_INPUT offset_mismatch',
      ]);
    }
    expect(await tus.offset(url)).toBe(4);
  });

  test.each<[string, Record<string, string>, number, string]>([
    ['another content type', { 'content-type': 'text/plain' }, 415, 'BAD_USER_INPUT offset_stream'],
    ['no content type', { 'content-type': '' }, 415, 'BAD_USER_INPUT offset_stream'],
    ['no offset', { 'upload-offset': '' }, 400, 'BAD_USER_INPUT upload_offset'],
    ['a negative offset', { 'upload-offset': '-1' }, 400, 'BAD_USER_INPUT upload_offset'],
    ['an offset that is none', { 'upload-offset': '0x0' }, 400, 'BAD_USER_INPUT upload_offset'],
    ['another length', { 'upload-length': '9' }, 400, 'BAD_USER_INPUT upload_length'],
    ['an unknown checksum', { 'upload-checksum': 'crc32 AAAA' }, 400, 'BAD_USER_INPUT upload_checksum'],
    ['half a checksum', { 'upload-checksum': 'sha1 AAAA' }, 400, 'BAD_USER_INPUT upload_checksum'],
    ['an encoding', { 'content-encoding': 'gzip' }, 415, 'BAD_USER_INPUT content_encoding'],
  ])('PATCH with %s is refused, and stores nothing', async (_what, headers, status, fault) => {
    const url = await tus.create(8);
    const answer = await tus.patch(url, 0, 'abcd', headers);
    expect([answer.status, answer.fault]).toEqual([status, fault]);
    expect(await tus.offset(url)).toBe(0);
    expect((await tus.patch(url, 0, 'abcdefgh')).status).toBe(204);
  });

  test('more bytes than the upload has are refused', async () => {
    const url = await tus.create(8);
    const { status, fault } = await tus.patch(url, 0, 'abcdefghi');
    expect([status, fault]).toEqual([413, 'FILE_TOO_LARGE file_too_large']);
    expect(await tus.offset(url)).toBe(0);
  });

  test('a URL that no upload has ever had is 404, and that of one that has ended 410', async () => {
    const url = await tus.create(8);
    for (const method of ['HEAD', 'PATCH', 'DELETE'])
      expect((await tus.send(`${url}x`, { method })).status).toBe(404);
    expect((await tus.send(url, { method: 'DELETE' })).status).toBe(204);
    for (const method of ['HEAD', 'DELETE']) expect((await tus.send(url, { method })).status).toBe(410);
    const { status, fault } = await tus.patch(url, 0, 'x');
    expect([status, fault]).toEqual([410, 'NOT_FOUND upload_gone']);
  });

  test('OPTIONS tells version, extensions, the largest size and the checksums', async () => {
    const { status, headers } = await tus.send('/uploads', {
      method: 'OPTIONS',
      headers: { 'tus-resumable': '' },
    });
    expect(status).toBe(204);
    expect(headers.get('tus-version')).toBe('1.0.0');
    expect(headers.get('tus-max-size')).toBe('268435456');
    expect(headers.get('tus-checksum-algorithm')).toBe('sha256,sha1,md5');
    expect(headers.get('tus-extension')).toBe(
      'creation,creation-with-upload,creation-defer-length,expiration,termination,checksum,concatenation',
    );
  });

  test('X-HTTP-Method-Override stands for the method of a POST', async () => {
    const url = await tus.create(4);
    const override = (method: string) => ({ 'x-http-method-override': method, 'upload-offset': '0' });
    const sent = await tus.send(url, { method: 'POST', headers: override('PATCH'), body: 'abcd' });
    expect([sent.status, sent.headers.get('upload-offset')]).toEqual([204, '4']);
    expect((await tus.send(url, { method: 'POST', headers: override('GET') })).status).toBe(405);
    expect((await tus.send(url, { method: 'POST', headers: override('delete') })).status).toBe(204);
    expect((await tus.head(url)).status).toBe(410);
  });
});

describe('creation', () => {
  test('the answer has the URL, the document key and the expiry', async () => {
    const { status, headers } = await tus.post({ 'upload-length': '4' });
    expect(status).toBe(201);
    expect(headers.get('location')).toMatch(new RegExp(`^${service.url}/uploads/[\\w.-]+$`));
    expect(headers.get('upload-offset')).toBe('0');
    expect(headers.get('upload-expires')).toBe(new Date(now + 2 * 3_600_000).toUTCString());
    expect(await attach(service, keyOf(headers))).toBe('UPLOAD_NOT_FINISHED');
  });

  test.each<[string, Record<string, string>, number, string]>([
    ['no length', {}, 400, 'BAD_USER_INPUT upload_length'],
    ['a negative length', { 'upload-length': '-4' }, 400, 'BAD_USER_INPUT upload_length'],
    ['a huge length', { 'upload-length': '9'.repeat(17) }, 400, 'BAD_USER_INPUT upload_length'],
    [
      'two lengths',
      { 'upload-length': '4', 'upload-defer-length': '1' },
      400,
      'BAD_USER_INPUT upload_length',
    ],
    ['another deferral', { 'upload-defer-length': '2' }, 400, 'BAD_USER_INPUT upload_length'],
    ['too large a length', { 'upload-length': '268435457' }, 413, 'FILE_TOO_LARGE file_too_large'],
    ['no name', { 'upload-length': '4', 'upload-metadata': '' }, 400, 'INVALID_FILE_NAME empty'],
    [
      'a path for a name',
      { 'upload-length': '4', 'upload-metadata': metadataOf({ filename: '../x' }) },
      400,
      'INVALID_FILE_NAME path',
    ],
    [
      'metadata that is no base64',
      { 'upload-length': '4', 'upload-metadata': 'filename a,b' },
      400,
      'BAD_USER_INPUT upload_metadata',
    ],
    [
      'metadata that is no UTF-8',
      { 'upload-length': '4', 'upload-metadata': 'filename /w==' },
      400,
      'BAD_USER_INPUT upload_metadata',
    ],
    [
      'a key twice',
      { 'upload-length': '4', 'upload-metadata': 'filename YQ==,filename Yg==' },
      400,
      'BAD_USER_INPUT upload_metadata',
    ],
    [
      'long metadata',
      { 'upload-length': '4', 'upload-metadata': `filename ${'YQ'.repeat(2_100)}` },
      400,
      'BAD_USER_INPUT upload_metadata',
    ],
    [
      'no such policy',
      { 'upload-length': '4', 'upload-metadata': metadataOf({ filename: 'a.txt', policy: 'none' }) },
      400,
      'BAD_USER_INPUT unknown_policy',
    ],
    [
      'a type that the policy refuses',
      {
        'upload-length': '4',
        'upload-metadata': metadataOf({
          filename: 'a.exe',
          filetype: 'application/x-msdownload',
          policy: 'calendar',
        }),
      },
      415,
      'CONTENT_TYPE_NOT_ALLOWED content_type_not_allowed',
    ],
    [
      'no known concatenation',
      { 'upload-length': '4', 'upload-concat': 'whole' },
      400,
      'BAD_USER_INPUT upload_concat',
    ],
  ])('with %s is refused', async (_what, headers, status, fault) => {
    const answer = await tus.post(headers);
    expect([answer.status, answer.fault]).toEqual([status, fault]);
  });

  test.each<[string, Record<string, string>]>([
    ['filename', {}],
    ['filetype', { filename: 'a.txt', filetype: 'text' }],
    ['policy', { filename: 'a.txt', policy: 'none' }],
  ])('names the key of the metadata that is wrong: %s', async (key, metadata) => {
    const { place } = await tus.post({ 'upload-length': '4', 'upload-metadata': metadataOf(metadata) });
    expect(place).toBe(`headers.upload-metadata.${key}`);
  });

  test('with a type that claims nothing leaves it to the bytes, whatever a policy accepts', async () => {
    const metadata = { filename: 'a.pdf', filetype: 'application/octet-stream', policy: 'calendar' };
    const url = await tus.create(9, { 'upload-metadata': metadataOf(metadata) });
    const { status, headers } = await tus.patch(url, 0, '%PDF-1.7\n');
    expect(status).toBe(204);
    expect(await attach(service, keyOf(headers))).toMatchObject({ contentType: 'application/pdf' });
  });

  test('with bytes stores them, and answers with the offset', async () => {
    const { status, headers } = await tus.post({ 'upload-length': '8' }, 'abcd');
    expect([status, headers.get('upload-offset')]).toEqual([201, '4']);
    await tus.patch(headers.get('location') ?? '', 4, 'efgh');
    expect(await attach(service, keyOf(headers))).toMatchObject({
      sha256: { hash: sha256(Buffer.from('abcdefgh')) },
    });
    const whole = await tus.post({ 'upload-length': '4' }, 'abcd');
    expect([whole.status, whole.headers.get('upload-offset')]).toEqual([201, '4']);
    const wrong = await tus.post({ 'upload-length': '4', 'content-type': 'text/plain' }, 'abcd');
    expect([wrong.status, wrong.fault]).toEqual([415, 'BAD_USER_INPUT offset_stream']);
    const unknown = await tus.post({ 'upload-length': '4', 'upload-checksum': 'crc32 AAAA' }, 'abcd');
    expect([unknown.status, unknown.headers.has('location')]).toEqual([400, false]);
    const empty = await tus.post({ 'upload-length': '0', 'upload-checksum': 'crc32 AAAA' });
    expect([empty.status, empty.headers.has('location')]).toEqual([400, false]);
  });

  test('with no bytes at all is finished at once', async () => {
    const { status, headers } = await tus.post({ 'upload-length': '0' });
    expect([status, headers.get('upload-offset')]).toEqual([201, '0']);
    expect(await attach(service, keyOf(headers))).toMatchObject({
      size: 0,
      sha256: { hash: sha256(Buffer.of()) },
    });
  });

  test('too large a length is a fault of its header', async () => {
    const { status, place } = await tus.post({ 'upload-length': '268435457' });
    expect([status, place]).toEqual([413, 'headers.upload-length']);
  });

  test('without a length takes bytes until a request says it', async () => {
    const { headers } = await tus.post({ 'upload-defer-length': '1' });
    const url = headers.get('location') ?? '';
    expect((await tus.head(url)).headers.get('upload-defer-length')).toBe('1');
    await tus.patch(url, 0, 'abcd');
    const early = await tus.patch(url, 4, 'e', { 'upload-length': '3' });
    expect([early.status, early.fault]).toEqual([400, 'BAD_USER_INPUT upload_length']);
    const large = await tus.patch(url, 4, 'e', { 'upload-length': '268435457' });
    expect([large.status, large.fault]).toEqual([413, 'FILE_TOO_LARGE file_too_large']);
    expect(large.place).toBe('headers.upload-length');
    expect((await tus.patch(url, 4, 'ef', { 'upload-length': '6' })).status).toBe(204);
    const told = (await tus.head(url)).headers;
    expect([told.get('upload-length'), told.get('upload-defer-length')]).toEqual(['6', null]);
    expect(await attach(service, keyOf(headers))).toMatchObject({ size: 6, fileName: 'data.bin' });
  });
});

describe('checksum', () => {
  test.each(['sha256', 'sha1', 'md5'])(
    '%s that is right is taken, and one that is wrong is 460 and leaves nothing',
    async (algorithm) => {
      const content = randomBytes(2 * mebibyte);
      const [first, second] = [content.subarray(0, mebibyte), content.subarray(mebibyte)];
      const url = await tus.create(content.length);
      expect((await tus.patch(url, 0, first, { 'upload-checksum': digest(algorithm, first) })).status).toBe(
        204,
      );
      const wrong = await tus.patch(url, mebibyte, second, { 'upload-checksum': digest(algorithm, first) });
      expect([wrong.status, wrong.fault, wrong.headers.get('upload-offset')]).toEqual([
        460,
        'DIGEST_MISMATCH checksum_mismatch',
        String(mebibyte),
      ]);
      expect(await tus.offset(url)).toBe(mebibyte);
      const { headers } = await tus.patch(url, mebibyte, second, {
        'upload-checksum': digest(algorithm, second),
      });
      expect(await attach(service, keyOf(headers))).toMatchObject({ sha256: { hash: sha256(content) } });
    },
  );

  test('bytes that do not count take no room, however often they come', async () => {
    const { headers } = await tus.post({ 'upload-defer-length': '1' });
    const [url, key] = [headers.get('location') ?? '', keyOf(headers)];
    const sendWrong = async (offset: number) => {
      const wrong = { 'upload-checksum': digest('sha1', Buffer.of()) };
      expect((await tus.patch(url, offset, randomBytes(mebibyte), wrong)).status).toBe(460);
    };
    for (let time = 0; time < 3; time += 1) await sendWrong(0);
    expect(await unfinished(key)).toEqual([]);
    expect((await tus.patch(url, 0, 'abcd')).status).toBe(204);
    for (let time = 0; time < 3; time += 1) await sendWrong(4);
    const files = await unfinished(key);
    expect(files).toHaveLength(1);
    expect((await stat(join(service.dataDirectory, 'files', files[0] ?? ''))).size).toBe(4);
    expect((await tus.patch(url, 4, 'efgh', { 'upload-length': '8' })).status).toBe(204);
    expect(await attach(service, key)).toMatchObject({ sha256: { hash: sha256(Buffer.from('abcdefgh')) } });
  });
});

describe('expiration', () => {
  test('an unfinished upload ends so long after its last byte; a finished one stays', async () => {
    const url = await tus.create(8);
    const done = await tus.create(4);
    const { headers } = await tus.patch(done, 0, 'abcd');
    expect(headers.get('upload-expires')).toBeNull();
    now += 2 * 3_600_000 - 1;
    const later = await tus.patch(url, 0, 'abcd');
    expect(later.headers.get('upload-expires')).toBe(new Date(now + 2 * 3_600_000).toUTCString());
    now += 2 * 3_600_000 - 1;
    expect(await tus.offset(url)).toBe(4);
    now += 1;
    expect([(await tus.head(url)).status, (await tus.patch(url, 4, 'efgh')).status]).toEqual([410, 410]);
    expect(await attach(service, keyOf(headers))).toMatchObject({ size: 4 });
  });
});

describe('termination', () => {
  test('removes what has come; not what an attachment uses', async () => {
    const url = await tus.create(mebibyte);
    const key = keyOf((await tus.patch(url, 0, 'abcd')).headers);
    expect(await unfinished(key)).toHaveLength(1);
    await tus.send(url, { method: 'DELETE' });
    expect(await unfinished(key)).toEqual([]);
    const { headers } = await tus.post({ 'upload-length': '4' }, 'abcd');
    const attachment = await attach(service, keyOf(headers));
    expect((await tus.send(headers.get('location') ?? '', { method: 'DELETE' })).status).toBe(410);
    const { url: file } = attachment as { url: string };
    expect(await (await service.client.download(file)).text()).toBe('abcd');
  });
});

describe('concatenation', () => {
  const newPart = async (content: string) => {
    const { headers } = await tus.post({
      'upload-length': '4',
      'upload-concat': 'partial',
      'upload-metadata': '',
    });
    const url = headers.get('location') ?? '';
    if (content !== '') await tus.patch(url, 0, content);
    return { url, key: keyOf(headers) };
  };

  test('makes one upload of partial ones, by URL or path', async () => {
    const [one, two] = [await newPart('abcd'), await newPart('efgh')];
    expect((await tus.head(one.url)).headers.get('upload-concat')).toBe('partial');
    const concat = `final;${one.url} ${new URL(two.url).pathname}`;
    const { status, headers } = await tus.post({ 'upload-concat': concat });
    expect(status).toBe(201);
    const told = (await tus.head(headers.get('location') ?? '')).headers;
    expect(['upload-concat', 'upload-offset', 'upload-length'].map((name) => told.get(name))).toEqual([
      concat,
      '8',
      '8',
    ]);
    expect(await attach(service, keyOf(headers))).toMatchObject({
      fileName: 'data.bin',
      sha256: { hash: sha256(Buffer.from('abcdefgh')) },
    });
    const patched = await tus.patch(headers.get('location') ?? '', 8, '');
    expect([patched.status, patched.fault]).toEqual([403, 'FORBIDDEN upload_is_final']);
    const brought = await tus.post({ 'upload-concat': concat }, 'more');
    expect([brought.status, brought.fault]).toEqual([403, 'FORBIDDEN upload_is_final']);
    expect(await attach(service, one.key)).toBe('DOCUMENT_KEY_UNKNOWN');
  });

  test('tells of a part that is terminated meanwhile, or has its bytes', async () => {
    for (let round = 0; round < 12; round += 1) {
      const headers = { 'upload-length': '200000', 'upload-concat': 'partial' };
      const bytes = randomBytes(200_000);
      const part = await tus.post(headers, bytes);
      const url = part.headers.get('location') ?? '';
      const [final] = await Promise.all([
        tus.post({ 'upload-concat': `final;${url} ${url}` }),
        tus.send(url, { method: 'DELETE' }),
      ]);
      const answer = `${final.status} ${final.fault}`;
      expect(['201 null', '400 BAD_USER_INPUT upload_concat']).toContain(answer);
      if (final.status !== 201) continue;
      expect(await attach(service, keyOf(final.headers))).toMatchObject({
        sha256: { hash: sha256(Buffer.concat([bytes, bytes])) },
      });
    }
  });

  test('takes none that is unfinished, unknown, whole in itself, or of somebody else', async () => {
    const [one, open] = [await newPart('abcd'), await newPart('')];
    const unfinishedPart = await tus.post({ 'upload-concat': `final;${one.url} ${open.url}` });
    expect([unfinishedPart.status, unfinishedPart.fault]).toEqual([
      409,
      'UPLOAD_NOT_FINISHED upload_not_finished',
    ]);
    const whole = (await tus.post({ 'upload-length': '4' }, 'abcd')).headers.get('location') ?? '';
    const colleague = new TusClient(service, (await newClient(service)).key);
    for (const [client, urls] of [
      [tus, `${one.url} ${whole}`],
      [tus, `${one.url}x`],
      [tus, ''],
      [colleague, one.url],
    ] as const) {
      const { status, fault } = await client.post({ 'upload-concat': `final;${urls}` });
      expect([status, fault]).toEqual([400, 'BAD_USER_INPUT upload_concat']);
    }
  });
});
