import { isSameFormat } from '../../../src/content-types/content-formats.js';
import { report } from '../../support/report.js';
import { agreeOn } from './agree.js';
import { furtherSamples } from './further-samples.js';
import * as real from './real-files.js';
import type { Sample } from './sample.js';

const wordsOf = (words: string) => words.split(' ').filter((word) => word !== '');

/** Each name of a file with each type that clients give it, nothing and something made up among them. */
const pairsOf = ({ type, extensions, given }: Sample) =>
  wordsOf(extensions).flatMap((extension) =>
    [null, 'application/octet-stream', 'image/*', type, ...wordsOf(given)].map((said) => ({
      fileName: `Anlage 1${extension}`,
      said,
    })),
  );

test('no genuine file is refused or told wrongly, whatever type its part came with', async () => {
  const wrong: string[] = [];
  let pairs = 0;
  for (const sample of furtherSamples) {
    for (const { fileName, said: hint } of pairsOf(sample)) {
      const agreed = await agreeOn({ bytes: sample.bytes, fileName, hint, extensions: 'any' });
      const told = 'fault' in agreed ? agreed.fault.msg : agreed.contentType;
      pairs += 1;
      if (!isSameFormat(told, sample.type))
        wrong.push(`${fileName} as ${hint}: ${told} instead of ${sample.type}`);
    }
  }
  report(`${furtherSamples.length} further formats, ${pairs} pairs of name and type: ${wrong.length} wrong`);
  expect(wrong).toEqual([]);
  expect(pairs).toBeGreaterThan(500);
});

test('each name of its format may be claimed', async () => {
  const wrong: string[] = [];
  for (const sample of furtherSamples) {
    for (const { fileName, said } of pairsOf(sample)) {
      if (said === 'image/*') continue;
      const agreed = await agreeOn({ bytes: sample.bytes, fileName, claim: said, extensions: 'any' });
      if ('fault' in agreed) wrong.push(`${fileName} claimed as ${said}: ${agreed.fault.msg}`);
    }
  }
  expect(wrong).toEqual([]);
});

const docx = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document';

/** Files under a name of another kind, as people have them, with the type that their part comes with. */
const misnamed: [string, string, Buffer, string][] = [
  ['photo.jpg', 'image/jpeg', real.webp, 'image/webp'],
  ['photo.jpg', 'image/jpeg', real.png, 'image/png'],
  ['sticker.png', 'image/png', real.webp, 'image/webp'],
  ['logo.gif', 'image/gif', real.jpeg, 'image/jpeg'],
  ['logo.ico', 'image/x-icon', real.bmp, 'image/bmp'],
  ['scan.jpg', 'image/jpeg', real.pdf, 'application/pdf'],
  ['scan.tif', 'image/tiff', real.jpeg, 'image/jpeg'],
  ['fax.pdf', 'application/pdf', real.tiff, 'image/tiff'],
  ['letter.doc', 'application/msword', real.officeFile('docx'), docx],
  ['letter.docx', docx, real.compoundFile('WordDocument'), 'application/msword'],
  ['letter.docx', docx, real.rtf, 'application/rtf'],
  ['letter.doc', 'application/msword', real.utf8('MIME-Version: 1.0\r\n'), 'text/plain'],
  ['letter.rtf', 'text/rtf', real.compoundFile('WordDocument'), 'application/msword'],
  ['list.xls', 'application/vnd.ms-excel', real.csv, 'text/plain'],
  ['list.xlsx', '', real.csv, 'text/plain'],
  ['list.csv', 'text/csv', real.compoundFile('Workbook'), 'application/vnd.ms-excel'],
  ['form.pdf', 'application/pdf', real.html, 'text/html'],
  ['song.mp3', 'audio/mpeg', real.mp4Audio, 'audio/x-m4a'],
  ['song.wav', 'audio/wav', real.mp3, 'audio/mpeg'],
  ['film.avi', 'video/avi', real.mp4, 'video/mp4'],
  ['book.epub', 'application/epub+zip', real.pdf, 'application/pdf'],
  ['files.zip', 'application/zip', real.sevenZip, 'application/x-7z-compressed'],
  ['files.rar', 'application/x-rar-compressed', real.zip, 'application/zip'],
  ['files.tar.gz', 'application/gzip', real.zip, 'application/zip'],
  ['data.json', 'application/json', real.html, 'text/html'],
  ['data.xml', 'text/xml', real.svg, 'application/xml'],
];

test.each(misnamed)(
  '%s as %s is kept, and told to be what it is',
  async (fileName, hint, bytes, expected) => {
    expect(await agreeOn({ bytes, fileName, hint, extensions: 'any' })).toEqual({ contentType: expected });
  },
);

test.each([
  ['.doc', null, { contentType: 'text/plain' }],
  ['.doc', 'application/msword', { fault: { type: 'declared_type_mismatch' } }],
  ['.docx', null, { fault: { type: 'extension_mismatch' } }],
])('nothing named %s and claimed as %s, where .doc may be text', async (extension, claim, expected) => {
  const acceptedTypes = new Map([
    ['text/plain', new Set(['.doc'])],
    ['application/msword', new Set(['.doc', '.docx'])],
  ]);
  const agreed = await agreeOn({ bytes: Buffer.alloc(0), fileName: `a${extension}`, claim, acceptedTypes });
  expect(agreed).toMatchObject(expected);
});
