import type { Answer } from '../../support/client.js';
import { report } from '../../support/report.js';
import { startService, type TestService } from '../../support/service.js';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

/** Names as people and systems have them, that stay as they are. */
const kept = `
report.txt|Report (final) v2.txt|Q1. final.txt|.gitignore|..hidden|Makefile|no extension|a.tar.gz.txt|100%.txt|50% off %20.txt
%2e%2e%2fx.txt|a%0d%0ab.txt|it's.txt|a;b=c,d.txt|a&b#c+d.txt|[brackets].txt|{braces}.txt|~tilde.txt|-dash.txt|_under.txt
Re: offer.txt|what?.txt|a*b.txt|"quoted".txt|<angle>.txt|a|b.txt|12:30.txt|C++.txt|$HOME.txt|\`tick\`.txt|!bang.txt|@at.txt
Äpfel.txt|Grüße.txt|naïve café.txt|Ærøskøbing.txt|Łódź.txt|Ünïcödé.txt|Čeština.txt|İstanbul.txt|ﬁ.txt|Straße.txt
Отчёт.txt|Ελληνικά.txt|報告.txt|报告 2024.txt|レポート.txt|보고서.txt|รายงาน.txt|रिपोर्ट.txt|தமிழ்.txt|გვ.txt
תמונה.txt|لكيدة.txt|تقرير ٢.txt|می\u200Cخواهم.txt|🎉.txt|👩‍👩‍👧‍👦.txt|🏳️‍🌈 flag.txt|a\u202Fb.txt|a\u2044b.txt|com10.txt`
  .trim()
  .split(/\||\n/)
  .filter((name) => !['a', 'b.txt'].includes(name))
  .concat('a|b.txt')
  // As systems, phones and programs make them.
  .concat(
    'Bildschirmfoto 2024-01-01 um 10.00.00.txt',
    'Screenshot 2024-01-01 at 10.00.00\u202FAM.txt',
    'WhatsApp Image 2024-01-01 at 10.00.00 (1).txt',
    ...['IMG_20240101_100000~2.txt', '~$letter.txt', '.~lock.letter.txt#', '._photo.txt', '__MACOSX.txt'],
    ...['letter - Kopie (2).txt', 'Copy of Copy of letter.txt', 'letter.txt.download', 'letter.txt.~1~'],
    ...['RE_ FW_ [EXTERN] Angebot.txt', 'Nr. 7 § 3 Abs. 2 € 100.txt', 'H₂O ½ ² №.txt', '10′ × 20″.txt'],
    ...['console.txt', 'connect.txt', 'auxiliary.txt', 'null.txt', 'com.txt', 'lpt.txt', 'con artist.txt'],
    ...[
      '1️⃣.txt',
      '🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}.txt',
      '❤️‍🔥.txt',
      'a\u00A0b.txt',
      '\uE000.txt',
    ],
    ...[
      'ก็.txt',
      'ਪੰਜਾਬੀ.txt',
      'ქართული.txt',
      'Հայերեն.txt',
      'አማርኛ.txt',
      'Tiếng Việt.txt',
      'ᠮᠣᠩᠭᠣᠯ.txt',
      '𠮷野家.txt',
    ],
  );

/** Names that are cleaned. */
const cleaned: [string, string][] = [
  ['\u200F\u200Fלכידה.txt', 'לכידה.txt'],
  ['\u200Ea.txt', 'a.txt'],
  ['a\u061C.txt', 'a.txt'],
  ['Screen\u200E Shot.txt\u200E', 'Screen Shot.txt'],
  ['Cafe\u0301.txt', 'Café.txt'],
  ['\u1112\u1161\u11AB.txt', '한.txt'],
  ['  a.txt  ', 'a.txt'],
  ['a.txt.', 'a.txt'],
  ['a.txt . .', 'a.txt'],
  ['in\u200Bvoice.txt', 'invoice.txt'],
  ['\uFEFFa.txt', 'a.txt'],
  ['so\u00ADft.txt', 'soft.txt'],
  [`${'報'.repeat(251)}.txt`, `${'報'.repeat(251)}.txt`],
  [`${'🎉'.repeat(251)}.txt`, `${'🎉'.repeat(251)}.txt`],
  [`${'e\u0301'.repeat(251)}.txt`, `${'é'.repeat(251)}.txt`],
];

/** Names that are refused, and why. */
const refused: [string, string][] = [
  ['', 'empty'],
  [' .. . ', 'empty'],
  ['\u200F\u200E', 'empty'],
  ['a\nb.txt', 'control_character'],
  ['a\r\nX: y.txt', 'control_character'],
  ['a\tb.txt', 'control_character'],
  ['a\u0085b.txt', 'control_character'],
  ['a\u2028b.txt', 'control_character'],
  ['a\u202Egpj.txt', 'bidi_override'],
  ['a\u202Db.txt', 'bidi_override'],
  ['a\u2066b.txt', 'bidi_override'],
  ['a\u2069b.txt', 'bidi_override'],
  ['con.txt', 'reserved_name'],
  ['NUL', 'reserved_name'],
  ['lpt1.txt', 'reserved_name'],
  ['\u200Eaux.txt', 'reserved_name'],
  ['com1:x.txt', 'reserved_name'],
  [`${'a'.repeat(252)}.txt`, 'too_long'],
  [`${'報'.repeat(252)}.txt`, 'too_long'],
];

/** Names that are refused as they stand, while a part's folders are dropped. */
const paths = ['../a.txt', 'x/a.txt', '/etc/a.txt', 'C:\\x\\a.txt', '..'];

type Outcome = { name: string } | { fault: string };

const document = `mutation ($name: String!, $id: ID!, $copied: ID!) {
  created: createAttachment(input: { content: { base64: "eA==" }, fileName: $name }) { attachment { fileName } }
  target: createUploadTarget(input: { fileName: $name, contentType: "text/plain", size: 1 }) { target { documentKey } }
  renamed: updateAttachment(input: { attachmentId: $id, fileName: $name }) { attachment { fileName } }
  copied: copyAttachment(input: { attachmentId: $copied, fileName: $name }) { attachment { fileName } } }`;

type Named = { attachment?: { fileName: string } | null } | null;

/** The outcome of one name by each of the ways that a name in an input goes. */
async function outcomesOf(name: string): Promise<Record<string, Outcome>> {
  const { id } = await service.client.upload({ content: 'x', name: 'a.txt' });
  const variables = { name, id, copied: id };
  const { data, errors } = await service.client.graphql<Record<string, Named>>(document, variables);
  const outcomeOf = (field: string): Outcome => {
    const error = errors?.find(({ path }) => path?.[0] === field);
    if (error) return { fault: faultOf(error.extensions) };
    return { name: data?.[field]?.attachment?.fileName ?? 'taken' };
  };
  return Object.fromEntries(
    ['created', 'target', 'renamed', 'copied'].map((field) => [field, outcomeOf(field)]),
  );
}

const faultOf = ({ code, details }: { code: string; details: { type: string }[] }) =>
  `${code} ${details[0]?.type}`;

const alike = (outcome: Outcome) => ({
  created: outcome,
  target: 'name' in outcome ? { name: 'taken' } : outcome,
  renamed: outcome,
  copied: outcome,
});

async function outcomeOfPart(name: string): Promise<Outcome> {
  const { data, errors }: Answer<{ createAttachment: Named }> = await service.client.tryUpload({
    content: 'x',
    name,
  });
  if (errors?.[0]) return { fault: faultOf(errors[0].extensions) };
  return { name: data?.createAttachment?.attachment?.fileName ?? '' };
}

const counts: Record<string, number> = {};
const count = (kind: string) => {
  counts[kind] = (counts[kind] ?? 0) + 1;
};

test.each(kept)('%j is kept, whichever way it comes', async (name) => {
  expect(await outcomesOf(name)).toEqual(alike({ name }));
  expect(await outcomeOfPart(name)).toEqual({ name });
  count('kept');
});

test.each(cleaned)('%j is cleaned, whichever way it comes', async (given, name) => {
  expect(await outcomesOf(given)).toEqual(alike({ name }));
  expect(await outcomeOfPart(given)).toEqual({ name });
  count('cleaned');
});

test.each(refused)('%j is refused, whichever way it comes: %s', async (name, type) => {
  const fault = `INVALID_FILE_NAME ${type}`;
  expect(await outcomesOf(name)).toEqual(alike({ fault }));
  // The client's own library writes another name for none.
  if (name !== '') expect(await outcomeOfPart(name)).toEqual({ fault });
  count(type);
});

test.each(paths)('%j is refused, while a part loses its folders', async (name) => {
  expect(await outcomesOf(name)).toEqual(alike({ fault: 'INVALID_FILE_NAME path' }));
  const ofPart = await outcomeOfPart(name);
  expect(ofPart).toEqual(name === '..' ? { fault: 'INVALID_FILE_NAME path' } : { name: 'a.txt' });
  count('path');
});

test('98 names and more', () => {
  const all = kept.length + cleaned.length + refused.length + paths.length;
  report(`${all} names by five ways: ${JSON.stringify(counts)}`);
  expect(all).toBeGreaterThanOrEqual(98);
});
