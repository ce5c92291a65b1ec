import { chooseFileName } from '../../../src/content-types/file-names.js';
import { AttachmentError, Faults } from '../../../src/errors.js';

function choose(given: string | null, ofPart: string | null) {
  const faults = new Faults();
  const name = chooseFileName(faults, given, ofPart);
  try {
    faults.throwIfAny();
    return name;
  } catch (error) {
    if (!(error instanceof AttachmentError)) throw error;
    expect(name).toBe('');
    return {
      code: error.code,
      limit: error.limit,
      details: error.details.map(({ loc, type }) => [loc.join('.'), type]),
    };
  }
}

const refused = (type: string, limit?: number) => ({
  code: 'INVALID_FILE_NAME',
  limit,
  details: [['input.fileName', type]],
});

test.each([
  ["the input's name wins", 'a.txt', 'b.txt', 'a.txt'],
  ["the part's own name stands in", null, 'b.txt', 'b.txt'],
  ["the part's folders are dropped", null, 'C:\\fakepath\\b.txt', 'b.txt'],
  ["the part's way upwards is dropped", null, '../../b.txt', 'b.txt'],
  ["the input's folders are refused", 'folder/a.txt', 'b.txt', refused('path')],
  ['there is no name', null, null, refused('empty')],
  ['the name is empty, and the part has one', '', 'b.txt', refused('empty')],
  ['the part names a folder', null, 'folder/', refused('empty')],
  ['the part names the folder above', null, 'a/..', refused('path')],
  ["the part's name has a control character", null, 'a\u0007.txt', refused('control_character')],
  ['the name is too long', 'a'.repeat(300), null, refused('too_long', 255)],
])('%s', (_what, given, ofPart, expected) => {
  expect(choose(given, ofPart)).toEqual(expected);
});
