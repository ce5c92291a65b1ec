import fc from 'fast-check';
import { findInexactNumbers, isExact } from '../../../src/graphql/json-limits.js';
import { formBody, testBoundary } from '../../support/raw-http.js';
import { startService, type TestService } from '../../support/service.js';
import { onRecord } from '../live/live-client.js';
import { LiveSocket } from '../live/live-socket.js';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

const query = `mutation ($input: CreateAttachmentInput!) {
  createAttachment(input: $input) { attachment { metadata { attributes } } }
}`;

interface Answer {
  data: { createAttachment: { attachment: { metadata: { attributes: { n: unknown[] } } } } | null } | null;
  errors?: {
    extensions: { code: string; details: { loc: (string | number)[]; msg: string; type: string }[] };
  }[];
}

const inputOf = (number: string) =>
  `{"content":{"base64":"eA=="},"fileName":"x.txt","metadata":{"type":"AR","attributes":{"\\u006e":[0,${number}],"s":"1e400 \\\\\\" 12345678901234567890"}}}`;
const operationOf = (number: string) =>
  `{"query":${JSON.stringify(query)},"variables":{"input":${inputOf(number)}}}`;

async function post(
  body: string,
  headers: Record<string, string>,
): Promise<{ answer: Answer; text: string }> {
  const response = await fetch(`${service.url}/graphql`, {
    method: 'POST',
    headers: { ...service.client.headers, ...headers },
    body,
  });
  const text = await response.text();
  return { answer: JSON.parse(text), text };
}

const form = (number: string) =>
  post(
    formBody([
      { name: 'operations', content: operationOf(number) },
      { name: 'map', content: '{}' },
    ]).toString(),
    {
      'content-type': `multipart/form-data; boundary=${testBoundary}`,
      'apollo-require-preflight': 'true',
    },
  );

/** By each way in that a number can come. */
const ways: Record<string, (number: string) => Promise<{ answer: Answer; text: string }>> = {
  'a JSON body': (number) => post(operationOf(number), { 'content-type': 'application/json' }),
  'the operations of a form': form,
  'a literal': (number) => {
    const literal = `mutation { createAttachment(input: { content: { base64: "eA==" }, fileName: "x.txt", metadata: {
      type: "AR", attributes: { n: [0, ${number}] } } }) { attachment { metadata { attributes } } } }`;
    return post(JSON.stringify({ query: literal }), { 'content-type': 'application/json' });
  },
};

const changed = [
  '1546130668394913822',
  '-9007199254740993',
  '1e400',
  '-1E+400',
  '1e-400',
  '0.1000000000000000055',
  '123456789.123456789012',
  '0.12345678901234567',
  '10000000000000001',
];
const kept: [string, number][] = [
  ['9007199254740992', 2 ** 53],
  ['1e21', 1e21],
  ['0.1', 0.1],
  ['1.50', 1.5],
  ['1e2', 100],
  ['5e-324', 5e-324],
  ['1.7976931348623157e308', Number.MAX_VALUE],
  ['0.000000000000000000', 0],
  // As programs write a double that know no shorter text of it.
  ['0.10000000000000001', 0.1],
  ['2.2250738585072014e-308', 2.2250738585072014e-308],
  ['1.2000000000000000E+01', 12],
];

describe.each(Object.entries(ways))('numbers of metadata in %s', (_way, send) => {
  test.each(changed)('refuses %s, naming its place', async (number) => {
    const { answer } = await send(number);
    expect(answer.data ?? null).toBeNull();
    const [error] = answer.errors ?? [];
    expect(error?.extensions.code).toBe('BAD_USER_INPUT');
    const [detail] = error?.extensions.details ?? [];
    expect(detail?.msg).toContain(number);
    expect(detail?.loc).toEqual(['input', 'metadata', 'attributes', 'n', 1]);
    expect(detail?.type).toBe('inexact_number');
  });

  test.each(kept)('gives %s back', async (number, value) => {
    const { answer } = await send(number);
    expect(answer.errors).toBeUndefined();
    expect(answer.data?.createAttachment?.attachment.metadata.attributes.n).toEqual([0, value]);
  });

  test('gives -0 back as 0', async () => {
    const { answer, text } = await send('-0.0');
    expect(answer.errors).toBeUndefined();
    expect(text).toContain('[0,0]');
  });
});

test('every number of a document that would be changed is named, and where it stands', async () => {
  const document = `mutation ($given: AttachmentMetadataInput = { type: "AR", attributes: { a: { b: 1e400 } } }) {
    one: createAttachment(input: { content: { base64: "eA==" }, fileName: "x.txt", metadata: {
      type: "AR", attributes: { n: [[1], [2, 1546130668394913822]], kept: 1546130 } } }) { attachment { id } }
    two: createAttachment(input: { content: { base64: "eA==" }, fileName: "x.txt", metadata: $given }) { attachment { id } } }`;
  const { answer } = await post(JSON.stringify({ query: document }), { 'content-type': 'application/json' });
  expect(answer.data ?? null).toBeNull();
  expect(answer.errors).toMatchObject([
    {
      locations: [
        { line: 1, column: 81 },
        { line: 3, column: 46 },
      ],
      extensions: {
        code: 'BAD_USER_INPUT',
        details: [
          { loc: ['given', 'attributes', 'a', 'b'], type: 'inexact_number' },
          { loc: ['input', 'metadata', 'attributes', 'n', 1, 1], type: 'inexact_number' },
        ],
      },
    },
  ]);
});

test('an id that is written as a long number is its text', async () => {
  const query = '{ record(type: "T", id: 1546130668394913822) { id: recordId } }';
  const { answer } = await post(JSON.stringify({ query }), { 'content-type': 'application/json' });
  expect(answer.data).toEqual({ record: { id: '1546130668394913822' } });
});

const recordQuery = 'query ($id: ID!) { record(type: "T", id: $id) { id: recordId } }';

test('a number given as an id does not become another one', async () => {
  const body = `{"query":${JSON.stringify(recordQuery)},"variables":{"id":1546130668394913822}}`;
  const { answer } = await post(body, { 'content-type': 'application/json' });
  expect(answer.errors?.[0]?.extensions.details).toMatchObject([{ loc: ['id'], type: 'inexact_number' }]);
});

test('a number in the variables of a URL does not become another one', async () => {
  const get = async (variables: string) => {
    const parameters = new URLSearchParams({ query: recordQuery, variables });
    const headers = { ...service.client.headers, 'apollo-require-preflight': 'true' };
    const response = await fetch(`${service.url}/graphql?${parameters}`, { headers });
    return { status: response.status, answer: (await response.json()) as Answer };
  };
  const { status, answer } = await get('{"id":1546130668394913822}');
  expect([status, answer.errors?.[0]?.extensions]).toMatchObject([
    400,
    { code: 'BAD_USER_INPUT', details: [{ loc: ['id'], type: 'inexact_number' }] },
  ]);
  expect((await get('{"id":1546130}')).answer.data).toEqual({ record: { id: '1546130' } });
});

test('a number in a message over WebSocket does not become another one', async () => {
  const live = await LiveSocket.acknowledged(service.url, service.key);
  const subscribe = (id: string, number: string) => {
    const { query } = onRecord({ type: 'T', id: '' });
    const payload = `{"query":${JSON.stringify(query)},"variables":{"record":{"type":"T","id":${number}}}}`;
    live.socket.send(`{"id":"${id}","type":"subscribe","payload":${payload}}`);
  };
  subscribe('good', '1546130');
  subscribe('bad', '1546130668394913822');
  const { id, payload } = await live.hears('error');
  expect(id).toBe('bad');
  expect(payload).toMatchObject([
    {
      extensions: {
        code: 'BAD_USER_INPUT',
        details: [{ loc: ['record', 'id'], type: 'inexact_number' }],
      },
    },
  ]);
  expect(live.socket.readyState).toBe(live.socket.OPEN);
  live.end();
});

test('numbers elsewhere in a request hide none among its variables', async () => {
  const others = Array(60).fill('1e400').join(',');
  const body = `{"extensions":{"n":[${others}]},"query":${JSON.stringify(recordQuery)},"variables":{"id":1e400}}`;
  const { answer } = await post(body, { 'content-type': 'application/json' });
  expect(answer.errors?.[0]?.extensions.details).toMatchObject([{ loc: ['id'], type: 'inexact_number' }]);
});

test('a form may nest its operations as deep as a JSON body', async () => {
  const deep = '['.repeat(100_000) + ']'.repeat(100_000);
  const { answer } = await form(deep);
  expect(answer.errors?.[0]?.extensions).toMatchObject({
    code: 'INVALID_MULTIPART',
    details: [{ type: 'json_too_deep' }],
  });
});

test.each([
  ['digits', '9'.repeat(500_000)],
  ['zeros within', `1${'0'.repeat(500_000)}1`],
  ['zeros before', `0.${'0'.repeat(500_000)}1`],
  ['digits of an exponent', `1e-${'9'.repeat(500_000)}`],
  ['zeros of an exponent', `1e${'0'.repeat(500_000)}1`],
])('half a million %s are judged in linear time', (_, token) => {
  const timeOf = (text: string) => {
    const start = performance.now();
    findInexactNumbers(`[${text}]`);
    return performance.now() - start;
  };
  // A sixteenth of it, sixteen times: quadratic work would be a sixteenth of that of the whole.
  const part = `${token.slice(0, 3)}${token.slice(3, -1).slice(0, token.length / 16)}${token.slice(-1)}`;
  const parts = Array(16).fill(part).join(',');
  const best = (text: string) => Math.min(...Array.from({ length: 5 }, () => timeOf(text)));
  expect(best(token)).toBeLessThan(6 * best(parts) + 1);
});

test('every double is kept as JSON writes it, and no string hides or makes a number', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.double({ noNaN: true, noDefaultInfinity: true }), (value, double) => {
      expect(isExact(JSON.stringify(double))).toBe(true);
      expect(findInexactNumbers(JSON.stringify(value))).toEqual([]);
      const around = JSON.stringify({ 'k"\\': [value, '@'] }).replace('"@"', '123456789012345678901');
      if (!JSON.stringify(value).includes('"@"'))
        expect(findInexactNumbers(around)).toEqual([{ path: ['k"\\', 1], token: '123456789012345678901' }]);
    }),
  );
});
