import { cleanFileName, lastPathSegment } from '../../../src/content-types/file-names.js';

/** The result for each kind of name: the same name, a cleaned one, or the kind of fault it is refused with. */
const table: [string, string, { name: string } | { fault: string }][] = [
  // Kept as they are.
  ['a plain name', 'report.pdf', { name: 'report.pdf' }],
  ['spaces and several dots inside', 'Q1. final v2 (3).tar.gz', { name: 'Q1. final v2 (3).tar.gz' }],
  ['a leading dot', '.gitignore', { name: '.gitignore' }],
  ['leading dots', '..hidden', { name: '..hidden' }],
  ['no extension', 'Makefile', { name: 'Makefile' }],
  ['other scripts', 'Отчёт 報告 تقرير.pdf', { name: 'Отчёт 報告 تقرير.pdf' }],
  ['emoji', '🎉.png', { name: '🎉.png' }],
  ['emoji joined by ZWJ', '👩‍👩‍👧‍👦 🏳️‍🌈.png', { name: '👩‍👩‍👧‍👦 🏳️‍🌈.png' }],
  ['a flag made of tags', '🏴󠁧󠁢󠁳󠁣󠁴󠁿.png', { name: '🏴󠁧󠁢󠁳󠁣󠁴󠁿.png' }],
  ['a non-joiner, as Persian has', 'می\u200Cخواهم.txt', { name: 'می\u200Cخواهم.txt' }],
  ['a no-break space inside', 'Screenshot 9.41\u202FAM.png', { name: 'Screenshot 9.41\u202FAM.png' }],
  ['what only Windows forbids', 'Re: what? "a"<b>|*.txt', { name: 'Re: what? "a"<b>|*.txt' }],
  ['what only looks like a slash', 'a\u2044b\uFF0Fc\u2215d', { name: 'a\u2044b\uFF0Fc\u2215d' }],
  ['percent signs', '%2e%2e%2fetc%2fpasswd', { name: '%2e%2e%2fetc%2fpasswd' }],
  ['a reserved name as a part of a word', 'console.log', { name: 'console.log' }],
  ['a reserved name behind a dot', 'a.con', { name: 'a.con' }],
  ['a device number that is none', 'com10.txt', { name: 'com10.txt' }],

  // Cleaned.
  ['decomposed letters', 'Gru\u0308ße.txt', { name: 'Grüße.txt' }],
  ['a decomposed syllable', '\u1112\u1161\u11AB.txt', { name: '한.txt' }],
  ['space around', '  a b.txt \u3000\u00A0', { name: 'a b.txt' }],
  ['a trailing dot', 'report.pdf.', { name: 'report.pdf' }],
  ['trailing dots and spaces', 'report.pdf . ..', { name: 'report.pdf' }],
  ['a zero-width space', 'in\u200Bvoice.pdf', { name: 'invoice.pdf' }],
  ['a byte order mark', '\uFEFFinvoice.pdf', { name: 'invoice.pdf' }],
  ['a word joiner and a soft hyphen', 'in\u2060vo\u00ADice.pdf', { name: 'invoice.pdf' }],
  ['a letter and its accent kept apart', 'e\u200B\u0301.txt', { name: 'é.txt' }],
  ['a right-to-left mark', 'a\u200F.txt', { name: 'a.txt' }],
  ['two marks before a Hebrew name', '\u200F\u200Fלכידה.PNG', { name: 'לכידה.PNG' }],
  ['a left-to-right mark', 'a\u200E b.txt\u200E', { name: 'a b.txt' }],
  ['an Arabic letter mark', 'a\u061C.txt', { name: 'a.txt' }],

  // Refused.
  ['nothing', '', { fault: 'empty' }],
  ['only space', ' \u3000 ', { fault: 'empty' }],
  ['only dots', '...', { fault: 'empty' }],
  ['dots and spaces', '. . .', { fault: 'empty' }],
  ['nothing visible', '\u200D\uFE0F\u3164', { fault: 'empty' }],
  ['this folder', '.', { fault: 'path' }],
  ['the folder above', '..', { fault: 'path' }],
  ['the folder above, and space', ' .. ', { fault: 'path' }],
  ['a path', 'a/b.txt', { fault: 'path' }],
  ['a path upwards', '../../etc/passwd', { fault: 'path' }],
  ['an absolute path', '/etc/passwd', { fault: 'path' }],
  ['a path of Windows', 'C:\\Windows\\win.ini', { fault: 'path' }],
  ['a network path', '\\\\server\\share', { fault: 'path' }],
  ['a trailing slash', 'folder/', { fault: 'path' }],
  ['a slash behind a zero-width space', '..\u200B/a', { fault: 'path' }],
  ['NUL', 'a.png\0.html', { fault: 'control_character' }],
  ['CR and LF', 'a\r\nSet-Cookie: b=c', { fault: 'control_character' }],
  ['a line feed at the end', 'a.txt\n', { fault: 'control_character' }],
  ['a tab', 'a\tb', { fault: 'control_character' }],
  ['DEL', 'a\u007F', { fault: 'control_character' }],
  ['a C1 control', 'a\u0085b', { fault: 'control_character' }],
  ['a line separator', 'a\u2028b', { fault: 'control_character' }],
  ['a paragraph separator', 'a\u2029', { fault: 'control_character' }],
  ['a right-to-left override', 'invoice\u202Efdp.exe', { fault: 'bidi_override' }],
  ['an embedding', 'a\u202Ab\u202C', { fault: 'bidi_override' }],
  ['an isolate', 'a\u2067b\u2069', { fault: 'bidi_override' }],
  ['a lone high surrogate', 'a\uD83C.txt', { fault: 'lone_surrogate' }],
  ['a lone low surrogate', '\uDF89a.txt', { fault: 'lone_surrogate' }],
  ['a reserved name', 'CON', { fault: 'reserved_name' }],
  ['a reserved name in another case', 'nul', { fault: 'reserved_name' }],
  ['a reserved name with an extension', 'Aux.txt', { fault: 'reserved_name' }],
  ['a reserved name with two', 'prn.tar.gz', { fault: 'reserved_name' }],
  ['a reserved name with a trailing dot', 'com1.', { fault: 'reserved_name' }],
  ['a reserved name with trailing space', 'lpt9 ', { fault: 'reserved_name' }],
  ['a reserved name, space and an extension', 'con .txt', { fault: 'reserved_name' }],
  ['a reserved name with a stream', 'nul:a', { fault: 'reserved_name' }],
  ['a superscript device number', 'COM¹.txt', { fault: 'reserved_name' }],
  ['the console for input', 'CONIN$', { fault: 'reserved_name' }],
  ['a reserved name in disguise', 'c\u200Bon', { fault: 'reserved_name' }],
  ['only marks of direction', '\u200E\u200F\u061C', { fault: 'empty' }],
  ['a reserved name behind a mark', '\u200Fnul.txt', { fault: 'reserved_name' }],
  ['256 characters', 'a'.repeat(256), { fault: 'too_long' }],
  ['a million characters', '.'.repeat(1_000_000), { fault: 'too_long' }],
];

test.each(table)('%s', (_what, name, expected) => {
  const cleaned = cleanFileName(name);
  expect('fault' in cleaned ? { fault: cleaned.fault.type } : cleaned).toEqual(expected);
});

describe('255 characters are the limit', () => {
  test.each([
    ['a', 1],
    ['ß', 2],
    ['報', 3],
    ['🎉', 4],
  ])('in %s', (character, width) => {
    expect(Buffer.byteLength(character)).toBe(width);
    for (const characters of [254, 255, 256]) {
      const name = `${character.repeat(characters - 4)}.txt`;
      expect(Buffer.byteLength(name)).toBe((characters - 4) * width + 4);
      const cleaned = cleanFileName(name);
      if (characters <= 255) expect(cleaned).toEqual({ name });
      else {
        const msg = 'The file name has 256 characters; at most 255 are allowed.';
        expect(cleaned).toEqual({ fault: { type: 'too_long', msg } });
      }
    }
  });

  test('counted once the name is clean', () => {
    expect(cleanFileName(`${'e\u0301'.repeat(251)}.txt${' .'.repeat(50)}`)).toEqual({
      name: `${'é'.repeat(251)}.txt`,
    });
    expect(cleanFileName(`${'e\u0301'.repeat(252)}.txt`)).toMatchObject({ fault: { type: 'too_long' } });
  });
});

test.each([
  ['a.txt', 'a.txt'],
  ['folder/a.txt', 'a.txt'],
  ['C:\\fakepath\\a.txt', 'a.txt'],
  ['a\\b/c.txt', 'c.txt'],
  ['a/b\\c.txt', 'c.txt'],
  ['../../a.txt', 'a.txt'],
  ['folder/', ''],
  ['', ''],
])('the last segment of %j is %j', (path, expected) => {
  expect(lastPathSegment(path)).toBe(expected);
});
