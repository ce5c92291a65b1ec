import { once } from 'node:events';
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import {
  chunked,
  type FormPart,
  formBody,
  formHeaders,
  formRequest,
  graphqlForm,
  requestHead,
  testBoundary,
} from '../../support/raw-http.js';
import {
  attachmentsOf,
  bigContent,
  mapOne,
  type Refusal,
  UploadSession,
  uploadOne,
} from './upload-session.js';

let session: UploadSession;

beforeAll(async () => {
  session = await UploadSession.start();
});
beforeEach(() => session.reconnect());
afterAll(() => session.end('framing'));

const big: FormPart = { content: bigContent };
const wholeForm = graphqlForm(uploadOne, mapOne, [big]);
const [operations, map, file] = wholeForm as [FormPart, FormPart, FormPart];
const invalid = (...faults: string[]): Refusal => ({ status: 400, code: 'INVALID_MULTIPART', faults });
const stray: FormPart = { ...big, name: '9', fileName: 'stray' };

describe('a form whose parts are not "operations", "map" and the files that the map names is refused', () => {
  test.each<[string, string, FormPart[]]>([
    ['nothing', 'operations: part_missing', []],
    ['a file alone', '0: part_out_of_order', [file]],
    ['map before operations', 'map: part_out_of_order', [map, operations, file]],
    ['the file first', '0: part_out_of_order', [file, operations, map]],
    ['the file before map', '0: part_out_of_order', [operations, file, map]],
    ['no map', '0: part_out_of_order', [operations, file]],
    ['no operations', 'map: part_out_of_order', [map, file]],
    ['operations twice', 'operations: part_duplicate', [operations, operations, map, file]],
    ['map twice', 'map: part_duplicate', [operations, map, map, file]],
    ['map again at the end', 'map: part_duplicate', [operations, map, file, map]],
    ['operations again at the end', 'operations: part_duplicate', [operations, map, file, operations]],
    ['a file twice', '0: part_duplicate', [operations, map, file, file]],
    ['a third field', 'x: part_unexpected', [operations, map, { name: 'x', content: 'y' }, file]],
    ['a third field at the end', 'x: part_unexpected', [operations, map, file, { name: 'x', content: 'y' }]],
    ['a file without an entry in the map', '9: part_unexpected', [operations, map, stray, file]],
    ['a file more than the map has', '9: part_unexpected', [operations, map, file, stray]],
    ['an entry of the map without a file', 'map.0: part_missing', [operations, map]],
    ['a field where the file is due', '0: file_expected', [operations, map, { name: '0', content: 'x' }]],
    ['operations as a file', 'operations: field_expected', [{ ...operations, fileName: 'x' }, map, file]],
    ['map as a file', 'map: field_expected', [operations, { ...map, fileName: 'x' }, file]],
    ['a part without a name', ': name_missing', [operations, map, { fileName: 'x', content: bigContent }]],
  ])('%s', async (_what, fault, parts) => {
    await session.expectRefusal(invalid(fault), session.form(parts));
  });

  test.each<[string, string, FormPart]>([
    ['operations that are no JSON', 'operations: json_invalid', { ...operations, content: '{' }],
    ['operations that are no object', 'operations: object_expected', { ...operations, content: '"x"' }],
    ['a map that is no JSON', 'map: json_invalid', { ...map, content: "{'0':[]}" }],
    ['a map that is no object', 'map: object_expected', { ...map, content: '[]' }],
    ['a map without paths', 'map.0: paths_expected', { ...map, content: '{"0":[]}' }],
    [
      'a map with a path that stands alone',
      'map.0: paths_expected',
      { ...map, content: '{"0":"variables.file"}' },
    ],
  ])('%s', async (_what, fault, part) => {
    const parts = part.name === 'map' ? [operations, part, file] : [part, map, file];
    await session.expectRefusal(invalid(fault), session.form(parts));
  });
});

describe('a form that is cut up wrongly is refused', () => {
  const headersFault: Refusal = { ...invalid(': part_headers'), limit: 16 * 1024 };

  test.each<[string, FormPart]>([
    ['a header without a colon', { headers: 'No colon', content: bigContent }],
    ['no Content-Disposition', { headers: 'A: b', content: bigContent }],
    ['another disposition', { headers: 'Content-Disposition: attachment; name=0', content: bigContent }],
    ['more than 16 KiB of headers', { headers: `A: ${'b'.repeat(20_000)}`, content: bigContent }],
    ['NUL in a header', { ...file, fileName: 'a\0b' }],
  ])('%s', async (_what, part) => {
    await session.expectRefusal(headersFault, session.form([operations, map, part]));
  });

  test('a delimiter within the file', async () => {
    const content = Buffer.concat([bigContent, Buffer.from(`\r\n--${testBoundary}x`), bigContent]);
    await session.expectRefusal(invalid(': boundary'), session.form([operations, map, { ...file, content }]));
  });

  test.each([4, 8, 1000, 1_000_000])('without its last %i bytes', async (missing) => {
    const body = formBody(wholeForm).subarray(0, -missing);
    await session.expectRefusal(invalid(': body_truncated'), formRequest('/graphql', body, session.headers));
  });

  test('lines that end in LF alone', async () => {
    const body = Buffer.from(formBody(wholeForm).toString('latin1').replaceAll('\r\n', '\n'), 'latin1');
    await session.expectRefusal(invalid(': boundary'), formRequest('/graphql', body, session.headers));
  });
});

describe('the boundary', () => {
  const formOf = (boundary: string, type: string) =>
    formRequest('/graphql', formBody(wholeForm, boundary), { ...session.headers, 'Content-Type': type });

  test.each([
    ['of one character', 'x'],
    ['of 70 characters', 'x'.repeat(70)],
    ['of every permitted kind', "aZ09'()+_,-./:=? x"],
  ])('%s is accepted', async (_what, boundary) => {
    await expectStored(formOf(boundary, `multipart/form-data; boundary="${boundary}"`));
  });

  test.each([
    ['of 71 characters', `; boundary=${'x'.repeat(71)}`],
    ['that is empty', '; boundary='],
    ['that is an empty string', '; boundary=""'],
    ['that is absent', ''],
    ['of a character that is not permitted', '; boundary="a;b"'],
    ['among broken parameters', ';;;= ='],
  ])('%s is refused', async (_what, parameter) => {
    await session.expectRefusal(invalid(': boundary'), formOf('x', `multipart/form-data${parameter}`));
  });

  test("that differs from the form's is refused", async () => {
    const request = formOf('x', 'multipart/form-data; boundary=y');
    const tooLarge = {
      status: 413,
      code: 'REQUEST_TOO_LARGE',
      faults: ['operations: too_large'],
      limit: 1024 ** 2,
    };
    await session.expectRefusal(tooLarge, request);
  });
});

/** The request is accepted, and its file stored as it was sent. */
async function expectStored(request: Buffer, content = bigContent): Promise<void> {
  const [attachment] = attachmentsOf(await session.post(request));
  await session.expectContent(attachment?.url ?? '', content);
  expect(await session.count()).toBeGreaterThan(0);
}

describe('accepted is', () => {
  const body = formBody(wholeForm);
  const boundary = `boundary=${testBoundary}`;

  test.each([
    `Multipart/Form-Data; Boundary=${testBoundary}`,
    `MULTIPART/FORM-DATA;BOUNDARY="${testBoundary}"`,
    `multipart/form-data; charset=utf-8; ${boundary}`,
    `multipart/form-data ; ${boundary} ; x=y`,
  ])('Content-Type: %s', async (type) => {
    await expectStored(session.form(wholeForm, { 'Content-Type': type }));
  });

  const { 'Content-Length': _, ...type } = formHeaders(body.length);
  const chunkedHead = () =>
    requestHead('/graphql', { ...session.headers, ...type, 'Transfer-Encoding': 'chunked' });

  test.each([1_000, 4_095, 65_536, 4_000_000])('a form in chunks of %i bytes', async (size) => {
    await expectStored(Buffer.concat([Buffer.from(chunkedHead()), chunked(body, size)]));
  });

  test('a form in chunks with extensions and a trailer', async () => {
    const [half, end] = [body.subarray(0, 1_000_000), body.subarray(1_000_000)];
    const pieces = [chunkedHead(), `${half.length.toString(16)};a=b\r\n`, half, '\r\n'];
    pieces.push(`${end.length.toString(16).toUpperCase()}\r\n`, end, '\r\n0\r\nX-Trailer: y\r\n\r\n');
    await expectStored(Buffer.concat(pieces.map((piece) => Buffer.from(piece))));
  });

  test('text before the first and after the last delimiter', async () => {
    const padded = Buffer.concat([Buffer.from('preamble\r\n'), body, Buffer.from('epilogue\r\n--x')]);
    await expectStored(formRequest('/graphql', padded, session.headers));
  });

  test('a file that is full of beginnings of delimiters', async () => {
    const content = Buffer.alloc(bigContent.length, `\r\n--${testBoundary.slice(0, -1)}\r\n--\r\r\n`);
    await expectStored(session.form([operations, map, { ...file, content }]), content);
  });

  test('Expect: 100-continue, on a connection that carries on', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (const isReused of [false, true, true]) {
      const headers = { ...session.headers, ...formHeaders(body.length), Expect: '100-continue' };
      const request = httpRequest(`${session.service.url}/graphql`, { method: 'POST', agent, headers });
      request.flushHeaders();
      await once(request, 'continue');
      request.end(body);
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      expect([response.statusCode, request.reusedSocket]).toEqual([200, isReused]);
      expect(JSON.parse(await text(response)).data.upload.attachment.size).toBe(bigContent.length);
    }
    agent.destroy();
  });
});

describe('an expectation', () => {
  const headOf = (expectation: string, headers: Record<string, string>) => {
    const { length } = formBody(wholeForm);
    return requestHead('/graphql', { ...headers, ...formHeaders(length), Expect: expectation });
  };

  test('is answered at once if the request is refused', async () => {
    const headers = { 'Apollo-Require-Preflight': 'true' };
    await session.expectRefusal(
      { status: 401, code: 'UNAUTHENTICATED' },
      {
        opening: (connection) => connection.send(headOf('100-continue', headers)),
        rest: (connection) => connection.send(formBody(wholeForm)),
      },
    );
  });

  test('that nobody knows is not met', async () => {
    const stored = await session.stored();
    const response = await session.post(
      Buffer.concat([Buffer.from(headOf('tea', session.headers)), formBody(wholeForm)]),
    );
    expect(response.status).toBe(417);
    expect(await session.count()).toBeGreaterThanOrEqual(0);
    expect(await session.stored()).toEqual(stored);
  });
});

test.each(['gzip, chunked', 'identity, chunked'])(
  'a body by the transfer codings %s is refused',
  async (coding) => {
    const { 'Content-Length': _, ...type } = formHeaders(0);
    const head = requestHead('/graphql', { ...session.headers, ...type, 'Transfer-Encoding': coding });
    const stored = await session.stored();
    const { status, body } = await session.post(
      Buffer.concat([Buffer.from(head), chunked(formBody(wholeForm), 65_536)]),
    );
    expect(status).toBe(415);
    expect(body).toContain('"content_encoding"');
    expect(await session.stored()).toEqual(stored);
  },
);

describe('a message that is no HTTP is refused, and ends the connection', () => {
  const refusal: Refusal = { status: 400, code: 'BAD_USER_INPUT', faults: ['request: http_invalid'] };
  const body = formBody(wholeForm);
  const lengthless = () => {
    const { 'Content-Length': _, ...type } = formHeaders(body.length);
    return { ...session.headers, ...type, 'Transfer-Encoding': 'chunked' };
  };

  test.each<[string, () => (string | Buffer)[]]>([
    ['a word', () => ['hello\r\n\r\n']],
    [
      'a length and chunks',
      () => [requestHead('/graphql', { ...formHeaders(body.length), ...lengthless() }), body],
    ],
    ['two lengths', () => [session.form(wholeForm, { 'content-length': 7 })]],
    ['a length that is no number', () => [session.form(wholeForm, { 'Content-Length': '7x' })]],
    ['a header with a space in its name', () => [session.form(wholeForm, { 'X Y': 'z' })]],
    ['a chunk without a size', () => [requestHead('/graphql', lengthless()), 'x\r\n', body]],
    [
      'a chunk without a size, within the file',
      () => [
        requestHead('/graphql', lengthless()),
        chunked(body, 50_000).subarray(0, 50_008 * 40),
        'x\r\n',
        body,
      ],
    ],
  ])('%s', async (_what, pieces) => {
    const bytes = Buffer.concat(pieces().map((piece) => Buffer.from(piece)));
    await session.expectRefusal(refusal, { opening: bytes, endedBy: 'service' });
  });
});
