import { randomBytes } from 'node:crypto';
import { brotliCompressSync, constants, deflateSync, gzipSync } from 'node:zlib';
import type { AnswerError } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { formBody, graphqlForm } from '../../support/raw-http.js';
import { report } from '../../support/report.js';
import { startService, type TestService } from '../../support/service.js';

const megabyte = 1024 * 1024;

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

const encoders: Record<string, (text: string | Buffer) => Buffer> = {
  gzip: gzipSync,
  'x-gzip': gzipSync,
  GZIP: gzipSync,
  br: (text) => brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } }),
  deflate: deflateSync,
  identity: Buffer.from,
  '': Buffer.from,
};

interface Sent {
  body: string | Buffer;
  encoding: string;
  key?: string | null;
  headers?: Record<string, string>;
  path?: string;
  method?: string;
}

async function send({
  body,
  encoding,
  key = service.key,
  headers = {},
  path = '/graphql',
  method = 'POST',
}: Sent) {
  const answer = await fetch(`${service.url}${path}`, {
    method,
    headers: {
      'content-type': 'application/json',
      'content-encoding': encoding,
      ...(key === null ? {} : { authorization: `Bearer ${key}` }),
      ...headers,
    },
    body: new Uint8Array(Buffer.from(body)),
  });
  const text = await answer.text();
  const { data, errors } = (text === '' ? {} : JSON.parse(text)) as {
    data?: Record<string, unknown>;
    errors?: AnswerError[];
  };
  const { code, details, limit } = errors?.[0]?.extensions ?? { details: [] };
  return { status: answer.status, headers: answer.headers, data, code, type: details[0]?.type, limit };
}

const query = JSON.stringify({ query: '{ viewer { organizationId } }' });

const upload = (base64: string) =>
  JSON.stringify({
    query: `mutation ($base64: String!) {
      createAttachment(input: { content: { base64: $base64 }, fileName: "a.bin" }) { attachment { id size } } }`,
    variables: { base64 },
  });

test.each(Object.keys(encoders))('JSON as %p is read', async (encoding) => {
  const encode = encoders[encoding] ?? Buffer.from;
  const answer = await send({ body: encode(query), encoding });
  expect(answer).toMatchObject({ status: 200, data: { viewer: {} } });
});

test.each(['gzip', 'br', 'deflate'])('content in JSON as %s is stored as it was', async (encoding) => {
  const bytes = randomBytes(2 * megabyte);
  const body = encoders[encoding]?.(upload(bytes.toString('base64'))) ?? '';
  const { status, data } = await send({ body, encoding });
  expect(status).toBe(200);
  const { attachment } = (data as { createAttachment: { attachment: { id: string; size: number } } })
    .createAttachment;
  expect(attachment.size).toBe(bytes.length);
  const { attachment: found } = await service.client.ask<{ attachment: { url: string } }>(
    `{ attachment(id: "${attachment.id}") { url } }`,
  );
  const stored = await (await service.client.download(found.url)).arrayBuffer();
  expect(Buffer.from(stored).equals(bytes)).toBe(true);
});

describe('a body that is refused by its encoding', () => {
  const form = formBody(graphqlForm({ query: '{ viewer { organizationId } }' }, {}, []));
  const refused = { status: 415, code: 'BAD_USER_INPUT', type: 'content_encoding' };

  test.each<[string, Omit<Sent, 'body'> & { body?: string | Buffer }, object]>([
    ['an unknown one', { encoding: 'compress' }, refused],
    ['zstd', { encoding: 'zstd' }, refused],
    ['two of them', { encoding: 'gzip, br' }, refused],
    ['an inherited name', { encoding: 'constructor' }, refused],
    ['a form', { encoding: 'gzip', headers: { 'content-type': 'multipart/form-data; boundary=b' } }, refused],
    ['an upload target', { encoding: 'gzip', path: '/uploads/x', method: 'PUT' }, refused],
    [
      'plain bytes that say gzip',
      { encoding: 'gzip', body: query },
      { status: 400, type: 'encoding_invalid' },
    ],
    ['plain bytes that say br', { encoding: 'br', body: query }, { status: 400, type: 'encoding_invalid' }],
    [
      'one that is cut off',
      { encoding: 'gzip', body: gzipSync(query).subarray(0, 30) },
      { status: 400, type: 'encoding_invalid' },
    ],
    [
      'encoded bytes that do not say so',
      { encoding: '', body: gzipSync(query) },
      { status: 400, type: 'json_invalid' },
    ],
  ])('%s', async (_what, sent, expected) => {
    const headers = { 'apollo-require-preflight': 'true', ...sent.headers };
    const answer = await send({ body: gzipSync(form), ...sent, headers });
    expect(answer).toMatchObject(expected);
    const isForJson = answer.status === 415 && sent.path === undefined;
    expect(answer.headers.get('accept-encoding')).toBe(isForJson ? 'gzip, br, deflate' : null);
  });

  test('a GET without a body may name any', async () => {
    const headers = { 'content-encoding': 'compress' };
    expect((await fetch(`${service.url}/health/live`, { headers })).status).toBe(200);
  });
});

describe('a body that inflates to too much', () => {
  const spaces = (size: number) => Buffer.concat([Buffer.from(query), Buffer.alloc(size, ' ')]);

  test.each(['gzip', 'br', 'deflate'])('as %s is refused by its inflated size', async (encoding) => {
    const { key } = await newClient(service, { permissions: ['attachments:read'] });
    // Text of its own, so that the ratio is not what refuses it.
    const text = Buffer.from(Array.from({ length: 400_000 }, (_, index) => index.toString(36)).join(' '));
    for (const asker of [null, key]) {
      const answer = await send({ body: encoders[encoding]?.(text) ?? '', encoding, key: asker });
      expect(answer).toMatchObject({ status: 413, type: 'too_large', limit: megabyte });
    }
  });

  test.each(['gzip', 'br', 'deflate'])(
    'as %s is refused by its ratio, and inflated no further',
    async (encoding) => {
      const body = encoders[encoding]?.(spaces(20 * megabyte)) ?? Buffer.alloc(0);
      const answer = await send({ body, encoding });
      report(`${encoding}: ${body.length} bytes for 20 MiB`);
      expect(answer).toMatchObject({
        status: 413,
        code: 'REQUEST_TOO_LARGE',
        type: 'too_compressed',
        limit: 100,
      });
    },
  );

  test('many at once leave the service answering', async () => {
    const body = gzipSync(spaces(20 * megabyte));
    const bombs = Array.from({ length: 30 }, () => send({ body, encoding: 'gzip' }));
    expect(await send({ body: query, encoding: '' })).toMatchObject({ status: 200 });
    for (const { status } of await Promise.all(bombs)) expect(status).toBe(413);
  });
});
