import { foldName, nameForms } from '../../../src/database/stored-names.js';

/** As the databases compare. */
const byBytes = (one: string, other: string) => Buffer.compare(Buffer.from(one), Buffer.from(other));
const keyOf = (name: string) => nameForms(name).sortName;

describe('the form in which names are searched', () => {
  test.each([
    ['Äpfel.PDF', 'äpf'],
    ['A\u0308pfel.pdf', 'ÄPFEL'],
    ['STRASSE.txt', 'straße'],
    ['Straße.txt', 'STRASSE'],
    ['ΟΔΟΣ.txt', 'οδος'],
    ['οδος.txt', 'ΟΔΟΣ.'],
    ['ﬁle.txt', 'FILE'],
    ['İstanbul.txt', 'istanbul'],
    ['GROẞ.txt', 'gross'],
    ['ＡＢＣ.txt', 'abc'],
    ['ΐ.txt', 'Ϊ́'],
    ['Café.txt', '\u200fCafe\u0301\u200e'],
  ])('%s has %s', (name, text) => {
    expect(nameForms(name).searchName).toContain(foldName(text));
  });

  test.each([
    ['Äpfel.pdf', 'apf'],
    ['a%b.pdf', 'a_b'],
  ])('%s does not have %s', (name, text) => {
    expect(nameForms(name).searchName).not.toContain(foldName(text));
  });

  test('is stable', () => {
    for (const name of ['İstanbul.txt', 'ŉ.txt', 'ᾳ.txt', 'ẞ', 'ǰ', 'Ω', 'ﷺ', '한글', 'ς']) {
      const { searchName } = nameForms(name);
      expect(foldName(searchName)).toBe(searchName);
    }
  });
});

describe('the key by which names sort', () => {
  test('puts numbers by value and letters without case or accents', () => {
    const inOrder = [
      '1.txt',
      '02.txt',
      '3.txt',
      '10.txt',
      'apfel.txt',
      'Äpfel2.txt',
      'apfel10.txt',
      'file.txt',
      'file0.txt',
      'File9.txt',
      'file10.txt',
      'file99999999.txt',
      'file123456789.txt',
      'file1234567890.txt',
      `file${'9'.repeat(17)}.txt`,
      `file1${'0'.repeat(17)}.txt`,
      `file1${'0'.repeat(26)}.txt`,
      'files.txt',
      'Zebra.txt',
    ];
    const shuffled = inOrder.toReversed();
    expect(shuffled.toSorted((one, other) => byBytes(keyOf(one), keyOf(other)))).toEqual(inOrder);
  });

  test('is one for names that differ only in case, accents or leading zeros', () => {
    expect(keyOf('ÄPFEL 007.txt')).toBe(keyOf('apfel 7.TXT'));
  });

  test('has 255 bytes at most, and ends with a whole character', () => {
    for (const name of [
      '9'.repeat(255),
      'ä'.repeat(127),
      '漢'.repeat(85),
      '\u{1F600}'.repeat(63),
      'ﷺ'.repeat(85),
    ]) {
      const key = keyOf(name);
      expect(Buffer.byteLength(key)).toBeLessThanOrEqual(255);
      expect(Buffer.from(key).toString()).toBe(key);
      expect(key).not.toContain('\uFFFD');
    }
  });
});
