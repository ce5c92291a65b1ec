import { randomBytes } from 'node:crypto';
import { finished } from 'node:stream/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ArchiveNames, safeName } from '../../../src/content-types/archive-names.js';
import { DigestCheck, writeZip, type ZipEntry } from '../../../src/http/archive-route.js';
import { readZip } from '../../support/read-zip.js';
import { sha256 } from '../../support/sha256.js';

const large = 2 ** 20;

function entryOf(name: string, bytes: Buffer, digest = sha256(bytes)): ZipEntry {
  const content = new DigestCheck(digest);
  content.end(bytes);
  return { name, size: bytes.length, date: new Date('2026-03-04T05:06:08Z'), isCompressible: false, content };
}

/** Entries of one size, and how many have been asked for. */
function counted(count: number, size = large) {
  const entries: ZipEntry[] = [];
  let hasEnded = false;
  const list = async function* list() {
    try {
      for (let index = 0; index < count; index += 1) {
        const entry = entryOf(`${index}.bin`, randomBytes(size));
        entries.push(entry);
        yield entry;
      }
    } finally {
      hasEnded = true;
    }
  };
  return { list: list(), entries, hasEnded: () => hasEnded };
}

async function read(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

test('has all files, stored or deflated, with their dates', async () => {
  const text = Buffer.from('text '.repeat(1_000));
  const files = [
    { ...entryOf('a.txt', text), isCompressible: true },
    entryOf('ä 📎.bin', randomBytes(3 * large)),
    entryOf('empty', Buffer.alloc(0)),
  ];
  const zip = await read(
    writeZip(
      (async function* list() {
        yield* files;
      })(),
    ),
  );
  expect(readZip(zip).map(({ name, isDeflated, content }) => [name, isDeflated, content.length])).toEqual([
    ['a.txt', true, text.length],
    ['ä 📎.bin', false, 3 * large],
    ['empty', false, 0],
  ]);
});

test('without files is an empty ZIP', async () => {
  expect(readZip(await read(writeZip(counted(0).list)))).toEqual([]);
});

test('asks for a file only once the one before has been read', async () => {
  const { list, entries, hasEnded } = counted(100);
  const zip = writeZip(list);
  for (let turn = 0; turn < 500; turn += 1) await nextTurn();
  expect(entries.length).toBeLessThanOrEqual(2);
  let length = 0;
  for await (const chunk of zip as AsyncIterable<Buffer>) {
    length += chunk.length;
    // Nothing is made in advance but a few pieces.
    expect(entries.length - length / large).toBeLessThanOrEqual(3);
    if (length > 10 * large) break;
  }
  await finished(zip).catch(() => undefined);
  for (let turn = 0; turn < 50; turn += 1) await nextTurn();
  expect([entries.length < 15, entries.at(-1)?.content.destroyed, hasEnded()]).toEqual([true, true, true]);
});

test.each([
  ['content fails', (entry: ZipEntry) => void entry.content.destroy(new Error('unreadable')), 'unreadable'],
  [
    'content is shorter',
    (entry: ZipEntry) => Object.assign(entry, { size: entry.size + 1 }),
    'unexpected number of bytes',
  ],
])('ends without a directory if %s', async (_, spoil, message) => {
  const [first, second, third] = [1, 2, 3].map((index) => entryOf(`${index}`, randomBytes(large)));
  if (!first || !second || !third) throw new Error('There are three.');
  const chunks: Buffer[] = [];
  const reading = async () => {
    const list = async function* list() {
      yield first;
      spoil(second);
      yield second;
      yield third;
    };
    for await (const chunk of writeZip(list()) as AsyncIterable<Buffer>) chunks.push(chunk);
  };
  await expect(reading()).rejects.toThrow(message);
  const zip = Buffer.concat(chunks);
  expect(() => readZip(zip)).toThrow('The ZIP has no end.');
  expect(zip.includes(Buffer.from('PK\x01\x02'))).toBe(false);
});

test('ends without a directory if a digest is wrong, or a file cannot be opened', async () => {
  const good = () => entryOf('a', Buffer.from('a'));
  const wrong = async function* list() {
    yield good();
    yield entryOf('b', Buffer.from('b'), sha256(Buffer.from('a')));
    yield good();
  };
  await expect(read(writeZip(wrong()))).rejects.toThrow('does not have its digest');
  const unreadable = async function* list() {
    yield good();
    throw new Error('no such object');
  };
  await expect(read(writeZip(unreadable()))).rejects.toThrow('no such object');
});

describe('names', () => {
  test('are unique, also where case or the form of Unicode does not count', () => {
    const names = new ArchiveNames();
    const given = [
      'a.txt',
      'A.TXT',
      'a.txt',
      'a (2).txt',
      'b',
      'b',
      'é.tar.gz',
      'e\u0301.tar.gz',
      'a (2).txt',
    ];
    const taken = given.map((name) => names.take(name));
    expect(taken).toEqual([
      ...['a.txt', 'A (2).TXT', 'a (3).txt', 'a (2) (2).txt', 'b', 'b (2)'],
      ...['é.tar.gz', 'e\u0301.tar (2).gz', 'a (2) (3).txt'],
    ]);
    expect(new Set(taken.map((name) => name.normalize('NFC').toLowerCase())).size).toBe(given.length);
  });

  test('are numbered if ten thousand are equal', () => {
    const names = new ArchiveNames();
    for (let index = 0; index < 10_000; index += 1) names.take('same.txt');
    expect(names.take('same.txt')).toBe('same (10001).txt');
  });

  test.each([
    ['a:b?.txt', 'a_b_.txt'],
    ['..', '_'],
    ['x/../y\\z', 'x_.._y_z'],
    ['C:', 'C_'],
    ['dots...', 'dots'],
    ['\u0001\ud800', '__'],
  ])('%j is safe as %j', (given, safe) => {
    expect(safeName(given)).toBe(safe);
  });

  test('keep their extension within 240 bytes', () => {
    const name = safeName(`${'📎'.repeat(200)}.pdf`);
    expect([Buffer.byteLength(name) <= 240, name.endsWith('📎.pdf')]).toEqual([true, true]);
    expect(Buffer.byteLength(safeName(`a.${'é'.repeat(250)}`))).toBeLessThanOrEqual(240);
  });
});
