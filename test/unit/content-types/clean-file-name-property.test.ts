import fc from 'fast-check';
import { cleanFileName } from '../../../src/content-types/file-names.js';
import { report } from '../../support/report.js';

const devices = ['CON', 'PRN', 'AUX', 'NUL', 'CONIN$', 'CONOUT$'].concat(
  ['COM', 'LPT'].flatMap((port) => [...'0123456789¹²³'].map((number) => port + number)),
);

const droppedCodes = new Set([
  0xad, 0x61c, 0x180e, 0x200b, 0x200e, 0x200f, 0x2060, 0x2061, 0x2062, 0x2063, 0x2064, 0xfeff,
]);
const blankCodes = new Set([
  0x20, 0xa0, 0x1680, 0x2000, 0x2001, 0x2002, 0x2003, 0x2004, 0x2005, 0x2006, 0x2007, 0x2008, 0x2009, 0x200a,
  0x202f, 0x205f, 0x3000,
]);
/** Unicode's Default_Ignorable_Code_Point, first and last of each run. */
const unseenRuns = [
  [0xad, 0xad],
  [0x34f, 0x34f],
  [0x61c, 0x61c],
  [0x115f, 0x1160],
  [0x17b4, 0x17b5],
  [0x180b, 0x180f],
  [0x200b, 0x200f],
  [0x202a, 0x202e],
  [0x2060, 0x206f],
  [0x3164, 0x3164],
  [0xfe00, 0xfe0f],
  [0xfeff, 0xfeff],
  [0xffa0, 0xffa0],
  [0xfff0, 0xfff8],
  [0x1bca0, 0x1bca3],
  [0x1d173, 0x1d17a],
  [0xe0000, 0xe0fff],
] as const;

/** The rules once more, told one character after the other. */
function reference(name: string): { name: string } | { fault: string } {
  if (name.length > 2048) return { fault: 'too_long' };
  const original = codesOf(name);
  if (
    original.some(
      (code) => code < 0x20 || (code >= 0x7f && code < 0xa0) || code === 0x2028 || code === 0x2029,
    )
  ) {
    return { fault: 'control_character' };
  }
  if (original.some(isDirectional)) return { fault: 'bidi_override' };
  if (original.some((code) => code >= 0xd800 && code < 0xe000)) return { fault: 'lone_surrogate' };
  const kept = original.filter((code) => !droppedCodes.has(code));
  const codes = codesOf(String.fromCodePoint(...kept).normalize('NFC'));
  while (codes[0] !== undefined && blankCodes.has(codes[0])) codes.shift();
  for (
    let last = codes.at(-1);
    last !== undefined && (last === 0x2e || blankCodes.has(last));
    last = codes.at(-1)
  ) {
    codes.pop();
  }
  const clean = String.fromCodePoint(...codes);
  if (clean.includes('/') || clean.includes('\\') || isDots(original)) return { fault: 'path' };
  if (codes.every((code) => code === 0x2e || blankCodes.has(code) || isUnseen(code)))
    return { fault: 'empty' };
  const stem = clean.split(/[.:]/)[0] ?? '';
  if (devices.includes(stem.replace(/ +$/, '').toUpperCase())) return { fault: 'reserved_name' };
  return codes.length > 255 ? { fault: 'too_long' } : { name: clean };
}

const codesOf = (text: string) => Array.from(text, (character) => character.codePointAt(0) ?? 0);

const isDirectional = (code: number) =>
  (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);

const isUnseen = (code: number) => unseenRuns.some(([first, last]) => code >= first && code <= last);

function isDots(codes: readonly number[]): boolean {
  const isBlank = (code: number) => blankCodes.has(code) || code === 0xfeff;
  const first = codes.findIndex((code) => !isBlank(code));
  const last = codes.findLastIndex((code) => !isBlank(code));
  return first >= 0 && ['.', '..'].includes(String.fromCodePoint(...codes.slice(first, last + 1)));
}

const special = [
  ...'./\\: \t\n\0"%$',
  ...[
    '\u007f',
    '\u0085',
    '\u00a0',
    '\u00ad',
    '\u0301',
    '\u0308',
    '\u034f',
    '\u061c',
    '\u200b',
    '\u200c',
    '\u200d',
    '\u200e',
    '\u2028',
  ],
  ...[
    '\u202e',
    '\u202f',
    '\u2060',
    '\u2066',
    '\u3000',
    '\u3164',
    '\ufe0f',
    '\ufeff',
    '\ud83c',
    '\udf89',
    '🎉',
    'é',
    '報',
    'K',
    '\u212a',
  ],
];

const piece = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...special) },
  { weight: 3, arbitrary: fc.constantFrom(...devices, 'con', 'Nul', 'lpt1', 'com') },
  { weight: 3, arbitrary: fc.string({ unit: 'grapheme', maxLength: 6 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'a'.repeat(250),
      '報'.repeat(254),
      'ß'.repeat(252),
      '🎉'.repeat(253),
      'e\u0301'.repeat(251),
    ),
  },
);

const fileName = fc.oneof(
  fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join('')),
  fc.string({ unit: 'binary', maxLength: 300 }),
);

const runs = 4_000;

test('it does what the rules say', () => {
  const outcomes = new Map<string, number>();
  fc.assert(
    fc.property(fileName, (name) => {
      const cleaned = cleanFileName(name);
      const outcome = 'fault' in cleaned ? { fault: cleaned.fault.type } : cleaned;
      expect(outcome).toEqual(reference(name));
      const kind = 'fault' in outcome ? outcome.fault : 'name';
      outcomes.set(kind, (outcomes.get(kind) ?? 0) + 1);
    }),
    { numRuns: runs },
  );
  report(`${runs} names: ${Array.from(outcomes, ([kind, count]) => `${kind} ${count}`).join(', ')}`);
  expect(outcomes.size).toBe(8);
});

test('a clean name is safe, and stays as it is', () => {
  fc.assert(
    fc.property(fileName, (given) => {
      const cleaned = cleanFileName(given);
      if ('fault' in cleaned) return;
      const { name } = cleaned;
      expect(cleanFileName(name)).toEqual({ name });
      expect([...name].length).toBeLessThanOrEqual(255);
      expect(Buffer.byteLength(name)).toBeLessThanOrEqual(1_020);
      expect(Buffer.from(name).toString()).toBe(name);
      expect(name).not.toMatch(/[/\\\p{Cc}]|^\s|[\s.]$/u);
      expect(name.normalize('NFC')).toBe(name);
    }),
    { numRuns: runs },
  );
});
