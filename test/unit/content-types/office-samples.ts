import { gzipSync } from 'node:zlib';
import * as real from './real-files.js';
import { bytes, type Sample, sample, text } from './sample.js';

const ooxml = 'application/vnd.openxmlformats-officedocument';
/** More than is kept of the beginning, so that only directories tell. */
const far = { name: 'docProps/thumbnail.jpeg', content: real.noise(9_000) };
const x = { content: 'x', deflated: true };

/** A package whose first entry says nothing, and whose types are told by its names alone. */
const named = (...names: string[]) =>
  real.zipFile([far, ...['[Content_Types].xml', ...names].map((name) => ({ name, ...x }))]);

/** A package that declares the type of its one main part. */
const typed = (part: string, type: string) => {
  const content = `<Types><Override PartName="/${part}" ContentType="${type}"/></Types>`;
  return real.zipFile([far, { name: '[Content_Types].xml', content, deflated: true }, { name: part, ...x }]);
};

const openDocument = (type: string) =>
  real.zipFile([far, { name: 'content.xml', ...x }, { name: 'mimetype', content: type }]);
const archive = (...names: string[]) => real.zipFile([far, ...names.map((name) => ({ name, ...x }))]);

export const officeSamples: readonly Sample[] = [
  sample(
    '.docx',
    `${ooxml}.wordprocessingml.document`,
    'application/zip application/docx',
    named('word/document.xml'),
  ),
  // As some writers on Windows name the parts.
  sample('.docx', `${ooxml}.wordprocessingml.document`, '', named('word\\document.xml')),
  sample('.xlsx', `${ooxml}.spreadsheetml.sheet`, '', named('/xl/workbook.xml')),
  sample('.xlsx', `${ooxml}.spreadsheetml.sheet`, 'application/xlsx', named('xl/workbook.xml')),
  sample('.pptx', `${ooxml}.presentationml.presentation`, '', named('ppt/presentation.xml')),
  sample(
    '.docm',
    'application/vnd.ms-word.document.macroenabled.12',
    '',
    named('word/document.xml', 'word/vbaProject.bin'),
  ),
  sample(
    '.xlsm',
    'application/vnd.ms-excel.sheet.macroenabled.12',
    '',
    named('xl/workbook.xml', 'xl/vbaProject.bin'),
  ),
  sample('.xlsb', 'application/vnd.ms-excel.sheet.binary.macroenabled.12', '', named('xl/workbook.bin')),
  sample(
    '.dotx',
    `${ooxml}.wordprocessingml.template`,
    '',
    typed('word/document.xml', `${ooxml}.wordprocessingml.template.main+xml`),
  ),
  sample(
    '.xltx',
    `${ooxml}.spreadsheetml.template`,
    '',
    typed('xl/workbook.xml', `${ooxml}.spreadsheetml.template.main+xml`),
  ),
  sample(
    '.ppsx',
    `${ooxml}.presentationml.slideshow`,
    '',
    typed('ppt/presentation.xml', `${ooxml}.presentationml.slideshow.main+xml`),
  ),
  sample(
    '.potm',
    'application/vnd.ms-powerpoint.template.macroenabled.12',
    '',
    typed('ppt/presentation.xml', 'application/vnd.ms-powerpoint.template.macroEnabled.main+xml'),
  ),
  sample(
    '.dotm',
    'application/vnd.ms-word.template.macroenabled.12',
    '',
    typed('word/document.xml', 'application/vnd.ms-word.template.macroEnabledTemplate.main+xml'),
  ),
  sample(
    '.vsdx',
    'application/vnd.ms-visio.drawing',
    'application/vnd.visio application/vnd.ms-visio.drawing.main+xml',
    named('visio/document.xml'),
  ),
  sample('.3mf', 'model/3mf', 'application/vnd.ms-3mfdocument', named('3D/3dmodel.model')),
  sample('.xps .oxps', 'application/vnd.ms-xpsdocument', 'application/oxps', named('FixedDocSeq.fdseq')),
  sample(
    '.doc .dot',
    'application/msword',
    'application/x-msword application/vnd.ms-word',
    real.compoundFile('WordDocument'),
  ),
  sample(
    '.xls .xlt',
    'application/vnd.ms-excel',
    'application/x-msexcel application/x-cfb',
    real.compoundFile('Workbook'),
  ),
  sample('.xls', 'application/vnd.ms-excel', '', real.compoundFile('WORKBOOK')),
  sample('.doc', 'application/msword', '', real.compoundFile('WORDDOCUMENT')),
  sample(
    '.ppt .pps .pot',
    'application/vnd.ms-powerpoint',
    'application/mspowerpoint',
    real.compoundFile('PowerPoint Document'),
  ),
  sample('.vsd .vss', 'application/vnd.visio', 'application/x-visio', real.compoundFile('VisioDocument')),
  sample(
    '.msg',
    'application/vnd.ms-outlook',
    'application/x-msg',
    real.compoundFile('__properties_version1.0'),
  ),
  sample('.pub', 'application/x-mspublisher', 'application/vnd.ms-publisher', real.compoundFile('Quill')),
  sample(
    '.mpp',
    'application/vnd.ms-project',
    'application/msproject application/x-msproject',
    real.compoundFile('Props14'),
  ),
  sample('.msi', 'application/x-msi', 'application/x-windows-installer', real.compoundFile('\u4840\u3f3f')),
  ...['text', 'spreadsheet', 'presentation', 'graphics', 'formula', 'chart', 'text-template'].map(
    (kind, index) =>
      sample(
        ['.odt', '.ods', '.odp', '.odg', '.odf', '.odc', '.ott'][index] ?? '',
        `application/vnd.oasis.opendocument.${kind}`,
        `application/x-vnd.oasis.opendocument.${kind} application/zip`,
        openDocument(`application/vnd.oasis.opendocument.${kind}`),
      ),
  ),
  sample('.sxw', 'application/vnd.sun.xml.writer', '', openDocument('application/vnd.sun.xml.writer')),
  sample('.pdf .ai', 'application/pdf', 'application/x-pdf text/pdf', bytes('%PDF-1.7\n%\xe2\xe3\xcf\xd3\n')),
  sample(
    '.pdf',
    'application/pdf',
    'application/acrobat',
    bytes(Buffer.alloc(128), 'Content-type: application/pdf\n\n%PDF-1.4\n'),
  ),
  sample('.ps .eps', 'application/postscript', 'application/eps image/x-eps', text('%!PS-Adobe-3.0\n')),
  sample('.rtf', 'application/rtf', 'text/rtf application/x-rtf', text('{\\rtf1\\ansi ')),
  sample('.wpd', 'application/vnd.wordperfect', 'application/wordperfect', bytes('\xffWPC', [0x10, 0, 0, 0])),
  sample(
    '.mdb .accdb',
    'application/x-msaccess',
    'application/msaccess application/vnd.ms-access',
    bytes([0, 1, 0, 0], 'Standard ACE DB\0'),
  ),
  sample('.sqlite', 'application/vnd.sqlite3', 'application/x-sqlite3', bytes('SQLite format 3\0')),
];

export const archiveSamples: readonly Sample[] = [
  sample('.zip', 'application/zip', 'application/x-zip-compressed multipart/x-zip', archive('a.txt')),
  sample(
    '.epub',
    'application/epub+zip',
    'application/zip application/epub',
    openDocument('application/epub+zip'),
  ),
  sample(
    '.jar .war',
    'application/java-archive',
    'application/x-java-archive application/x-jar',
    archive('META-INF/MANIFEST.MF'),
  ),
  sample(
    '.apk',
    'application/vnd.android.package-archive',
    '',
    archive('AndroidManifest.xml', 'META-INF/MANIFEST.MF'),
  ),
  sample('.kmz', 'application/vnd.google-earth.kmz', '', archive('doc.kml')),
  sample('.cbz', 'application/vnd.comicbook+zip', 'application/x-cbz application/x-cbr', archive('1.jpg')),
  sample(
    '.cbr',
    'application/vnd.comicbook-rar',
    'application/x-cbr application/vnd.rar',
    bytes('Rar!\x1a\x07\0'),
  ),
  sample(
    '.cb7',
    'application/x-cb7',
    'application/x-7z-compressed application/x-cbr',
    bytes('7z\xbc\xaf\x27\x1c'),
  ),
  sample(
    '.rar',
    'application/vnd.rar',
    'application/x-rar-compressed application/x-rar',
    bytes('Rar!\x1a\x07\x01\0'),
  ),
  sample(
    '.7z',
    'application/x-7z-compressed',
    'application/7z-compressed application/x-7zip application/7z',
    bytes('7z\xbc\xaf\x27\x1c'),
  ),
  sample(
    '.gz .tgz .svgz',
    'application/gzip',
    'application/x-gzip application/x-tgz application/gzipped',
    gzipSync(real.noise(6_000)),
  ),
  sample('.bz2', 'application/x-bzip2', 'application/x-bzip', bytes('BZh91AY&SY')),
  sample('.xz', 'application/x-xz', '', bytes('\xfd7zXZ\0')),
  sample('.zst', 'application/zstd', 'application/x-zstd', bytes('\x28\xb5\x2f\xfd')),
  sample('.tar', 'application/x-tar', 'application/tar', bytes('a.txt', Buffer.alloc(252), 'ustar\0', '00')),
  sample(
    '.exe .dll',
    'application/x-msdownload',
    'application/x-dosexec application/vnd.microsoft.portable-executable',
    bytes('MZ\x90\0\x03\0\0\0'),
  ),
  sample(
    '.deb',
    'application/x-debian-package',
    'application/vnd.debian.binary-package',
    bytes('!<arch>\ndebian-binary'),
  ),
];
