import {
  type FormPart,
  formBody,
  formRequest,
  graphqlForm,
  type RawResponse,
  testBoundary,
} from '../../support/raw-http.js';
import { answerOf, FormSession, megabyte, oneFile, oneFileMap, query } from './form-session.js';

let session: FormSession;

afterEach(() => session.stop());

async function expectFault(response: RawResponse, type: string): Promise<void> {
  expect(answerOf(response)).toMatchObject({ code: 'INVALID_MULTIPART', details: [{ type }] });
  expect(response.status).toBe(400);
  await session.expectToCarryOn();
}

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

  beforeEach(async () => {
    session = await FormSession.start();
  });

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
    [
      'operations in a character set that nobody knows',
      'json_invalid',
      [{ ...operations, type: 'application/json; charset=none' }, map, file],
    ],
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
    await expectFault(await session.post(parts), type);
  });

  test('no closing boundary, and a body that ends in a file or a header', async () => {
    const body = formBody([operations, map, file]);
    for (const end of [-4, -8, -megabyte, -(4 * megabyte + testBoundary.length + 20)])
      await expectFault(await session.postBytes(formRequest('/', body.subarray(0, end))), 'body_truncated');
  });

  test.each([undefined, '', '""', 'x'.repeat(71), 'é'])('the boundary %j', async (boundary) => {
    const type = boundary === undefined ? 'multipart/form-data' : `multipart/form-data; boundary=${boundary}`;
    await expectFault(
      await session.postBytes(formRequest('/', formBody([operations]), { 'Content-Type': type })),
      'boundary',
    );
  });

  test('all missing parts are named at once', async () => {
    const variables = { file: null, files: [null] };
    const form = graphqlForm({ query, variables }, { a: ['variables.file'], b: ['variables.files.0'] }, []);
    const { details } = answerOf(await session.post(form));
    expect(details?.map(({ loc }) => loc)).toEqual([
      ['map', 'a'],
      ['map', 'b'],
    ]);
  });

  test('a long name of a part is cut in the answer', async () => {
    const response = await session.post([operations, map, { ...stray, name: 'n'.repeat(10_000) }]);
    expect(response.body.length).toBeLessThan(500);
  });
});
