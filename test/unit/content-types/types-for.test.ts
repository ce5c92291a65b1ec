import { extensionAgrees, typesFor } from '../../../src/content-types/agree-content-type.js';
import { builtInPolicies, checkPolicy } from '../../../src/policies/check-policy.js';
import { report } from '../../support/report.js';
import { agreeOn } from './agree.js';
import * as real from './real-files.js';

const docx = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document';

test.each([
  ['text/x-c', 'main.c', ['text/x-c', 'text/plain']],
  ['text/plain', 'main.c', ['text/plain', 'text/x-c']],
  ['text/plain', 'data.csv', ['text/plain', 'text/csv']],
  ['text/plain', 'notes', ['text/plain']],
  ['text/plain', 'notes.doc', ['text/plain']],
  ['application/msword', 'notes.doc', ['application/msword']],
  ['image/jpg', 'a.jpg', ['image/jpeg']],
  ['image/png', 'a.jpg', ['image/png']],
  [docx, 'a.docx', [docx]],
  [docx, 'a.zip', [docx, 'application/zip']],
  ['application/zip', 'a.docx', ['application/zip']],
  ['application/x-cfb', 'a.xls', ['application/x-cfb']],
  ['application/x-cfb', 'a.mpp', ['application/x-cfb', 'application/vnd.ms-project']],
  ['application/octet-stream', 'a.png', ['application/octet-stream']],
])('%s named %s may be called', (contentType, fileName, expected) => {
  expect(typesFor(contentType, fileName).toSorted()).toEqual(expected.toSorted());
  expect(typesFor(contentType, fileName)[0]).toBe(expected[0]);
});

test.each([
  ['image/png', 'b.png', true],
  ['image/png', 'b.PNG', true],
  ['image/png', 'b', true],
  ['image/png', 'b.unheard-of', true],
  ['image/png', 'b.jpg', false],
  ['image/png', 'b.txt', false],
  ['image/png', 'b.exe', false],
  ['image/png', 'b.jpg\u200D', false],
  ['text/plain', 'b.md', true],
  ['text/html', 'b.txt', true],
  ['text/plain', 'b.png', false],
  ['text/plain', 'b.svg', false],
  ['text/plain', 'b.pdf', false],
  ['image/svg+xml', 'b.svg', true],
  ['image/svg+xml', 'b.png', false],
  [docx, 'b.zip', true],
  [docx, 'b.xlsx', false],
  ['application/zip', 'b.docx', false],
  ['application/pdf', 'b.ai', true],
  ['application/octet-stream', 'b.png', false],
  ['application/octet-stream', 'b.txt', false],
  ['application/octet-stream', 'b.dat', true],
  ['audio/x-wav', 'b.wav', true],
])('%s may be renamed to %s: %s', (contentType, fileName, expected) => {
  expect(extensionAgrees(contentType, fileName)).toBe(expected);
});

const contents: readonly Buffer[] = [
  ...Object.values(real).filter((value) => Buffer.isBuffer(value)),
  ...(['docx', 'pptx', 'xlsx'] as const).map((kind) => real.officeFile(kind)),
  ...['WordDocument', 'Workbook', 'EncryptedPackage'].map(real.compoundFile),
  real.noise(4096),
];
const extensions =
  '.ai .bat .bmp .c .csv .dat .doc .docx .exe .gif .gz .heic .hlp .html .ico .jar .jpg .js .json .kmz .log .md .mov .mp3 .mp4 .msg .odt .pdf .png .ppt .rtf .svg .tgz .tif .ts .txt .vsd .wav .webp .wrd .xls .xlsx .xml .xyz .zip';

test('a type agreed on at upload holds without the bytes, and a later check is never more generous', async () => {
  const calendar = builtInPolicies(2 ** 30).get('calendar');
  if (!calendar) throw new Error('The calendar policy is not built in.');
  let agreements = 0;
  for (const content of contents) {
    for (const extension of extensions.split(' ')) {
      const fileName = `a${extension}`;
      const claims = { bytes: content, fileName };
      const agreed = await agreeOn(claims);
      if ('fault' in agreed) continue;
      agreements++;
      expect([fileName, agreed.contentType, extensionAgrees(agreed.contentType, fileName)]).toContain(true);
      if (checkPolicy(calendar, { size: 1, contentType: agreed.contentType, fileName }).length > 0) continue;
      const direct = await agreeOn({ ...claims, acceptedTypes: calendar.acceptedTypes });
      if ('fault' in direct) throw new Error(`${fileName} of ${agreed.contentType}: ${direct.fault.msg}`);
      expect(checkPolicy(calendar, { size: 1, contentType: direct.contentType, fileName })).toEqual([]);
    }
  }
  report(
    `${agreements} agreements of ${contents.length} contents with ${extensions.split(' ').length} extensions`,
  );
  expect(agreements).toBeGreaterThan(100);
});

test('markup never gets a type that browsers show in place', async () => {
  const shown =
    'application/pdf audio/aac audio/flac audio/mp4 audio/mpeg audio/ogg audio/wav audio/webm audio/x-m4a image/avif image/gif image/jpeg image/png image/webp video/mp4 video/ogg video/webm';
  for (const content of [
    real.html,
    real.svg,
    real.utf16('<script>1</script>'),
    real.bytes('<p>\xfc'),
    real.text,
  ]) {
    for (const declared of shown.split(' ')) {
      const agreed = await agreeOn({ bytes: content, fileName: 'a', claim: declared });
      expect([declared, agreed]).toMatchObject([declared, { fault: { type: 'declared_type_mismatch' } }]);
    }
  }
});
