import { type FormPart, formBody, graphqlForm, testBoundary } from '../../support/raw-http.js';
import { report } from '../../support/report.js';
import { roundsOf, seededRandom } from '../../support/seeded-random.js';
import { BothParsers } from './both-parsers.js';
import { oneFile, oneFileMap } from './form-session.js';
import { FormMutator } from './mutate-form.js';

const rounds = roundsOf(1_000);
const random = seededRandom();

let both: BothParsers;
beforeEach(async () => {
  both = await BothParsers.start();
});
afterEach(() => both.stop());

const form = (file: Partial<FormPart>, changes: Partial<Record<number, FormPart>> = {}) =>
  graphqlForm(oneFile, oneFileMap, [{ content: 'the file', ...file }]).map((part, at) => changes[at] ?? part);

const disposition = (rest: string) => `Content-Disposition: form-data; ${rest}`;

describe('a small form in its usual spelling is read whole', () => {
  const usual: [string, FormPart[]][] = [
    ['of curl', form({ fileName: 'a.txt', type: 'text/plain' })],
    ['of a browser, with a name beyond ASCII', form({ fileName: 'Äpfel 🍐 (1).txt', type: 'text/plain' })],
    ['with an escape of a browser', form({ fileName: 'a%22b%0D%0A.txt' })],
    ['without a type', form({ headers: disposition('name="0"; filename="a.txt"') })],
    ['with a type in capitals', form({ type: 'Image/PNG' })],
    ['with an empty file', form({ content: '' })],
    ['with a path for a name', form({ fileName: 'C:/x/../a.txt' })],
    [
      'with a file that holds line ends and hyphens',
      form({ content: `\r\n\r\n--\r\n--${'-'.repeat(9)}\r\n` }),
    ],
    ['with 100 KiB, which come in more than one turn', form({ content: Buffer.alloc(100 * 1024, 'x') })],
  ];

  test.each(usual)('%s', async (_, parts) => {
    expect(await both.answer(formBody(parts))).toMatch(/^200 /);
    expect(both.whole).toBe(1);
  });

  test('without a line end after the closing boundary', async () => {
    const body = formBody(form({}));
    expect(await both.answer(body.subarray(0, -2))).toMatch(/^200 /);
    expect(both.whole).toBe(1);
  });
});

describe('anything else goes to the streaming parser, which reads every byte of it', () => {
  const body = formBody(form({}));
  const text = body.toString('latin1');
  const odd: [string, Buffer][] = [
    ['a preamble', Buffer.concat([Buffer.from('before\r\n'), body])],
    ['an epilogue', Buffer.concat([body, Buffer.from('after')])],
    ['no closing boundary', body.subarray(0, -8)],
    ['no file', formBody(form({}).slice(0, 2))],
    ['two files', formBody([...form({}), { name: '1', fileName: 'b', content: 'b' }])],
    ['the map first', formBody([1, 0, 2].flatMap((at) => form({})[at] ?? []))],
    [
      'a type of operations',
      formBody(
        form({}, { 0: { name: 'operations', type: 'application/json', content: JSON.stringify(oneFile) } }),
      ),
    ],
    [
      'an escaped quote in the name',
      formBody(form({ headers: disposition('name="0"; filename="a\\"b.txt"') })),
    ],
    [
      'an extended name',
      formBody(form({ headers: disposition(`name="0"; filename="a"; filename*=utf-8''%e2%82%ac`) })),
    ],
    [
      'a header in another case',
      Buffer.from(text.replace('Content-Disposition', 'content-disposition'), 'latin1'),
    ],
    [
      'a folded header',
      Buffer.from(text.replace('form-data; name="0"', 'form-data;\r\n name="0"'), 'latin1'),
    ],
    ['another header', formBody(form({ headers: `X-Y: z\r\n${disposition('name="0"; filename="a"')}` }))],
    ['bare line feeds', Buffer.from(text.replaceAll('\r\n', '\n'), 'latin1')],
    [
      'a boundary that goes on',
      Buffer.from(text.replace('the file', `the\r\n--${testBoundary}file`), 'latin1'),
    ],
    ['bytes of a name that are no UTF-8', Buffer.from(text.replace('file-0', '\xff'), 'latin1')],
    [
      'a mark of the byte order',
      formBody(form({}, { 0: { name: 'operations', content: `\ufeff${JSON.stringify(oneFile)}` } })),
    ],
    ['a file called map', formBody(form({ name: 'map' }))],
    ['an empty name', formBody(form({ fileName: '' }))],
    ['an empty body', Buffer.alloc(0)],
  ];

  test.each(odd)('%s', async (_, bytes) => {
    await both.answer(bytes);
    expect(both.whole).toBe(0);
  });

  test('a quoted boundary is as good, and none is refused', async () => {
    await both.answer(body, { 'Content-Type': `multipart/form-data; boundary="${testBoundary}"` });
    expect(both.whole).toBe(1);
    await both.answer(body, { 'Content-Type': 'multipart/form-data' });
    expect(both.whole).toBe(1);
  });
});

test(`${rounds} forms, right and wrong, have the same answer from either parser (SEED=${random.seed})`, async () => {
  const mutator = new FormMutator(random.seed);
  let accepted = 0;
  for (let round = 0; round < rounds; round += 1) {
    if ((await both.answer(mutator.next()))?.startsWith('200')) accepted += 1;
  }
  report(`seed ${random.seed}: ${rounds} forms, ${accepted} accepted, ${both.whole} files read whole`);
  expect(both.whole).toBeGreaterThan(rounds / 50);
  expect(accepted).toBeGreaterThan(rounds / 20);
});
