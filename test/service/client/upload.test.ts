import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Claimcheck } from '../../../src/client/claimcheck.js';
import { createClaimcheck } from '../../../src/client/node.js';
import { oneRequestBytes, type UploadOptions } from '../../../src/client/upload.js';
import { answer, startFront, type Treatment } from '../../support/front.js';
import { until } from '../../support/jobs-contract.js';
import { startService, type TestService } from '../../support/service.js';
import { sha256 } from '../../support/sha256.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

const large = randomBytes(oneRequestBytes + 3_000_000);
const record = { type: 'WorkPackage', id: '7' };

let service: TestService;
let folder: string;
beforeAll(async () => {
  service = await startService();
  folder = await makeTemporaryDirectory();
});
afterAll(async () => {
  await service.close();
  await rm(folder, { recursive: true });
});

const connect = (url = service.url) => createClaimcheck({ url, credential: service.key });
const lost: Treatment = 'lose answer';
const count = async (fileName: string) => {
  const query = 'query ($filter: AttachmentFilter) { attachments(filter: $filter) { totalCount } }';
  const filter = { fileNameContains: fileName };
  const data = await service.client.ask<{ attachments: { totalCount: number } }>(query, { filter });
  return data.attachments.totalCount;
};

async function fileOf(name: string, content: string | Buffer): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

test('a path goes up, is claimed and linked, and comes back', async () => {
  const claimcheck = connect();
  const path = await fileOf('Bericht März.txt', 'Hello');
  const attachment = await claimcheck.upload(path, { record, field: 'files', description: '**x**' });
  expect(attachment).toMatchObject({
    fileName: 'Bericht März.txt',
    size: 5,
    sha256: sha256('Hello'),
    contentType: 'text/plain',
    record,
    description: { raw: '**x**', format: 'MARKDOWN' },
  });
  const { links } = await claimcheck.field(record, 'files');
  expect(links).toMatchObject([{ position: 0, attachment: { id: attachment.id } }]);
  expect(await (await claimcheck.download(attachment.id)).text()).toBe('Hello');
});

test('a File keeps its name, and a Blob gets the one it is given', async () => {
  const claimcheck = connect();
  expect(await claimcheck.upload(new File(['a'], 'ä.txt'))).toMatchObject({ fileName: 'ä.txt', size: 1 });
  expect(await claimcheck.upload(new Blob(['ab']), { fileName: 'b.txt' })).toMatchObject({
    fileName: 'b.txt',
  });
  expect(await claimcheck.upload(new Blob([]))).toMatchObject({ fileName: 'file', size: 0 });
});

test.each([
  ['path', async () => fileOf('large.bin', large)],
  ['Blob', async () => new File([large], 'large.bin')],
])('a large %s goes by tus, and its progress is told to the end', async (kind, make) => {
  await using front = await startFront(service.url, () => 'pass');
  const told: { sent: number; total: number }[] = [];
  const onProgress = (progress: { sent: number; total: number }) => told.push(progress);
  const attachment = await connect(front.url).upload(await make(), { onProgress });
  expect(attachment).toMatchObject({ fileName: 'large.bin', size: large.length, sha256: sha256(large) });
  expect(told.length).toBeGreaterThanOrEqual(kind === 'path' ? 5 : 2);
  expect(told).toEqual(told.toSorted((one, other) => one.sent - other.sent));
  expect(told[0]).toEqual({ sent: 0, total: large.length });
  expect(told.at(-1)).toEqual({ sent: large.length, total: large.length });
  // The target's URL is the service's own.
  expect(front.requests).toEqual(['POST /graphql', 'POST /graphql']);
});

test('one key makes one attachment, and other content under it is refused', async () => {
  const claimcheck = connect();
  const options = { fileName: 'once.txt', idempotencyKey: 'once' };
  const [first, again] = [
    await claimcheck.upload(new Blob(['a']), options),
    await claimcheck.upload(new Blob(['a']), options),
  ];
  expect(again.id).toBe(first.id);
  await expect(claimcheck.upload(new Blob(['b']), options)).rejects.toMatchObject({
    code: 'IDEMPOTENCY_CONFLICT',
    retryable: false,
    details: [{ loc: ['input', 'idempotencyKey'], type: 'idempotency_conflict' }],
  });
});

test('a refusal has its code, each detail and the limit', async () => {
  const claimcheck = connect();
  const refused = claimcheck.upload(new Blob(['x']), { fileName: 'con.txt', policy: 'none such' });
  await expect(refused).rejects.toMatchObject({
    name: 'ClaimcheckError',
    code: 'INVALID_FILE_NAME',
    details: [{ loc: ['input', 'fileName'], type: 'reserved_name' }, { type: 'unknown_policy' }],
  });
  const unknown = createClaimcheck({ url: service.url, credential: 'cck_unknown' });
  await expect(unknown.upload(new Blob(['x']))).rejects.toMatchObject({
    code: 'UNAUTHENTICATED',
    status: 401,
  });
  await expect(claimcheck.upload(join(folder, 'nowhere'))).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(claimcheck.upload(folder)).rejects.toThrow('is no file');
});

test('an upload whose answer is lost is repeated, and makes one attachment', async () => {
  await using front = await startFront(service.url, (_path, index) => (index < 2 ? lost : 'pass'));
  await connect(front.url).upload(new Blob(['x']), { fileName: 'lost-answer.txt' });
  expect(front.requests).toEqual(Array(3).fill('POST /graphql'));
  expect(await count('lost-answer')).toBe(1);
});

test('a large one too, from where it was lost', async () => {
  await using front = await startFront(service.url, (_path, index) => (index === 1 ? lost : 'pass'));
  await connect(front.url).upload(new File([large], 'lost-large.bin'));
  expect(front.requests).toEqual(Array(3).fill('POST /graphql'));
  expect(await count('lost-large')).toBe(1);
});

test.each([
  ['503 of a proxy', answer(503, { 'retry-after': '0' }, '<html>')],
  ['429', answer(429, { 'retry-after': '0' })],
  ['502', answer(502, {})],
  ['cut', ((response) => response.destroy()) satisfies Treatment],
])('a %s is waited out', async (_name, treatment) => {
  await using front = await startFront(service.url, (_path, index) => (index === 0 ? treatment : 'pass'));
  expect(await connect(front.url).upload(new Blob(['x']))).toMatchObject({ size: 1 });
  expect(front.requests).toHaveLength(2);
});

test.each([
  [
    'a refusal that stays',
    answer(400, {}, '{"errors":[{"message":"No.","extensions":{"code":"BAD_USER_INPUT"}}]}'),
    'BAD_USER_INPUT',
  ],
  ['a service that asks for an hour', answer(503, { 'retry-after': '3600' }), 'UNEXPECTED_ANSWER'],
  ['what is no service', answer(200, {}, '<html>'), 'UNEXPECTED_ANSWER'],
])('%s is not asked again', async (_name, treatment, code) => {
  await using front = await startFront(service.url, () => treatment);
  await expect(connect(front.url).upload(new Blob(['x']))).rejects.toMatchObject({ code });
  expect(front.requests).toHaveLength(1);
});

test('a service that does not answer is UNREACHABLE after the last attempt', async () => {
  await using front = await startFront(service.url, () => (response) => response.destroy());
  const claimcheck = createClaimcheck({ url: front.url, credential: 'x', retries: 1 });
  await expect(claimcheck.upload(new Blob(['x']))).rejects.toMatchObject({
    code: 'UNREACHABLE',
    retryable: true,
  });
  expect(front.requests).toHaveLength(2);
});

describe('a large file goes by the policy of its place', () => {
  const policies = {
    policies: { default: { maxFileSize: 1_000_000 }, video: { maxFileSize: 50_000_000 } },
    recordTypes: { Lesson: { policy: 'default', fields: { film: { policy: 'video' } } } },
  };
  let strict: TestService;
  beforeAll(async () => {
    const POLICIES_FILE = await fileOf('policies.json', JSON.stringify(policies));
    strict = await startService({ POLICIES_FILE });
  });
  afterAll(() => strict.close());
  const lesson = { type: 'Lesson', id: '1' };
  const upload = async (options: UploadOptions, credential = strict.key) =>
    createClaimcheck({ url: strict.url, credential }).upload(await fileOf('film.bin', large), options);

  test.each([
    ['record', { record: lesson, field: 'film' }],
    ['type of record', { recordType: 'Lesson', field: 'film' }],
  ])('that of its %s and field', async (_name, place) => {
    expect(await upload(place)).toMatchObject({ size: large.length });
  });

  test('which refuses it before its bytes go', async () => {
    const limit = { code: 'FILE_TOO_LARGE', limit: 1_000_000 };
    await expect(upload({ record: lesson, field: 'other' })).rejects.toMatchObject(limit);
    const refusal = { code: 'BAD_USER_INPUT', details: [{ type: 'record_type_not_eligible' }] };
    await expect(upload({ recordType: 'Nothing' })).rejects.toMatchObject(refusal);
  });

  test('that of the service, if the credential may not ask for another', async () => {
    const create = `mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { secret } }`;
    const input = { name: 'writes only', permissions: ['attachments:write'] };
    const { createApiKey } = await service.client.ask<{ createApiKey: { secret: string } }>(create, {
      input,
    });
    const claimcheck = createClaimcheck({ url: service.url, credential: createApiKey.secret });
    const path = await fileOf('written.bin', large);
    expect(await claimcheck.upload(path, { record })).toMatchObject({ size: large.length });
  });
});

test('a large file that is aborted takes no room if nothing remembers it', async () => {
  await using strict = await startService({ QUOTA_BYTES: String(large.length + 1_000_000) });
  const claimcheck = createClaimcheck({ url: strict.url, credential: strict.key });
  const path = await fileOf('stopped.bin', large);
  const stop = new AbortController();
  const onProgress = ({ sent }: { sent: number }) => {
    if (sent > 1_000_000) stop.abort(new Error('enough'));
  };
  await expect(claimcheck.upload(path, { onProgress, signal: stop.signal })).rejects.toThrow('enough');
  await until(async () => (await claimcheck.upload(path).catch(() => null))?.size === large.length);
});

test('nor does one that is aborted once its bytes are there', async () => {
  await using strict = await startService({ QUOTA_BYTES: String(large.length + 1_000_000) });
  const stop = new AbortController();
  let asked = 0;
  const credential = () => {
    asked += 1;
    if (asked === 2) stop.abort(new Error('enough'));
    return strict.key;
  };
  const path = await fileOf('late.bin', large);
  const claimcheck = createClaimcheck({ url: strict.url, credential });
  await expect(claimcheck.upload(path, { signal: stop.signal })).rejects.toThrow('enough');
  expect(asked).toBe(2);
  await until(async () => (await claimcheck.upload(path).catch(() => null))?.size === large.length);
});

test('a large file that is refused takes no room', async () => {
  await using strict = await startService({ QUOTA_BYTES: String(large.length + 1_000_000) });
  const claimcheck = createClaimcheck({ url: strict.url, credential: strict.key });
  const path = await fileOf('refused.bin', large);
  const metadata = { type: '' };
  await expect(claimcheck.upload(path, { metadata })).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
  expect(await claimcheck.upload(path)).toMatchObject({ size: large.length });
});

describe('an abort rejects with its reason', () => {
  const reason = new Error('enough');

  test('before anything is sent', async () => {
    await using front = await startFront(service.url, () => 'pass');
    const upload = connect(front.url).upload(new Blob(['x']), { signal: AbortSignal.abort(reason) });
    await expect(upload).rejects.toBe(reason);
    expect(front.requests).toEqual([]);
  });

  test('while a credential is waited for', async () => {
    const path = await fileOf('waiting.bin', large);
    const doAll = [
      (claimcheck: Claimcheck, signal: AbortSignal) => claimcheck.upload(new Blob(['x']), { signal }),
      (claimcheck: Claimcheck, signal: AbortSignal) => claimcheck.upload(path, { signal }),
      (claimcheck: Claimcheck, signal: AbortSignal) => claimcheck.viewer({ signal }),
      (claimcheck: Claimcheck, signal: AbortSignal) => claimcheck.share('x', { signal }),
      (claimcheck: Claimcheck, signal: AbortSignal) => claimcheck.watch({ record }, { signal }).next(),
    ];
    for (const act of doAll) {
      const stop = new AbortController();
      const credential = () => {
        setImmediate(() => stop.abort(reason));
        return new Promise<string>(() => {});
      };
      const claimcheck = createClaimcheck({ url: service.url, credential });
      await expect(act(claimcheck, stop.signal)).rejects.toBe(reason);
    }
  });

  test.each([
    ['a small file', Buffer.from('x')],
    ['a large file', large],
  ])('while %s is on its way', async (_name, content) => {
    const stop = new AbortController();
    const path = await fileOf('aborted.bin', content);
    const hold: Treatment = () => stop.abort(reason);
    await using front = await startFront(service.url, () => hold);
    await expect(connect(front.url).upload(path, { signal: stop.signal })).rejects.toBe(reason);
    expect(await count('aborted')).toBe(0);
  });

  test('in the middle of the bytes, and nothing is made', async () => {
    const stop = new AbortController();
    const onProgress = ({ sent }: { sent: number }) => {
      if (sent > 1_000_000) stop.abort(reason);
    };
    const path = await fileOf('middle.bin', large);
    await expect(connect().upload(path, { signal: stop.signal, onProgress })).rejects.toBe(reason);
    expect(await count('middle')).toBe(0);
  });

  test('between two attempts', async () => {
    const stop = new AbortController();
    const refuse: Treatment = (response) => {
      response.writeHead(503, { 'retry-after': '30' }).end('');
      response.on('close', () => setImmediate(() => stop.abort(reason)));
    };
    await using front = await startFront(service.url, () => refuse);
    await expect(connect(front.url).upload(new Blob(['x']), { signal: stop.signal })).rejects.toBe(reason);
  });
});
