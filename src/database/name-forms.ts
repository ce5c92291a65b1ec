/** A file name as searches and orders see it. */
export interface NameForms {
  /** The name in one normal form and without case. A text is in the name if the text's form is in this. */
  searchName: string;
  /** Compared by its bytes, this sorts without case or accents, and numbers by their value. */
  sortName: string;
}

/** In bytes of UTF-8. Longer keys are cut: names that differ only behind that sort by their ids. */
const maxSortBytes = 255;

const accents = /[\u0300-\u036F]/g;

/** Marks of direction, which names do not keep. */
const marks = /[\u061C\u200E\u200F]/g;

/** The forms of a name; made once, when the name is given. */
export function nameForms(fileName: string): NameForms {
  return { searchName: foldName(fileName), sortName: sortKey(fileName) };
}

/** A text in the form in which names are searched: `Ä`, `ä` and `a` with a combining diaeresis are one. */
export function foldName(text: string): string {
  // By way of upper case, which is one for letters with several lower ones, such as the two sigmas.
  const folded = text.replace(marks, '').normalize('NFKC').toLowerCase().toUpperCase().toLowerCase();
  return folded.replaceAll('ς', 'σ').replaceAll('i\u0307', 'i').normalize('NFKC');
}

function sortKey(fileName: string): string {
  const letters = foldName(fileName).normalize('NFKD').replace(accents, '').normalize('NFC');
  return cut(letters.replace(/\d+/g, numberKey));
}

/** A number behind its count of digits, so that `10` comes after `9`. A count of 9 or more is a 9 and the rest of the count. */
function numberKey(digits: string): string {
  const number = digits.replace(/^0+/, '');
  return '9'.repeat(Math.floor(number.length / 9)) + (number.length % 9) + number;
}

function cut(key: string): string {
  const bytes = Buffer.from(key);
  if (bytes.length <= maxSortBytes) return key;
  let end = maxSortBytes;
  // Back to where a character begins.
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}
