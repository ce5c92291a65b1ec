import { chooseFileName } from '../../../src/content-types/file-names.js';
import { AttachmentError, Faults } from '../../../src/errors.js';
import { formBody, graphqlForm } from '../../support/raw-http.js';
import { report } from '../../support/report.js';
import { BothParsers } from './both-parsers.js';
import { oneFile, oneFileMap } from './form-session.js';

/** A text as the bytes that its UTF-8 has, each a character. */
const utf8 = (text: string) => Buffer.from(text).toString('latin1');
const quoted = (name: string) => `; filename="${name}"`;
const extended = (name: string) => `; filename*=${name}`;
const longest = '報'.repeat(251);

/** Parameters behind the part's own name, as bytes; then the name that comes of them, or why it is refused. */
const forms: [string, string, { name: string } | { fault: string }][] = [
  // Text in its usual spellings.
  ['curl', quoted('a.txt'), { name: 'a.txt' }],
  ['a token', '; filename=a.txt', { name: 'a.txt' }],
  ['spaces', quoted('a b  c.txt'), { name: 'a b  c.txt' }],
  ['UTF-8', quoted(utf8('übung.txt')), { name: 'übung.txt' }],
  ['UTF-8, decomposed', quoted(utf8('u\u0308b.txt')), { name: 'üb.txt' }],
  ['Chinese', quoted(utf8('报告.pdf')), { name: '报告.pdf' }],
  ['84 characters of 3 bytes', quoted(utf8(`${'報'.repeat(84)}.pdf`)), { name: `${'報'.repeat(84)}.pdf` }],
  ['255 characters', quoted(utf8(`${longest}.pdf`)), { name: `${longest}.pdf` }],
  ['256 characters', quoted(utf8(`報${longest}.pdf`)), { fault: 'too_long' }],
  ['emoji', quoted(utf8('📎.txt')), { name: '📎.txt' }],
  ['a mark of the byte order', quoted(utf8('\ufeffa.txt')), { name: 'a.txt' }],
  ['marks before Hebrew', quoted(utf8('\u200f\u200fלכידה.PNG')), { name: 'לכידה.PNG' }],
  ['a mark before Arabic', quoted(utf8('\u061cتقرير.pdf')), { name: 'تقرير.pdf' }],
  ['a mark behind it', quoted(utf8('a\u200e.pdf')), { name: 'a.pdf' }],
  ['an override', quoted(utf8('a\u202egpj.exe')), { fault: 'bidi_override' }],
  ['an isolate', quoted(utf8('a\u2068b.txt')), { fault: 'bidi_override' }],
  ['a replaced character', quoted(utf8('a\ufffd.txt')), { name: 'a\ufffd.txt' }],

  // Bytes that are no UTF-8.
  ['Latin-1', quoted('\xfcb.txt'), { name: 'üb.txt' }],
  ['windows-1252', quoted('Preis \x80 \x93x\x94 \x96.txt'), { name: 'Preis € “x” –.txt' }],
  ['Latin-1 as a token', '; filename=\xe9t\xe9.txt', { fault: 'part_headers' }],
  ['half a character', quoted('a\xc3.txt'), { name: 'aÃ.txt' }],
  ['a character that goes on', quoted('\xa9.txt'), { name: '©.txt' }],
  ['more bytes than needed', quoted('\xc0\xaf.txt'), { name: 'À¯.txt' }],
  ['half a surrogate pair', quoted('\xed\xa0\x80.txt'), { name: 'í\u00a0€.txt' }],
  ['a byte that stands for nothing', quoted('\x81.txt'), { fault: 'control_character' }],
  ['a line end of other machines', quoted('a\x85b.txt'), { name: 'a…b.txt' }],
  ['both at once', quoted(`${utf8('ü')}\xfc.txt`), { name: 'Ã¼ü.txt' }],

  // Characters that browsers write in another way.
  ['a quotation mark', quoted('a%22b.txt'), { name: 'a"b.txt' }],
  ['only quotation marks', quoted('%22%22'), { name: '""' }],
  ['a line feed', quoted('a%0Ab.txt'), { fault: 'control_character' }],
  ['a carriage return', quoted('a%0Db.txt'), { fault: 'control_character' }],
  ['both', quoted('a%0D%0AX-Y: z.txt'), { fault: 'control_character' }],
  ['a percent sign', quoted('100%.txt'), { name: '100%.txt' }],
  ['another escape', quoted('a%20b%2Fc%2e.txt'), { name: 'a%20b%2Fc%2e.txt' }],
  ['small letters, which no browser writes', quoted('a%0d%0ab.txt'), { name: 'a%0d%0ab.txt' }],
  ['an escape of an escape', quoted('a%2522.txt'), { name: 'a%2522.txt' }],
  ['an escape in windows-1252', quoted('\xfc%22.txt'), { name: 'ü".txt' }],
  ['an escape in a token', '; filename=a%22.txt', { name: 'a".txt' }],

  // Backslashes.
  ['an escaped quotation mark', quoted('a\\"b.txt'), { name: 'a"b.txt' }],
  ['an escaped backslash', quoted('C:\\\\x\\\\a.txt'), { name: 'a.txt' }],
  ['folders of old browsers', quoted('C:\\fakepath\\a.txt'), { name: 'a.txt' }],
  ['slashes', quoted('x/y/a.txt'), { name: 'a.txt' }],
  ['a way upwards', quoted('../../etc/passwd'), { name: 'passwd' }],
  ['a folder alone', quoted('x/'), { fault: 'empty' }],

  // Characters that only Windows forbids.
  ['colon, star and question mark', quoted('a:b*c?.txt'), { name: 'a:b*c?.txt' }],
  ['angle brackets and bar', quoted('<a>|b.txt'), { name: '<a>|b.txt' }],
  ['a device', quoted('nul.txt'), { fault: 'reserved_name' }],
  ['a device and a stream', quoted('con:x'), { fault: 'reserved_name' }],

  // The extended form.
  ['UTF-8', extended("UTF-8''%E2%82%AC.txt"), { name: '€.txt' }],
  ['small letters and a language', extended("utf-8'en'%e2%82%ac.txt"), { name: '€.txt' }],
  ['Latin-1', extended("ISO-8859-1''%fcb.txt"), { name: 'üb.txt' }],
  ['beside the plain one', `${quoted('a.txt')}${extended("UTF-8''b.txt")}`, { name: 'b.txt' }],
  ['before it', `${extended("UTF-8''b.txt")}${quoted('a.txt')}`, { name: 'b.txt' }],
  ['an escape of an escape, which stays', extended("UTF-8''a%2522.txt"), { name: 'a%22.txt' }],
  ['text that looks like bytes, which stays', extended("UTF-8''%C3%83%C2%BC.txt"), { name: 'Ã¼.txt' }],
  ['line ends', extended("UTF-8''a%0D%0Ab"), { fault: 'control_character' }],
  [
    'a plain name that only looks like it',
    quoted("; filename*=UTF-8''x%22.txt"),
    { name: `; filename*=UTF-8''x".txt` },
  ],
  [
    'a plain one behind what only looks like it, and a fold behind a backslash',
    `; x="\\\r\n "; y="; filename*=b"${quoted(utf8('é%22.txt'))}`,
    { name: 'é".txt' },
  ],
  [
    'a plain one behind what only looks like it, and a quotation mark in a language',
    `; x*=utf-8'"'a; y="; filename*=b"${quoted(utf8('é%22.txt'))}`,
    { name: 'é".txt' },
  ],
  ['no character set', extended('a.txt'), { fault: 'part_headers' }],
  ['a wrong escape', extended("UTF-8''%zz"), { fault: 'part_headers' }],

  // Bytes that end a header, and names that are none.
  ['NUL', quoted('a\0b.txt'), { fault: 'part_headers' }],
  ['a bare line feed', quoted('a\nb.txt'), { fault: 'part_headers' }],
  ['no closing quotation mark', '; filename="a.txt', { fault: 'part_headers' }],
  ['nothing', quoted(''), { fault: 'file_expected' }],
  ['a tab', quoted('a\tb.txt'), { fault: 'control_character' }],
];

let both: BothParsers;
beforeAll(async () => {
  both = await BothParsers.start();
});
afterAll(() => both.stop());

/** The name that a creation would have, or why it is refused. */
function outcomeOf(answer = ''): { name: string } | { fault: string } {
  const [, type] = /"type":"(\w+)"/.exec(answer) ?? [];
  if (!answer.startsWith('200')) return { fault: type ?? answer };
  const [, given = 'null'] = /"fileName":(null|"(?:[^"\\]|\\.)*")/.exec(answer) ?? [];
  const faults = new Faults();
  const name = chooseFileName(faults, null, JSON.parse(given) as string | null);
  try {
    faults.throwIfAny();
    return { name };
  } catch (error) {
    return { fault: error instanceof AttachmentError ? (error.details[0]?.type ?? '') : String(error) };
  }
}

const body = (parameters: string, name = '0') => {
  const headers = `Content-Disposition: form-data; name="${name}"PARAMETERS`;
  const parts = graphqlForm(oneFile, oneFileMap, [{ content: 'the file', headers }]);
  const text = formBody(parts).toString('latin1');
  return Buffer.from(
    text.replace('PARAMETERS', () => parameters),
    'latin1',
  );
};

const counts: Record<string, number> = {};

test.each(forms)('%s: %j', async (_what, parameters, expected) => {
  const outcome = outcomeOf(await both.answer(body(parameters)));
  const kind = 'name' in outcome ? 'taken' : outcome.fault;
  counts[kind] = (counts[kind] ?? 0) + 1;
  expect(outcome).toEqual(expected);
});

test('each form had the same answer from the parser of small forms and from the streaming one', () => {
  report(`${forms.length} spellings of names: ${JSON.stringify(counts)}; ${both.whole} read whole`);
  expect(forms.length).toBeGreaterThanOrEqual(62);
  expect(both.whole).toBeGreaterThan(20);
});

test('names are read alike however the headers are cut on their way', async () => {
  const streaming = await BothParsers.start();
  for (const [what, parameters, expected] of forms.slice(0, 60)) {
    const answer = await streaming.answerInPieces(body(parameters), 7);
    expect({ what, outcome: outcomeOf(answer) }).toEqual({ what, outcome: expected });
  }
  await streaming.stop();
});
