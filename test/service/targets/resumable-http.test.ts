import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingHttpHeaders, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { newClient } from '../../support/keys.js';
import { RawConnection, requestHead } from '../../support/raw-http.js';
import { startService, type TestService } from '../../support/service.js';
import { sha256 } from '../../support/sha256.js';
import { attach } from './tus-client.js';

const mebibyte = 1024 * 1024;
const problems = 'https://iana.org/assignments/http-problem-types#';

let now = Date.now();
let service: TestService;
beforeAll(async () => {
  service = await startService({ RESUMABLE_HOURS: '2' }, { clock: () => new Date(now) });
});
beforeEach(() => {
  now = Date.now();
});
afterAll(() => service.close());

interface Sent {
  method: string;
  headers?: Record<string, string | number>;
  body?: Uint8Array;
  /** The connection breaks off behind these bytes of the body. */
  until?: number;
}

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
  /** Interim answers. */
  told: { status: number; headers: IncomingHttpHeaders }[];
}

const interop = { 'upload-draft-interop-version': '8' };

/** Sends one request of the protocol; null where its connection was broken off. */
async function send(url: string, { method, headers = {}, body, until }: Sent): Promise<Answer | null> {
  const { pathname, search } = new URL(url, service.url);
  const all = {
    authorization: `Bearer ${service.key}`,
    ...(method === 'PATCH' ? { 'content-type': 'application/partial-upload' } : {}),
    ...headers,
  };
  const sent = request(new URL(pathname + search, service.url), { method, headers: all });
  const told: Answer['told'] = [];
  sent.on('information', ({ statusCode, headers: known }) =>
    told.push({ status: statusCode, headers: known }),
  );
  if (until !== undefined) {
    sent.setHeader('content-length', body?.length ?? 0);
    sent.on('error', () => undefined);
    await new Promise((resolve) => sent.write(body?.subarray(0, until), resolve));
    sent.destroy();
    return null;
  }
  sent.end(body);
  const [response] = await once(sent, 'response');
  return { status: response.statusCode, headers: response.headers, body: await text(response), told };
}

async function ask(url: string, sent: Sent): Promise<Answer> {
  const answer = await send(url, sent);
  if (!answer) throw new Error('There is no answer.');
  return answer;
}

const named = { 'content-disposition': `inline; filename="x.bin"; filename*=UTF-8''M%C3%A4rz.bin` };
const keyOf = ({ headers }: Answer) => String(headers['upload-document-key']);
const sha256Field = (bytes: Uint8Array) => `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`;

async function begin(headers: Record<string, string | number> = {}): Promise<string> {
  const answer = await ask('/uploads', {
    method: 'POST',
    headers: { 'upload-complete': '?0', ...named, ...headers },
  });
  expect([answer.status, answer.headers['upload-complete']]).toEqual([201, '?0']);
  return String(answer.headers.location);
}

const patch = (
  url: string,
  offset: number,
  body: Uint8Array,
  headers: Record<string, string | number> = {},
) =>
  ask(url, {
    method: 'PATCH',
    headers: { 'upload-offset': offset, 'upload-complete': '?0', ...headers },
    body,
  });

const stateOf = async (url: string) => {
  const { status, headers } = await ask(url, { method: 'HEAD' });
  return { status, offset: headers['upload-offset'], complete: headers['upload-complete'] };
};

test('one request brings it all: an interim answer tells where to resume, the last one what is stored', async () => {
  const content = randomBytes(3 * mebibyte);
  const headers = { 'upload-complete': '?1', ...named, ...interop };
  const answer = await ask('/uploads', { method: 'POST', headers, body: content });
  const [first] = answer.told;
  expect(first).toMatchObject({
    status: 104,
    headers: {
      location: answer.headers.location,
      'upload-limit': 'max-size=268435456, max-age=7200',
      ...interop,
    },
  });
  expect(answer.headers).toMatchObject({
    'upload-complete': '?1',
    'repr-digest': sha256Field(content),
    'cache-control': 'no-store',
  });
  expect(answer.headers['tus-resumable']).toBeUndefined();
  const stored = JSON.parse(answer.body);
  expect([answer.status, stored]).toEqual([
    201,
    expect.objectContaining({ documentKey: keyOf(answer), size: content.length, sha256: sha256(content) }),
  ]);
  expect(await attach(service, stored.documentKey)).toMatchObject({
    fileName: 'März.bin',
    sha256: { hash: sha256(content) },
  });
  const url = String(answer.headers.location);
  expect(await stateOf(url)).toEqual({ status: 204, offset: String(content.length), complete: '?1' });
  // The last answer was lost: the same end again is answered alike.
  const again = await patch(url, content.length, Buffer.of(), { 'upload-complete': '?1' });
  expect([again.status, again.body]).toEqual([201, answer.body]);
});

test('clients of another iteration are told nothing in between', async () => {
  for (const version of [{}, { 'upload-draft-interop-version': '7' }]) {
    const headers = { 'upload-complete': '?1', ...named, ...version };
    const { status, told } = await ask('/uploads', { method: 'POST', headers, body: Buffer.from('x') });
    expect([status, told]).toEqual([201, []]);
  }
});

test('parts follow one another, under the name, type and policy of the first request', async () => {
  const content = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>');
  const type = { 'content-type': 'image/svg+xml', 'content-disposition': 'inline; filename=a.svg' };
  const first = await ask('/uploads?policy=default', {
    method: 'POST',
    headers: { 'upload-complete': '?0', 'upload-length': content.length, ...type },
    body: content.subarray(0, 4),
  });
  expect([first.status, first.headers['upload-offset']]).toEqual([201, '4']);
  const url = String(first.headers.location);
  const second = await patch(url, 4, content.subarray(4, 8));
  expect([second.status, second.headers['upload-complete'], second.headers['upload-offset']]).toEqual([
    204,
    '?0',
    '8',
  ]);
  const { headers } = await ask(url, { method: 'HEAD' });
  expect(headers).toMatchObject({ 'upload-length': String(content.length), 'cache-control': 'no-store' });
  expect((await patch(url, 8, content.subarray(8), { 'upload-complete': '?1' })).status).toBe(201);
  expect(await attach(service, keyOf(first))).toMatchObject({
    fileName: 'a.svg',
    contentType: 'image/svg+xml',
  });
  const refused = await ask('/uploads?policy=none', {
    method: 'POST',
    headers: { 'upload-complete': '?0', ...named },
  });
  expect([refused.status, refused.body]).toEqual([400, expect.stringContaining('unknown_policy')]);
});

test('a name is read as it was sent, in UTF-8 or windows-1252', async () => {
  const connection = await RawConnection.open(service.url);
  for (const [name, encoding] of [
    ['Rechnung März 日本 100%22.bin', 'utf8'],
    ['März.bin', 'latin1'],
  ] as const) {
    const head = requestHead('/uploads', {
      Authorization: `Bearer ${service.key}`,
      'Upload-Complete': '?1',
      'Content-Disposition': `attachment; filename="${name}"`,
      'Content-Length': 3,
    });
    await connection.send(Buffer.from(`${head}abc`, encoding));
    const { documentKey } = JSON.parse((await connection.response()).body);
    expect(await attach(service, documentKey)).toMatchObject({ fileName: name });
  }
  connection.destroy();
});

test('a type that curl says of any body claims nothing', async () => {
  for (const [content, contentType] of [
    ['plain', 'text/plain'],
    ['\x89PNG\r\n\x1a\n', 'image/png'],
  ] as const) {
    const headers = {
      'upload-complete': '?1',
      'content-disposition': 'inline; filename=data',
      'content-type': 'application/x-www-form-urlencoded',
    };
    const sent = { method: 'POST', headers, body: Buffer.from(content, 'latin1') };
    expect(await attach(service, keyOf(await ask('/uploads', sent)))).toMatchObject({ contentType });
  }
});

test('an upload of unknown length ends with the request that says so', async () => {
  const url = await begin();
  const chunked = { 'transfer-encoding': 'chunked' };
  await patch(url, 0, Buffer.from('abc'), chunked);
  const last = await patch(url, 3, Buffer.from('de'), { ...chunked, 'upload-complete': '?1' });
  expect([last.status, JSON.parse(last.body)]).toMatchObject([201, { size: 5, sha256: sha256('abcde') }]);
  const empty = await begin();
  expect((await patch(empty, 0, Buffer.of(), { 'upload-complete': '?1' })).status).toBe(201);
});

test('bytes of a request that breaks off count', async () => {
  const content = randomBytes(mebibyte);
  const url = await begin({ 'upload-length': content.length });
  const headers = {
    'upload-offset': 0,
    'upload-complete': '?1',
    'content-type': 'application/partial-upload',
  };
  await send(url, { method: 'PATCH', headers, body: content, until: 100_000 });
  let offset = 0;
  while (offset === 0) offset = Number((await stateOf(url)).offset);
  expect(offset).toBeLessThanOrEqual(100_000);
  const sent = { 'upload-complete': '?1' };
  let answer = await patch(url, offset, content.subarray(offset), sent);
  // The service may not know yet that the first request is over.
  while (answer.status === 409) {
    offset = Number((await stateOf(url)).offset);
    answer = await patch(url, offset, content.subarray(offset), sent);
  }
  expect(JSON.parse(answer.body).sha256).toBe(sha256(content));
});

test('another offset, and another length, are told as problems', async () => {
  const url = await begin({ 'upload-length': 5 });
  await patch(url, 0, Buffer.from('ab'));
  const mismatch = await patch(url, 3, Buffer.from('x'));
  expect([mismatch.status, mismatch.headers, JSON.parse(mismatch.body)]).toMatchObject([
    409,
    {
      'content-type': expect.stringMatching(/^application\/problem\+json/),
      'upload-complete': '?0',
      'upload-offset': '2',
    },
    { type: `${problems}mismatching-upload-offset`, 'expected-offset': 2, 'provided-offset': 3 },
  ]);
  const lengths: Record<string, string | number>[] = [{ 'upload-complete': '?1' }, { 'upload-length': 6 }];
  for (const headers of lengths) {
    const { status, body } = await patch(url, 2, Buffer.from('x'), headers);
    expect([status, JSON.parse(body).type]).toEqual([400, `${problems}inconsistent-upload-length`]);
  }
  expect(await stateOf(url)).toEqual({ status: 204, offset: '2', complete: '?0' });
  const chunked = { 'transfer-encoding': 'chunked', 'upload-complete': '?1' };
  expect((await patch(url, 2, Buffer.from('x'), chunked)).status).toBe(400);
  expect(await stateOf(url)).toEqual({ status: 204, offset: '3', complete: '?0' });
});

test('a complete upload is told to be complete, whatever is sent to it', async () => {
  const url = await begin({ 'upload-length': 2 });
  await patch(url, 0, Buffer.from('ab'), { 'upload-complete': '?1' });
  for (const [offset, content] of [
    [0, 'ab'],
    [2, 'c'],
  ] as const) {
    const { status, headers } = await patch(url, offset, Buffer.from(content), { 'upload-complete': '?1' });
    expect([status >= 400, headers['upload-complete'], headers['upload-offset']]).toEqual([true, '?1', '2']);
  }
  expect(await stateOf(url)).toEqual({ status: 204, offset: '2', complete: '?1' });
});

test('more bytes than announced end the upload', async () => {
  const url = await begin({ 'upload-length': 2 });
  const { status, headers } = await patch(url, 0, Buffer.from('abc'), { 'transfer-encoding': 'chunked' });
  expect([status, headers['upload-complete']]).toEqual([413, '?1']);
  expect((await stateOf(url)).status).toBe(410);
});

test('digests are compared: of a request, which then counts nothing, and of the whole, which then ends', async () => {
  const url = await begin({
    'upload-length': 3,
    'repr-digest': `md5=:eA==:, ${sha256Field(Buffer.from('abc'))}`,
  });
  const wrong = await patch(url, 0, Buffer.from('ab'), { 'content-digest': sha256Field(Buffer.from('xx')) });
  expect([wrong.status, wrong.body]).toEqual([400, expect.stringContaining('content_digest')]);
  expect((await stateOf(url)).offset).toBe('0');
  await patch(url, 0, Buffer.from('ab'), { 'content-digest': sha256Field(Buffer.from('ab')) });
  const last = await patch(url, 2, Buffer.from('x'), { 'upload-complete': '?1' });
  expect([last.status, last.headers['upload-complete'], last.body]).toEqual([
    400,
    '?1',
    expect.stringContaining('DIGEST_MISMATCH'),
  ]);
  expect((await stateOf(url)).status).toBe(410);
  const invalid = { 'repr-digest': 'sha-256=:eA==:', 'upload-complete': '?0', ...named };
  expect((await ask('/uploads', { method: 'POST', headers: invalid })).status).toBe(400);
  const malformed = { 'content-digest': 'sha-256=:eA==:', 'upload-complete': '?0', ...named };
  const refused = await ask('/uploads', { method: 'POST', headers: malformed, body: Buffer.from('x') });
  expect([refused.status, refused.headers.location]).toEqual([400, undefined]);
});

test('faults name the header, or the parameter, that is wrong', async () => {
  const type = { 'content-type': 'image/png' };
  const digest = { ...named, 'repr-digest': sha256Field(Buffer.from('other')) };
  const places: string[] = [];
  for (const [url, headers] of [
    ['/uploads', type],
    ['/uploads?policy=none', { ...named, ...type }],
    ['/uploads?policy=calendar', { ...named, 'content-type': 'application/x-msdownload' }],
    ['/uploads', digest],
  ] as const) {
    const sent = {
      method: 'POST',
      headers: { 'upload-complete': '?1', ...headers },
      body: Buffer.from('abc'),
    };
    const { errors } = JSON.parse((await ask(url, sent)).body);
    places.push(errors[0].extensions.details[0].loc.join('.'));
  }
  expect(places).toEqual([
    'headers.content-disposition',
    'query.policy',
    'headers.content-type',
    'headers.repr-digest',
  ]);
});

test('its requests need the credential of its maker, and its own media type', async () => {
  const url = await begin({ 'upload-length': 2 });
  const { headers } = await newClient(service);
  const nobody = { authorization: '' };
  for (const method of ['HEAD', 'DELETE']) {
    expect((await ask(url, { method, headers: nobody })).status).toBe(401);
    expect((await ask(url, { method, headers: { ...headers } })).status).toBe(404);
  }
  expect((await patch(url, 0, Buffer.from('a'), { ...headers })).status).toBe(404);
  const { status } = await patch(url, 0, Buffer.from('a'), { 'content-type': 'application/octet-stream' });
  expect(status).toBe(415);
});

test('it is limited, ends when its client says so, and when its time is over', async () => {
  const options = await ask('/uploads', { method: 'OPTIONS', headers: { authorization: '' } });
  expect(options.headers['upload-limit']).toBe('max-size=268435456');
  const tooLarge = { 'upload-complete': '?0', 'upload-length': 268_435_457, ...named };
  const refused = await ask('/uploads', { method: 'POST', headers: tooLarge });
  expect([refused.status, refused.headers['upload-limit']]).toEqual([413, 'max-size=268435456']);
  const [one, other] = [await begin(), await begin()];
  expect((await ask(one, { method: 'DELETE' })).status).toBe(204);
  expect((await stateOf(one)).status).toBe(410);
  now += 3_600_000;
  expect((await ask(other, { method: 'HEAD' })).headers['upload-limit']).toBe(
    'max-size=268435456, max-age=3600',
  );
  now += 3_600_000;
  expect((await stateOf(other)).status).toBe(410);
});
