import { type FormPart, formBody, formHeaders, graphqlForm, requestHead } from '../../support/raw-http.js';
import {
  attachmentsOf,
  bigContent,
  mapOne,
  type Refusal,
  refusalOf,
  UploadSession,
  uploadOne,
} from './upload-session.js';

let session: UploadSession;

beforeAll(async () => {
  session = await UploadSession.start({ CORS_ORIGINS: 'https://app.example' });
});
beforeEach(() => session.reconnect());
afterAll(() => session.end('CSRF and batches'));

const big: FormPart = { content: bigContent };
const wholeForm = graphqlForm(uploadOne, mapOne, [big]);
const multipart = { 'Content-Type': String(formHeaders(0)['Content-Type']) };
const json = { 'Content-Type': 'application/json' };
const badInput = (fault: string): Refusal => ({ status: 400, code: 'BAD_USER_INPUT', faults: [fault] });
const unauthenticated: Refusal = { status: 401, code: 'UNAUTHENTICATED' };

/** A request with these headers, and no others but the credential. */
function requestWith(headers: Record<string, string>, content: string | Buffer): Buffer {
  const { Authorization = '' } = session.headers;
  const length = { 'Content-Length': Buffer.byteLength(content) };
  const head = requestHead('/graphql', { Authorization, ...headers, ...length });
  return Buffer.concat([Buffer.from(head), Buffer.from(content)]);
}

describe('a request that a foreign page can send without asking is refused', () => {
  const csrf = badInput('headers.apollo-require-preflight: csrf');
  const mutation = JSON.stringify({
    query: 'mutation { deleteAttachment(input: { attachmentId: "x" }) { deletedAttachmentId } }',
  });

  test.each<[string, Record<string, string>]>([
    ['a form', multipart],
    ['a form in capitals', { 'Content-Type': multipart['Content-Type'].toUpperCase() }],
    ['a form with an empty header', { ...multipart, 'Apollo-Require-Preflight': '' }],
    ['a form with a header of another name', { ...multipart, 'X-Requested-With': 'XMLHttpRequest' }],
  ])('%s', async (_what, headers) => {
    await session.expectRefusal(csrf, requestWith(headers, formBody(wholeForm)));
  });

  test.each<[string, Record<string, string>]>([
    ['a URL-encoded form', { 'Content-Type': 'application/x-www-form-urlencoded' }],
    ['text', { 'Content-Type': 'text/plain' }],
    ['text with a parameter', { 'Content-Type': 'Text/Plain; charset=UTF-8' }],
    ['text that calls itself JSON too', { 'Content-Type': 'text/plain; application/json' }],
    ['a body of an empty type', { 'Content-Type': '' }],
    ['a body of no type', {}],
  ])('%s', async (_what, headers) => {
    await session.expectRefusal(csrf, requestWith(headers, mutation));
    await session.expectRefusal(csrf, requestWith(headers, bigContent));
  });

  test('before the form is parsed, before it has come, and before the credential is looked at', async () => {
    await session.expectRefusal(csrf, requestWith(multipart, 'no form'));
    await session.expectRefusal(csrf, requestWith({ ...multipart, Authorization: 'Bearer x' }, bigContent));
    const request = requestWith(multipart, formBody(wholeForm));
    const bodyStart = request.indexOf('\r\n\r\n') + 4;
    await session.expectRefusal(csrf, {
      opening: request.subarray(0, bodyStart),
      rest: (connection) => connection.send(request.subarray(bodyStart)),
    });
  });

  test('as a GET', async () => {
    const get = async (query: string, headers = {}) => {
      const { Authorization = '' } = session.headers;
      const target = `/graphql?query=${encodeURIComponent(query)}`;
      const head = requestHead(target, { Authorization, ...headers }).replace('POST', 'GET');
      return refusalOf(await session.post(Buffer.from(head)));
    };
    expect(await get('{ viewer { organizationId } }')).toMatchObject(csrf);
    const preflight = { 'Apollo-Require-Preflight': 'true' };
    const change = 'mutation { deleteAttachment(input: { attachmentId: "x" }) { deletedAttachmentId } }';
    expect(await get(change, preflight)).toMatchObject({ ...badInput('query: bad_request'), status: 405 });
  });
});

describe('a header that a foreign page must ask for', () => {
  test.each(['Apollo-Require-Preflight', 'x-apollo-operation-name'])('%s lets a form in', async (name) => {
    const request = requestWith({ ...multipart, [name]: 'x' }, formBody(wholeForm));
    expect(attachmentsOf(await session.post(request))[0]?.size).toBe(bigContent.length);
  });

  test.each([
    'application/x-www-form-urlencoded',
    'text/plain',
    'multipart/mixed; boundary=x',
    'application/xml',
  ])('does not let in %s', async (type) => {
    const headers = { 'Content-Type': type, 'Apollo-Require-Preflight': 'true' };
    await session.expectRefusal(badInput('body: media_type'), requestWith(headers, bigContent));
  });

  test('with a cookie from another origin is no credential', async () => {
    const { Authorization = '' } = session.headers;
    const { key } = session.service;
    const cookie = `authorization=${encodeURIComponent(Authorization)}; key=${key}; token=${key}`;
    const headers = { Origin: 'https://evil.example', Cookie: cookie, 'Apollo-Require-Preflight': 'true' };
    const head = requestHead('/graphql', { ...headers, ...formHeaders(formBody(wholeForm).length) });
    await session.expectRefusal(unauthenticated, Buffer.concat([Buffer.from(head), formBody(wholeForm)]));
  });

  test.each([
    ['https://app.example', 'https://app.example'],
    ['https://evil.example', undefined],
  ])('is granted to pages of %s: %s', async (origin, granted) => {
    const asked = {
      'Access-Control-Request-Method': 'POST',
      'Access-Control-Request-Headers': 'authorization',
    };
    const head = requestHead('/graphql', { Origin: origin, ...asked }).replace('POST /', 'OPTIONS /');
    const { status, headers } = await session.post(Buffer.from(head));
    expect(status).toBe(204);
    expect(headers.get('access-control-allow-origin')).toBe(granted);
    expect(headers.has('access-control-allow-credentials')).toBe(false);
  });
});

describe('a batch of operations is refused', () => {
  const query = { query: '{ viewer { organizationId } }' };

  test.each([0, 1, 2, 1_000])('as JSON: %i operations', async (count) => {
    const batch = JSON.stringify(Array(count).fill(query));
    await session.expectRefusal(badInput('query: bad_request'), requestWith(json, batch));
  });

  test.each([0, 1, 2])('as a form: %i operations', async (count) => {
    const operations = Array(count).fill(uploadOne);
    const map = Object.fromEntries(operations.map((_, index) => [index, [`${index}.variables.file`]]));
    const form = graphqlForm(operations, map, Array(count + 1).fill(big));
    const refusal: Refusal = {
      status: 400,
      code: 'INVALID_MULTIPART',
      faults: ['operations: batch_unsupported'],
    };
    await session.expectRefusal(refusal, session.form(form));
  });
});

describe('an amplified operation is survived', () => {
  /** Whatever it answers; and the next request too. */
  async function expectSurvival(request: Buffer): Promise<number> {
    await session.connection.send(request);
    const { status, body } = await session.connection.response(20_000);
    expect(JSON.parse(body)).toBeInstanceOf(Object);
    expect(status).toBeLessThan(500);
    expect(await session.count()).toBeGreaterThanOrEqual(0);
    return status;
  }

  const aliased = (count: number, field: string) =>
    `{ ${Array.from({ length: count }, (_, index) => `a${index}: ${field}`).join(' ')} }`;
  const costly = 'attachments(first: 50) { totalCount nodes { id digest { hash } links { totalCount } } }';

  test('1,000 aliases of a costly field', async () => {
    await session.upload(big);
    await expectSurvival(requestWith(json, JSON.stringify({ query: aliased(1_000, costly) })));
  });

  test('1,000 aliases in a form', async () => {
    const query = aliased(1_000, costly).replace('{', 'query ($file: Upload) {');
    await expectSurvival(session.form(graphqlForm({ ...uploadOne, query }, mapOne, [big])));
  });

  test.each([10_000, 80_000])('%i levels of nesting', async (depth) => {
    const query = '{a'.repeat(depth) + '}'.repeat(depth);
    expect(await expectSurvival(requestWith(json, JSON.stringify({ query })))).toBe(400);
    expect(await expectSurvival(session.form(graphqlForm({ ...uploadOne, query }, mapOne, [big])))).toBe(400);
  });

  test('variables of 100,000 levels of nesting', async () => {
    const nested = '['.repeat(100_000) + ']'.repeat(100_000);
    const operations = JSON.stringify({ ...uploadOne, variables: { file: null, nested: 0 } });
    const [first, ...others] = wholeForm;
    const text = operations.replace('"nested":0', `"nested":${nested}`);
    await expectSurvival(session.form([{ ...first, content: text }, ...others]));
    expect(await expectSurvival(requestWith(json, text))).toBe(400);
  });

  test('100,000 faults', async () => {
    const query = `{ ${'x '.repeat(100_000)}}`;
    expect(await expectSurvival(requestWith(json, JSON.stringify({ query })))).toBe(400);
  });
});
