import { deflateRawSync } from 'node:zlib';
import { ContentSample } from '../../../src/content-types/content-sample.js';
import { detectContentType } from '../../../src/content-types/detect-content-type.js';
import { headSize } from '../../../src/intake/meter-content.js';
import { report } from '../../support/report.js';
import { seededRandom } from '../../support/seeded-random.js';
import { detect } from './agree.js';
import * as real from './real-files.js';

const docx = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document';
const maxBytes = 2 * 2 ** 20;
const maxReads = 24;

/** Detects by the head that intake keeps, and counts what is read besides. */
async function measure(content: Buffer) {
  const cost = { reads: 0, bytes: 0 };
  const read = async (start: number, end: number) => {
    cost.reads += 1;
    cost.bytes += end - start;
    expect([start >= 0, end <= content.length, start < end]).toEqual([true, true, true]);
    return content.subarray(start, end);
  };
  const head = content.subarray(0, headSize);
  const found = await detectContentType({ size: content.length, head, isUtf8: false, read });
  expect([cost.bytes <= maxBytes, cost.reads <= maxReads]).toEqual([true, true]);
  return { ...found, ...cost };
}

const filler = { name: 'a.bin', content: real.noise(40_000) };
const package_ = (...names: string[]) =>
  real.zipFile([filler, ...names.map((name) => ({ name, content: 'x', deflated: true }))]);
const endOf = (archive: Buffer) => archive.lastIndexOf('PK\x05\x06', undefined, 'latin1');

/** The same archive with a ZIP64 end, whose 32-bit fields say nothing. */
function large(archive: Buffer, change: (end: Buffer) => void = () => {}): Buffer {
  const at = endOf(archive);
  const end = Buffer.alloc(56);
  end.write('PK\x06\x06', 'latin1');
  end.writeBigUInt64LE(BigInt(archive.readUInt32LE(at + 12)), 40);
  end.writeBigUInt64LE(BigInt(archive.readUInt32LE(at + 16)), 48);
  change(end);
  const locator = Buffer.alloc(20);
  locator.write('PK\x06\x07', 'latin1');
  locator.writeBigUInt64LE(BigInt(at), 8);
  const last = Buffer.from(archive.subarray(at));
  last.fill(0xff, 8, 20);
  return Buffer.concat([archive.subarray(0, at), end, locator, last]);
}

describe('a ZIP archive is read by its directory', () => {
  const document = package_('[Content_Types].xml', 'word/document.xml');

  test('with two reads at most, where an archive is as programs write it', async () => {
    expect(await measure(document)).toMatchObject({ contentType: docx, reads: 1 });
    const office = real.officeFile('docx', { padding: 8_000, first: filler });
    const { contentType, reads } = await measure(office);
    expect([contentType, reads <= 2]).toEqual([docx, true]);
  });

  test.each<[string, Buffer]>([
    ['a ZIP64 end', large(document)],
    [
      'bytes before it that no offset counts',
      Buffer.concat([document.subarray(0, 30), real.noise(5_000), document]),
    ],
    [
      'a comment',
      Buffer.concat([document.subarray(0, -2), Buffer.from([0xff, 0xff]), Buffer.alloc(0xffff, 'c')]),
    ],
    [
      'a comment that has the signature of an end',
      Buffer.concat([document.subarray(0, -2), real.bytes([4, 0], 'PK\x05\x06')]),
    ],
  ])('with %s', async (_what, archive) => {
    expect((await measure(archive)).contentType).toBe(docx);
  });

  test.each<[string, Buffer]>([
    [
      'names that differ only in case twice',
      package_('[Content_Types].xml', 'word/document.xml', 'mimetype', 'MIMETYPE'),
    ],
    ['an Office part without content types', package_('word/document.xml')],
    ['main parts of two kinds', package_('[Content_Types].xml', 'word/document.xml', 'xl/workbook.xml')],
    [
      'an entry that says it is a picture',
      real.zipFile([filler, { name: 'mimetype', content: 'image/png' }]),
    ],
    ['an entry that says it is a page', real.zipFile([filler, { name: 'mimetype', content: 'text/html' }])],
  ])('%s make no document', async (what, archive) => {
    expect((await measure(archive)).contentType).toBe(what.startsWith('names') ? docx : 'application/zip');
  });

  test('macros outweigh what the package says of itself', async () => {
    const content = `<Types><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>`;
    const archive = real.zipFile([
      filler,
      { name: '[Content_Types].xml', content },
      { name: 'xl/workbook.xml', content: 'x' },
      { name: 'xl/vbaProject.bin', content: 'x' },
    ]);
    expect((await measure(archive)).contentType).toBe('application/vnd.ms-excel.sheet.macroenabled.12');
  });

  test('an archive that is cut off is told by the entries at its beginning', async () => {
    const archive = real.officeFile('docx');
    expect((await measure(archive.subarray(0, endOf(archive) - 60))).contentType).toBe(docx);
    expect(await measure(real.bytes('PK\x03\x04', Buffer.alloc(60)))).toMatchObject({ inside: 'unread' });
  });
});

describe('a hostile directory costs no more than its bounds', () => {
  const document = package_('[Content_Types].xml', 'word/document.xml');
  const patched = (change: (archive: Buffer, end: number) => void) => {
    const archive = Buffer.from(document);
    change(archive, endOf(archive));
    return archive;
  };
  const many = Buffer.concat(
    Array.from({ length: 200_000 }, () =>
      real.bytes('PK\x01\x02', Buffer.alloc(24), [1, 0], Buffer.alloc(16), 'a'),
    ),
  );
  const bomb = deflateRawSync(Buffer.alloc(2 ** 26));

  test.each<[string, Buffer]>([
    ['an offset behind the end', patched((archive, end) => archive.writeUInt32LE(0xfffffff0, end + 16))],
    ['a size of 4 GiB', patched((archive, end) => archive.writeUInt32LE(0xfffffffe, end + 12))],
    ['a ZIP64 offset of 2^63', large(document, (end) => end.writeBigUInt64LE(2n ** 63n, 48))],
    ['a ZIP64 size of 2^64 - 1', large(document, (end) => end.writeBigUInt64LE(2n ** 64n - 1n, 40))],
    [
      '200,000 entries',
      real.bytes(
        'PK\x03\x04',
        Buffer.alloc(60),
        many,
        'PK\x05\x06',
        Buffer.alloc(4),
        [0xff, 0xff, 0xff, 0xff],
        le32(many.length),
        le32(64),
        [0, 0],
      ),
    ],
    ['entries that are all one another', overlapping()],
    ['content types that inflate to 64 MiB', withContentTypes(bomb, 2 ** 26)],
    ['content types that say they have 1 byte', withContentTypes(bomb, 1)],
  ])('%s', async (_what, archive) => {
    const startedAt = performance.now();
    const { contentType, reads, bytes } = await measure(archive);
    report(
      `${_what}: ${contentType}, ${reads} reads of ${bytes} bytes, ${(performance.now() - startedAt).toFixed(1)} ms`,
    );
    expect(contentType).toMatch(/^application\//);
  });

  function overlapping(): Buffer {
    const archive = Buffer.from(
      package_(...Array.from({ length: 500 }, (_, index) => `${index}/mimetype`), 'mimetype'),
    );
    for (
      let at = archive.indexOf('PK\x01\x02', 0, 'latin1');
      at !== -1;
      at = archive.indexOf('PK\x01\x02', at + 46, 'latin1')
    ) {
      archive.writeUInt32LE(0, at + 42);
    }
    return archive;
  }

  function withContentTypes(stored: Buffer, told: number): Buffer {
    const archive = Buffer.from(
      real.zipFile([
        filler,
        { name: '[Content_Types].xml', content: stored },
        { name: 'word/document.xml', content: 'x' },
      ]),
    );
    for (const [signature, method, size] of [
      ['PK\x03\x04', 8, 22],
      ['PK\x01\x02', 10, 24],
    ] as const) {
      const name = archive.indexOf(
        '[Content_Types].xml',
        signature === 'PK\x03\x04' ? 0 : archive.lastIndexOf('PK\x01\x02', undefined, 'latin1') - 200,
        'latin1',
      );
      const at = archive.lastIndexOf(signature, name, 'latin1');
      archive.writeUInt16LE(8, at + method);
      archive.writeUInt32LE(told, at + size);
    }
    return archive;
  }
});

describe('a compound file is read by its root', () => {
  const word = real.compoundFile('WordDocument');
  const patched = (change: (file: Buffer) => void) => {
    const file = Buffer.concat([word, Buffer.alloc(200_000)]);
    change(file);
    return file;
  };

  test('which may lie far behind', async () => {
    // The directory moves to sector 300, whose table is the third.
    const file = patched((copy) => {
      copy.copy(copy, 301 * 512, 2 * 512, 3 * 512);
      copy.fill(0, 2 * 512, 3 * 512);
      copy.writeUInt32LE(300, 48);
      copy.writeUInt32LE(310, 76 + 2 * 4);
      copy.writeUInt32LE(0xfffffffe, 311 * 512 + (300 % 128) * 4);
    });
    expect(await measure(file)).toMatchObject({ contentType: 'application/msword', inside: 'read' });
  });

  test('in which only names of its own count', async () => {
    const file = patched((copy) => {
      // Entry 1 becomes a folder that has the stream: the root has none of that name any more.
      copy.copy(copy, 2 * 512 + 2 * 128, 2 * 512 + 128, 2 * 512 + 2 * 128);
      copy.write('ObjectPool\0\0', 2 * 512 + 128, 'utf16le');
      copy.writeUInt16LE(22, 2 * 512 + 128 + 64);
      copy.writeUInt32LE(2, 2 * 512 + 128 + 76);
    });
    expect(await measure(file)).toMatchObject({ contentType: 'application/x-cfb', inside: 'read' });
  });

  test.each<[string, Buffer]>([
    ['a directory that follows itself', patched((copy) => copy.writeUInt32LE(1, 512 + 4))],
    [
      'sectors that run in a circle',
      patched((copy) => {
        for (let sector = 1; sector < 128; sector++) copy.writeUInt32LE((sector % 127) + 1, 512 + sector * 4);
      }),
    ],
    [
      'entries that are their own children',
      patched((copy) => {
        for (let entry = 0; entry < 4; entry++)
          for (const at of [68, 72, 76]) copy.writeUInt32LE(entry, 1024 + entry * 128 + at);
      }),
    ],
    ['a directory behind the end', patched((copy) => copy.writeUInt32LE(0x7fffffff, 48))],
    ['tables behind the end', patched((copy) => copy.fill(0x7f, 76, 512))],
    [
      'a list of tables that follows itself',
      patched((copy) => {
        copy.writeUInt32LE(0x00ffffff, 48);
        copy.writeUInt32LE(5, 68);
        copy.writeUInt32LE(5, 6 * 512 + 508);
      }),
    ],
    ['sectors of 1 byte', patched((copy) => copy.writeUInt16LE(0, 30))],
    ['nothing but its signature', real.bytes(word.subarray(0, 8), Buffer.alloc(100))],
  ])('hostile or broken: %s', async (_what, file) => {
    const { contentType, reads, bytes } = await measure(file);
    report(`${_what}: ${contentType}, ${reads} reads of ${bytes} bytes`);
    expect(['application/x-cfb', 'application/msword']).toContain(contentType);
  });

  test('a document under a password is of the kind that its name says', async () => {
    expect(await detect(real.compoundFile('EncryptedPackage'))).toMatchObject({ inside: 'encrypted' });
  });
});

test('no change of a container makes it fail, or read past the bounds', async () => {
  const random = seededRandom();
  const files = [
    package_('[Content_Types].xml', 'word/document.xml'),
    large(package_('mimetype')),
    real.compoundFile('Workbook'),
  ];
  for (let round = 0; round < 500; round++) {
    const content = Buffer.from(files[round % files.length] ?? '');
    for (let change = random.integer(1, 6); change > 0; change--) {
      const near = random.integer(0, 1) === 0 ? Math.min(700, content.length) : 0;
      content[near > 0 ? content.length - random.integer(1, near) : random.integer(0, 2_047)] =
        random.integer(0, 255);
    }
    await measure(content);
  }
  report(`500 changed containers, seed ${random.seed}`);
});

test('a sample reads each block once, and no more than it may', async () => {
  const ranges: [number, number][] = [];
  const content = real.noise(5_000_000);
  const read = async (start: number, end: number) => {
    ranges.push([start, end]);
    return content.subarray(start, end);
  };
  const sample = new ContentSample({
    size: content.length,
    head: content.subarray(0, 4096),
    isUtf8: false,
    read,
  });
  expect((await sample.bytes(4_000, 200))?.equals(content.subarray(4_000, 4_200))).toBe(true);
  expect((await sample.bytes(10_000, 60_000))?.equals(content.subarray(10_000, 70_000))).toBe(true);
  expect(ranges).toEqual([
    [0, 32_768],
    [32_768, 98_304],
  ]);
  expect((await sample.bytes(4_999_999, 50))?.length).toBe(1);
  expect(await sample.bytes(0, 4_000_000)).toBeNull();
  expect((await sample.bytes(5_000_000, 1))?.length).toBe(0);
  expect((await sample.bytes(-1, 1))?.length).toBe(0);
});

function le32(value: number): number[] {
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
}
