import { setTimeout as sleep } from 'node:timers/promises';
import { GraphQLUpload, Upload } from 'graphql-upload-minimal';
import type { FaultDetail } from '../../src/errors.js';
import {
  chunked,
  type FormPart,
  formBody,
  formHeaders,
  formRequest,
  graphqlForm,
  RawConnection,
  type RawResponse,
  requestHead,
  testBoundary,
} from '../support/raw-http.js';
import {
  type HashedFile,
  HashingServer,
  type HashingServerOptions,
  hashFile,
  sha256,
} from './hashing-server.js';

const query = 'mutation ($file: Upload, $files: [Upload]) { x }';
const oneFile = { query, variables: { file: null } };
const oneFileMap = { 0: ['variables.file'] };
const megabyte = 1024 * 1024;

let server: HashingServer;
let connection: RawConnection;

async function start(options: HashingServerOptions = {}): Promise<void> {
  server = await HashingServer.start(options);
  connection = await RawConnection.open(server.url);
}

afterEach(async () => {
  connection.destroy();
  await server.stop();
  expect(server.leakedListeners.filter((count) => count > 0)).toEqual([]);
});

async function post(parts: readonly FormPart[]): Promise<RawResponse> {
  return postBytes(formRequest('/graphql', formBody(parts)));
}

async function postBytes(bytes: Buffer): Promise<RawResponse> {
  void connection.send(bytes);
  return connection.response();
}

interface Answer {
  code?: string;
  message?: string;
  limit?: number;
  details?: FaultDetail[];
  variables?: { file?: HashedFile | null; files?: (HashedFile | null)[] };
  taken?: HashedFile[];
}

function answerOf(response: RawResponse): Answer {
  return JSON.parse(response.body);
}

/** The connection carries on: nothing of the request before is left in it. */
async function expectNextRequestToWork(): Promise<void> {
  const response = await post(graphqlForm(oneFile, oneFileMap, [{ content: 'next' }]));
  expect(answerOf(response).taken?.[0]?.sha256).toBe(sha256('next'));
}

async function expectFault(response: RawResponse, type: string): Promise<void> {
  expect(answerOf(response)).toMatchObject({ code: 'INVALID_MULTIPART', details: [{ type }] });
  expect(response.status).toBe(400);
  expect(server.leftBehind).toBe(0);
  await expectNextRequestToWork();
}

describe('a well-formed request', () => {
  beforeEach(() => start());

  test('has its files put where the map says, as they were sent', async () => {
    const contents = ['', 'a', Buffer.alloc(5 * megabyte, 'b'), Buffer.alloc(16 * megabyte, 'c')];
    const operations = { query, variables: { file: null, files: [null, null, null] } };
    const map = {
      0: ['variables.files.2'],
      1: ['variables.file'],
      2: ['variables.files.0'],
      3: ['variables.files.1'],
    };
    const answer = answerOf(
      await post(
        graphqlForm(
          operations,
          map,
          contents.map((content) => ({ content })),
        ),
      ),
    );
    const hashes = contents.map((content) => sha256(content));
    expect(answer.taken?.map((file) => file.sha256)).toEqual(hashes);
    expect(answer.taken?.map((file) => file.size)).toEqual([0, 1, 5 * megabyte, 16 * megabyte]);
    expect(answer.variables?.file?.sha256).toBe(hashes[1]);
    expect(answer.variables?.files?.map((file) => file?.sha256)).toEqual([hashes[2], hashes[3], hashes[0]]);
    await expectNextRequestToWork();
  });

  test('may use one part twice', async () => {
    const operations = { query, variables: { file: null, files: [null] } };
    const form = graphqlForm(operations, { 0: ['variables.file', 'variables.files.0'] }, [
      { content: 'twice' },
    ]);
    const { variables } = answerOf(await post(form));
    expect(variables?.file?.sha256).toBe(sha256('twice'));
    expect(variables?.files?.[0]).toEqual(variables?.file);
  });

  test('may carry no files', async () => {
    expect(answerOf(await post(graphqlForm({ query }, {}, [])))).toEqual({ query, taken: [] });
  });

  test('may come in chunks, in any letter case, with a boundary of 1 or 70 characters', async () => {
    const parts = graphqlForm(oneFile, oneFileMap, [{ content: 'content' }]);
    for (const boundary of ['x', 'y'.repeat(70)]) {
      const type = {
        'CONTENT-TYPE': `Multipart/FORM-data; BOUNDARY=${boundary}`,
        'Transfer-Encoding': 'chunked',
      };
      const body = chunked(formBody(parts, boundary), 7);
      const response = await postBytes(Buffer.concat([Buffer.from(requestHead('/graphql', type)), body]));
      expect(answerOf(response).variables?.file?.sha256).toBe(sha256('content'));
    }
  });

  test('may await a 100 Continue, and have a preamble and an epilogue', async () => {
    const form = formBody(graphqlForm(oneFile, oneFileMap, [{ content: 'content' }]));
    const body = Buffer.concat([Buffer.from('preamble\r\n'), form, Buffer.from('epilogue')]);
    await connection.send(requestHead('/graphql', { ...formHeaders(body.length), Expect: '100-continue' }));
    await sleep(20);
    await connection.send(body);
    expect(answerOf(await connection.response()).taken).toHaveLength(1);
  });

  test('has its file names seen as sent', async () => {
    const names = ['../../etc/passwd', 'C:\\dir\\a.txt', 'naïve \u202e✓.pdf', `${'n'.repeat(300)}.pdf`];
    for (const fileName of names) {
      const form = graphqlForm(oneFile, oneFileMap, [
        { fileName: fileName.replaceAll('\\', '\\\\'), content: '' },
      ]);
      expect(answerOf(await post(form)).taken?.[0]?.fileName).toBe(fileName);
    }
  });

  test('has extended file names decoded, and missing ones null', async () => {
    const named = "Content-Disposition: form-data; name=0; filename*=utf-8''na%C3%AFve.txt";
    const nameless = 'Content-Disposition: form-data; name=0\r\nContent-Type: application/octet-stream';
    for (const [headers, fileName] of [
      [named, 'naïve.txt'],
      [nameless, null],
    ] as const) {
      const form = graphqlForm(oneFile, oneFileMap, [{ headers, content: 'x' }]);
      expect(answerOf(await post(form)).taken?.[0]?.fileName).toBe(fileName);
    }
  });

  test('may be made by fetch', async () => {
    const form = new FormData();
    form.set('operations', JSON.stringify(oneFile));
    form.set('map', JSON.stringify(oneFileMap));
    form.set('0', new Blob(['content'], { type: 'text/csv' }), 'ü.csv');
    const response = await fetch(server.url, { method: 'POST', body: form });
    expect(await response.json()).toMatchObject({
      variables: { file: { fileName: 'ü.csv', declaredType: 'text/csv', sha256: sha256('content') } },
    });
  });
});

test('an upload unwraps to what was taken in', async () => {
  const upload = Object.assign(new Upload(), { promise: Promise.resolve('taken') });
  expect(await GraphQLUpload.parseValue(upload)).toBe('taken');
  await start();
});

describe('a malformed request is refused, and its connection carries on', () => {
  const big: FormPart = { content: Buffer.alloc(4 * megabyte) };
  const [operations, map, file] = graphqlForm(oneFile, oneFileMap, [big]) as [FormPart, FormPart, FormPart];
  const stray: FormPart = { name: '9', fileName: 'stray', content: 'stray' };
  const merged = {
    headers: `A: b\r\n--${testBoundary}\r\nContent-Disposition: form-data; name=0`,
    content: '--',
  };
  const closing = { headers: `--${testBoundary}--`, content: 'x' };
  const nowhere = 'Content-Disposition: attachment; name=0; filename=a';

  beforeEach(() => start());

  test.each<[string, string, FormPart[]]>([
    ['nothing', 'part_missing', []],
    ['operations alone', 'part_missing', [operations]],
    ['map before operations', 'part_out_of_order', [map, operations, file]],
    ['file first', 'part_out_of_order', [file, operations, map]],
    ['file before map', 'part_out_of_order', [operations, file, map]],
    ['operations twice', 'part_duplicate', [operations, operations, map, file]],
    ['map twice', 'part_duplicate', [operations, map, map, file]],
    ['map at the end again', 'part_duplicate', [operations, map, file, map]],
    ['a file twice', 'part_duplicate', [operations, map, file, file]],
    ['a file named operations', 'part_duplicate', [operations, map, { ...stray, name: 'operations' }]],
    ['a field too many', 'part_unexpected', [operations, map, file, { name: 'x', content: '' }]],
    ['a file that the map does not know', 'part_unexpected', [operations, map, file, stray]],
    ['a file that does not come', 'part_missing', [operations, map]],
    ['a field where a file is due', 'file_expected', [operations, map, { name: '0', content: 'text' }]],
    ['operations as a file', 'field_expected', [{ ...operations, fileName: 'blob' }, map, file]],
    ['map as a file', 'field_expected', [operations, { ...map, fileName: 'blob' }, file]],
    ['a nameless field', 'name_missing', [{ content: 'x' }, operations, map, file]],
    ['a nameless file', 'name_missing', [operations, map, { fileName: 'a', content: 'x' }]],
    [
      'a part with a broken header',
      'part_headers',
      [operations, map, { headers: 'No colon', content: 'x' }, file],
    ],
    [
      'a part with no disposition',
      'part_headers',
      [operations, map, { headers: 'A: b', content: 'x' }, file],
    ],
    [
      'a part that is no form-data',
      'part_headers',
      [operations, map, { headers: nowhere, content: 'x' }, file],
    ],
    [
      'a delimiter among headers, then what looks like the last one',
      'part_headers',
      [operations, map, merged, file],
    ],
    ['a part behind what looks like the last one', 'part_headers', [operations, map, closing, file]],
    [
      'a part with endless headers',
      'part_headers',
      [operations, map, { headers: `A: ${'b'.repeat(20_000)}`, content: '' }],
    ],
    ['NUL in a file name', 'part_headers', [operations, map, { ...file, fileName: 'a\0b' }]],
    ['a batch', 'batch_unsupported', [{ ...operations, content: '[]' }, map, file]],
    ['a map that is no JSON', 'json_invalid', [operations, { ...map, content: '{' }, file]],
    [
      'a file with a delimiter in it',
      'boundary',
      [operations, map, { ...file, content: `a\r\n--${testBoundary}b` }],
    ],
  ])('%s', async (_what, type, parts) => {
    await expectFault(await post(parts), type);
  });

  test('no closing boundary, and a body that ends in a file or a header', async () => {
    const body = formBody([operations, map, file]);
    for (const end of [-4, -8, -megabyte, -(4 * megabyte + testBoundary.length + 20)])
      await expectFault(await postBytes(formRequest('/', body.subarray(0, end))), 'body_truncated');
  });

  test.each([undefined, '', '""', 'x'.repeat(71), 'é'])('the boundary %j', async (boundary) => {
    const type = boundary === undefined ? 'multipart/form-data' : `multipart/form-data; boundary=${boundary}`;
    await expectFault(
      await postBytes(formRequest('/', formBody([operations]), { 'Content-Type': type })),
      'boundary',
    );
  });

  test('all missing parts are named at once', async () => {
    const variables = { file: null, files: [null] };
    const form = graphqlForm({ query, variables }, { a: ['variables.file'], b: ['variables.files.0'] }, []);
    const { details } = answerOf(await post(form));
    expect(details?.map(({ loc }) => loc)).toEqual([
      ['map', 'a'],
      ['map', 'b'],
    ]);
  });

  test('a long name of a part is cut in the answer', async () => {
    const response = await post([operations, map, { ...stray, name: 'n'.repeat(10_000) }]);
    expect(response.body.length).toBeLessThan(500);
  });
});

describe('limits', () => {
  const files: FormPart[] = Array.from({ length: 6 }, () => ({ content: Buffer.alloc(100) }));
  const variables = { files: Array.from({ length: 6 }, () => null) };
  const fullMap = Object.fromEntries(files.map((_, index) => [index, [`variables.files.${index}`]]));

  test('a map that announces too many files: nothing is read', async () => {
    await start();
    const response = await post(graphqlForm({ query, variables }, fullMap, files));
    expect(response.status).toBe(413);
    expect(answerOf(response)).toMatchObject({ code: 'TOO_MANY_FILES', limit: 5 });
    expect(server.taken).toBe(0);
    await expectNextRequestToWork();
  });

  test('as many files as are allowed', async () => {
    await start();
    const { 5: _, ...map } = fullMap;
    expect(
      answerOf(await post(graphqlForm({ query, variables }, map, files.slice(0, 5)))).taken,
    ).toHaveLength(5);
  });

  test('more file parts than are allowed, whatever the map says', async () => {
    await start();
    expect(answerOf(await post(graphqlForm(oneFile, oneFileMap, files)))).toMatchObject({
      code: 'TOO_MANY_FILES',
    });
    await expectNextRequestToWork();
  });

  test.each(['declared', 'counted'])('a request too large by its %s length', async (how) => {
    await start({ limits: { maxRequestSize: megabyte } });
    const body = formBody(graphqlForm(oneFile, oneFileMap, [{ content: Buffer.alloc(2 * megabyte) }]));
    const { 'Content-Length': length, ...type } = formHeaders(body.length);
    const request =
      how === 'declared'
        ? [requestHead('/', { ...type, 'Content-Length': length ?? 0 }), body]
        : [requestHead('/', { ...type, 'Transfer-Encoding': 'chunked' }), chunked(body, 100_000)];
    for (const piece of request) void connection.send(piece);
    const response = await connection.response();
    expect(response.status).toBe(413);
    expect(answerOf(response)).toMatchObject({ code: 'REQUEST_TOO_LARGE', limit: megabyte });
    expect(server.leftBehind).toBe(0);
    await expectNextRequestToWork();
  });

  test.each([
    ['operations', 10_000],
    ['map', 2000],
  ])('%s of %i bytes pass, and one byte more does not', async (field, limit) => {
    await start({ limits: { maxOperationsSize: 10_000, maxMapSize: 2000 } });
    for (const excess of [0, 1]) {
      const parts = graphqlForm(oneFile, oneFileMap, [{ content: 'x' }]).map((part) =>
        part.name === field ? { ...part, content: String(part.content).padEnd(limit + excess) } : part,
      );
      const answer = answerOf(await post(parts));
      if (excess === 0) expect(answer.taken).toHaveLength(1);
      else expect(answer).toMatchObject({ code: 'REQUEST_TOO_LARGE', limit });
    }
    await expectNextRequestToWork();
  });

  test.each([
    ['operations', 'operations', 1024 * 1024],
    ['map', 'map', 64 * 1024],
  ])(
    'an endless field in place of %s is answered while it is still being sent',
    async (_what, name, limit) => {
      await start();
      const before = name === 'map' ? [{ name: 'operations', content: JSON.stringify(oneFile) }] : [];
      const opening = formBody([...before, { name, content: '' }]).subarray(0, -testBoundary.length - 8);
      await connection.send(requestHead('/', formHeaders(300 * megabyte)));
      await connection.send(opening);
      await connection.sendMuch(3 * megabyte);
      expect(answerOf(await connection.response(1000))).toMatchObject({ code: 'REQUEST_TOO_LARGE', limit });
    },
  );

  test('more paths than are allowed', async () => {
    await start({ limits: { maxMapPaths: 2 } });
    const map = { 0: ['variables.files.0', 'variables.files.1', 'variables.files.2'] };
    const answer = answerOf(await post(graphqlForm({ query, variables }, map, files.slice(0, 1))));
    expect(answer).toMatchObject({ code: 'INVALID_MULTIPART', limit: 2 });
  });
});

describe('screening', () => {
  test('a document that cannot be executed comes back at once, uploads null, with no file read', async () => {
    let received = 0;
    await start({
      screen: async () => sleep(20, false),
      receive: async (file) => {
        received += 1;
        return hashFile(file);
      },
    });
    const body = formBody(graphqlForm(oneFile, oneFileMap, [{ content: Buffer.alloc(20 * megabyte) }]));
    await connection.send(requestHead('/', formHeaders(body.length)));
    await connection.send(body.subarray(0, 4 * megabyte));
    expect(answerOf(await connection.response(1000))).toEqual({ ...oneFile, taken: [] });
    await connection.send(body.subarray(4 * megabyte));
    expect(answerOf(await post(graphqlForm(oneFile, oneFileMap, [{ content: 'x' }])))).toEqual({
      ...oneFile,
      taken: [],
    });
    expect(received).toBe(0);
  });

  test('sees the body, and may throw', async () => {
    const seen: unknown[] = [];
    await start({
      screen: (body) => {
        seen.push(structuredClone(body));
        throw new Error('Broken');
      },
    });
    const response = await post(graphqlForm(oneFile, oneFileMap, [{ content: 'x' }]));
    expect(response.status).toBe(500);
    expect(seen).toEqual([oneFile]);
  });
});
