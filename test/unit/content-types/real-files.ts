import { crc32, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';

/** Whole, valid files of many kinds, small enough to write down or to make. */

export const bytes = (...parts: (string | number[] | Uint8Array)[]): Buffer =>
  Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part))),
  );

export const utf8 = (text: string) => Buffer.from(text, 'utf8');
export const utf16 = (text: string) => Buffer.from(`\uFEFF${text}`, 'utf16le');
export const utf16BigEndian = (text: string) => utf16(text).swap16();

/** Bytes that are nothing: evenly spread, and the same every time. */
export function noise(length: number, seed = 1): Buffer {
  let state = seed;
  return Buffer.from(
    Array.from({ length }, () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return state >>> 16;
    }),
  );
}

export interface ZipEntry {
  name: string;
  content: string | Uint8Array;
  deflated?: boolean;
}

export function zipFile(entries: readonly ZipEntry[]): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, content, deflated = false } of entries) {
    const plain = Buffer.from(content);
    const stored = deflated ? deflateRawSync(plain) : plain;
    const common = bytes(
      le16(20, 0, deflated ? 8 : 0, 0, 0x21),
      le32(crc32(plain), stored.length, plain.length),
      le16(name.length, 0),
    );
    const local = bytes('PK\x03\x04', common, name, stored);
    directory.push(bytes('PK\x01\x02', le16(20), common, le16(0, 0, 0), le32(0, offset), name));
    locals.push(local);
    offset += local.length;
  }
  const central = Buffer.concat(directory);
  const end = bytes(
    'PK\x05\x06',
    le16(0, 0, entries.length, entries.length),
    le32(central.length, offset),
    le16(0),
  );
  return Buffer.concat([...locals, central, end]);
}

const mainTypes = {
  docx: ['word/document.xml', 'wordprocessingml.document'],
  pptx: ['ppt/presentation.xml', 'presentationml.presentation'],
  xlsx: ['xl/workbook.xml', 'spreadsheetml.sheet'],
} as const;

interface OfficeOptions {
  /** In the content types: more than 4 KiB put the first part out of reach. */
  padding?: number;
  deflated?: boolean;
  first?: ZipEntry;
}

/** A document of Office Open XML with the parts it must have. */
export function officeFile(
  kind: keyof typeof mainTypes,
  { padding = 0, deflated = true, first }: OfficeOptions = {},
): Buffer {
  const [part, type] = mainTypes[kind];
  const contentTypes =
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>' +
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">' +
    `${'<!-- -->'.repeat(padding / 8)}<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
    `<Override PartName="/${part}" ContentType="application/vnd.openxmlformats-officedocument.${type}.main+xml"/></Types>`;
  const relationships =
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" ' +
    `Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="${part}"/></Relationships>`;
  return zipFile([
    ...(first ? [first] : []),
    { name: '[Content_Types].xml', content: contentTypes, deflated },
    { name: '_rels/.rels', content: relationships, deflated },
    { name: part, content: '<?xml version="1.0"?><x/>', deflated },
  ]);
}

export const openDocument = (type: string) =>
  zipFile([
    { name: 'mimetype', content: type },
    { name: 'content.xml', content: '<?xml version="1.0"?><x/>', deflated: true },
  ]);

/** A compound file (OLE) with one stream of 4 KiB, such as `WordDocument`. */
export function compoundFile(stream: string): Buffer {
  const free = 0xffffffff;
  const end = 0xfffffffe;
  const header = bytes(
    [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1],
    Buffer.alloc(16),
    le16(0x3e, 3, 0xfffe, 9, 6, 0, 0, 0),
    le32(0, 1, 1, 0, 4096, end, 0, end, 0, 0),
    le32(...Array<number>(108).fill(free)),
  );
  const chain = Array.from({ length: 8 }, (_, index) => (index === 7 ? end : index + 3));
  const table = le32(0xfffffffd, end, ...chain, ...Array<number>(118).fill(free));
  const entry = (name: string, type: number, child: number, start: number, size: number) =>
    bytes(
      Buffer.concat([Buffer.from(name, 'utf16le')], 64),
      le16(name === '' ? 0 : (name.length + 1) * 2),
      [type, 1],
      le32(free, free, child),
      Buffer.alloc(36),
      le32(start, size, 0),
    );
  const directory = [
    entry('Root Entry', 5, 1, end, 0),
    entry(stream, 2, free, 2, 4096),
    entry('', 0, free, 0, 0),
    entry('', 0, free, 0, 0),
  ];
  return bytes(header, table, ...directory, Buffer.alloc(4096));
}

const pngChunk = (type: string, data: Uint8Array) =>
  bytes(be32(data.length), type, data, be32(crc32(bytes(type, data))));

export const png = bytes(
  '\x89PNG\r\n\x1a\n',
  pngChunk('IHDR', bytes(be32(1, 1), [8, 2, 0, 0, 0])),
  pngChunk('IDAT', deflateSync(Buffer.from([0, 255, 0, 0]))),
  pngChunk('IEND', Buffer.alloc(0)),
);

export const gif = Buffer.from('R0lGODlhAQABAIAAAP///wAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==', 'base64');

export const bmp = bytes(
  'BM',
  le32(58, 0, 54, 40, 1, 1),
  le16(1, 24),
  le32(0, 4, 2835, 2835, 0, 0),
  [0, 0, 255, 0],
);

export const jpeg = Buffer.from(
  '/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP//////////////////////////////////////////////////////////////////' +
    '////////////////////wgALCAABAAEBAREA/8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAAgBAQABPxA=',
  'base64',
);

/** Its directory lies behind the image, as most programs write it: 8 KiB away. */
export const tiff = bytes('II*\0', le32(8200), Buffer.alloc(8192, 0x55), le16(1, 256, 3), le32(1, 1, 0));

export const webp = bytes(
  'RIFF',
  le32(26),
  'WEBPVP8L',
  le32(13),
  [0x2f, 0, 0, 0, 0x10, 0x07, 0x10, 0x11, 0x11, 0x88, 0x88, 0xfe, 0x07, 0],
);

export const pdf = utf8(
  '%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n' +
    'xref\n0 3\n0000000000 65535 f \n0000000009 00000 n \n0000000054 00000 n \ntrailer<</Size 3/Root 1 0 R>>\nstartxref\n101\n%%EOF\n',
);

export const pdfWithScript = utf8(
  '%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(app.alert\\(1\\))>>>>endobj\n' +
    '2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n',
);

export const postScript = utf8('%!PS-Adobe-3.0\n%%Creator: Adobe Illustrator\n%%EOF\nshowpage\n');
export const rtf = utf8('{\\rtf1\\ansi\\deff0{\\fonttbl{\\f0 Arial;}}\\f0\\fs24 Good morning.\\par}');
export const gzip = gzipSync('a line of text\n'.repeat(10));
export const zip = zipFile([{ name: 'hello.txt', content: 'Hello, world.\n' }]);

/** An empty archive: the signature header, and nothing behind it. */
export const sevenZip = bytes('7z\xbc\xaf\x27\x1c', [0, 4], le32(crc32(Buffer.alloc(20))), Buffer.alloc(20));

export const mp3 = bytes(
  'ID3\x04\x00\x00\x00\x00\x00\x0a',
  Buffer.alloc(10),
  [0xff, 0xfb, 0x90, 0x64],
  Buffer.alloc(413),
);
export const mp4 = bytes(be32(24), 'ftypisom', be32(512), 'isomiso2', be32(8), 'free');
export const mp4Audio = bytes(be32(24), 'ftypM4A ', be32(0), 'M4A isom', be32(8), 'mdat');
export const wav = bytes(
  'RIFF',
  le32(36),
  'WAVEfmt ',
  le32(16),
  le16(1, 1),
  le32(8000, 8000),
  le16(1, 8),
  'data',
  le32(0),
);
export const exe = bytes('MZ', le16(0x90, 3, 0, 4, 0, 0xffff, 0), Buffer.alloc(46));

export const html = utf8('<!DOCTYPE html>\n<html><body><script>alert(1)</script></body></html>\n');
export const svg = utf8('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>\n');
export const svgWithProlog = utf8(
  '\uFEFF<?xml version="1.0" encoding="UTF-8"?>\n<!-- Generator: by hand -->\n' +
    '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">\n<svg version="1.1"/>\n',
);
export const xml = utf8('<?xml version="1.0"?>\n<note><to>Ada</to></note>\n');
export const text = utf8('Grüße aus Köln, 日本 and 🎉.\r\nA second line,\twith a tab.\n');
/** In ISO 8859-1, so that it is not UTF-8. */
export const westernText = Buffer.from('Name;Stra\xdfe\r\nM\xfcller;K\xf6nigsallee 1\r\n', 'latin1');
export const csv = utf8('name,amount\r\nAda,1\r\n"Grace, H.",2\r\n');

function le16(...values: number[]): Buffer {
  return Buffer.from(Uint16Array.from(values).buffer);
}

function le32(...values: number[]): Buffer {
  return Buffer.from(Uint32Array.from(values).buffer);
}

function be32(...values: number[]): Buffer {
  return le32(...values).swap32();
}
