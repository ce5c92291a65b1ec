import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { createDocumentKey, hourPartition } from '../../src/storage/document-key.js';
import type { ByteRange, ObjectWriter, Storage } from '../../src/storage/storage.js';

export interface TestedStorage {
  storage: Storage;
  close(): Promise<void>;
}

const mebibyte = 1024 * 1024;
const hour = new Date('2026-03-04T05:30:00Z');
const partition = hourPartition(hour);

export const newKey = (organizationId: string = randomUUID(), now = hour) =>
  createDocumentKey(organizationId, now);

export async function put(storage: Storage, key: string, ...content: Uint8Array[]): Promise<void> {
  const writer = await storage.create(key);
  await writer.write(content);
  await writer.commit();
}

/** The object's bytes; null where there is none. */
export async function get(storage: Storage, key: string, range?: ByteRange): Promise<Buffer | null> {
  const stream = await storage.read(key, range);
  return stream && buffer(stream);
}

export async function listed(storage: Storage, ofPartition = partition): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of storage.list(ofPartition)) keys.push(key);
  return keys.sort();
}

/** What every storage promises, whatever the medium. `open` makes an empty one. */
export function describeStorage(name: string, open: () => Promise<TestedStorage>): void {
  describe(`${name} as a storage`, () => {
    let tested: TestedStorage;
    const opened = () => tested.storage;
    beforeEach(async () => {
      tested = await open();
    });
    afterEach(() => tested.close());

    describeWholeOrAbsent(opened);
    describeWriters(opened);
    describeReading(opened);
    describePartitions(opened);
    describeKeys(opened);
    test('can be checked', async () => {
      await expect(opened().check()).resolves.toBeUndefined();
    });
  });
}

type Opened = () => Storage;

function describeWholeOrAbsent(opened: Opened): void {
  describe('an object is whole or absent', () => {
    test('nobody sees it before its commit, and all of it after', async () => {
      const [storage, key, content] = [opened(), newKey(), randomBytes(6 * mebibyte)];
      const writer = await storage.create(key);
      for (let start = 0; start < content.length; start += mebibyte) {
        await writer.write([content.subarray(start, start + mebibyte)]);
        expect([await storage.read(key), await storage.size(key), await listed(storage)]).toEqual([
          null,
          null,
          [],
        ]);
      }
      await writer.commit();
      expect(await storage.size(key)).toBe(content.length);
      expect((await get(storage, key))?.equals(content)).toBe(true);
    });

    test('of no bytes at all', async () => {
      const [storage, key] = [opened(), newKey()];
      await (await storage.create(key)).commit();
      expect(await storage.size(key)).toBe(0);
      expect(await get(storage, key)).toEqual(Buffer.alloc(0));
      expect(await listed(storage)).toEqual([key]);
    });

    test('of many chunks of odd sizes, some empty', async () => {
      const [storage, key] = [opened(), newKey()];
      const chunks = Array.from({ length: 1500 }, (_, index) =>
        randomBytes(index % 7 ? (index * 37) % 501 : 0),
      );
      await put(storage, key, ...chunks);
      expect((await get(storage, key))?.equals(Buffer.concat(chunks))).toBe(true);
    });

    test('is gone once removed, and removing it again is no fault', async () => {
      const [storage, key, neighbour] = [opened(), newKey(), newKey()];
      await put(storage, key, randomBytes(100));
      await put(storage, neighbour, randomBytes(100));
      await storage.remove(key);
      await storage.remove(key);
      expect([await storage.read(key), await storage.size(key)]).toEqual([null, null]);
      expect(await listed(storage)).toEqual([neighbour]);
    });

    test('that never was, is null, and removing it is no fault', async () => {
      const [storage, key] = [opened(), newKey()];
      expect([await storage.read(key), await storage.size(key)]).toEqual([null, null]);
      expect(await storage.read(key, { start: 0, end: 0 })).toBeNull();
      await expect(storage.remove(key)).resolves.toBeUndefined();
    });

    test('while many come and go at the same place', async () => {
      const storage = opened();
      const organizationId = randomUUID();
      const keys = Array.from({ length: 40 }, () => newKey(organizationId));
      await Promise.all(
        keys.map(async (key, index) => {
          await put(storage, key, Buffer.from(key));
          if (index % 2) await storage.remove(key);
        }),
      );
      const kept = keys.filter((_, index) => index % 2 === 0);
      expect(await listed(storage)).toEqual([...kept].sort());
      expect(await Promise.all(kept.map(async (key) => String(await get(storage, key))))).toEqual(kept);
    });
  });
}

function describeWriters(opened: Opened): void {
  describe('a writer', () => {
    test('that is aborted leaves nothing, however often', async () => {
      const [storage, key] = [opened(), newKey()];
      const writer = await storage.create(key);
      await writer.write([randomBytes(6 * mebibyte)]);
      await Promise.all([writer.abort(), writer.abort()]);
      await writer.abort();
      expect([await storage.read(key), await listed(storage)]).toEqual([null, []]);
      expect(await storage.removeUnfinished(partition, 0)).toBe(0);
    });

    test('may be aborted in the middle of a write', async () => {
      const [storage, key] = [opened(), newKey()];
      const writer = await storage.create(key);
      const writing = writer.write([randomBytes(6 * mebibyte)]).catch(() => {});
      await writer.abort();
      await writing;
      expect(await storage.read(key)).toBeNull();
      expect(await storage.removeUnfinished(partition, 0)).toBe(0);
    });

    test('that has committed keeps its object when aborted', async () => {
      const [storage, key] = [opened(), newKey()];
      const writer = await storage.create(key);
      await writer.write([Buffer.from('kept')]);
      await writer.commit();
      await writer.abort();
      expect(String(await get(storage, key))).toBe('kept');
    });

    test('takes nothing more once it is over', async () => {
      const storage = opened();
      const ends: ((writer: ObjectWriter) => Promise<void>)[] = [
        (writer) => writer.abort(),
        (writer) => writer.commit(),
      ];
      for (const end of ends) {
        const writer = await storage.create(newKey());
        await end(writer);
        await expect(writer.write([Buffer.from('x')])).rejects.toThrow(/before/);
        await expect(writer.commit()).rejects.toThrow(/before/);
      }
    });

    test('lets its caller use a buffer again after a write', async () => {
      const [storage, key] = [opened(), newKey()];
      const writer = await storage.create(key);
      const reused = Buffer.alloc(3);
      for (const text of ['one', 'two']) {
        reused.write(text);
        await writer.write([reused]);
      }
      reused.fill(0);
      await writer.commit();
      expect(String(await get(storage, key))).toBe('onetwo');
    });

    test('is not mixed with another of the same key: the last commit wins', async () => {
      const [storage, key] = [opened(), newKey()];
      const [first, second] = [await storage.create(key), await storage.create(key)];
      const contents = { first: Buffer.alloc(3 * mebibyte, 'a'), second: Buffer.alloc(2 * mebibyte, 'b') };
      await Promise.all([first.write([contents.first]), second.write([contents.second])]);
      await first.commit();
      expect((await get(storage, key))?.equals(contents.first)).toBe(true);
      await second.commit();
      expect((await get(storage, key))?.equals(contents.second)).toBe(true);
      expect(await listed(storage)).toEqual([key]);
    });

    test('that commits at the same time as another of the same key gives one whole object', async () => {
      const storage = opened();
      for (let round = 0; round < 10; round += 1) {
        const key = newKey();
        const contents = ['a', 'b', 'c'].map((letter, index) => Buffer.alloc(100_000 * (index + 1), letter));
        await Promise.all(contents.map((content) => put(storage, key, content)));
        const found = await get(storage, key);
        expect(contents.filter((content) => found?.equals(content))).toHaveLength(1);
      }
    });
  });
}

function describeReading(opened: Opened): void {
  describe('reading', () => {
    const content = randomBytes(5 * mebibyte + 123);
    const last = content.length - 1;
    const ranges: [start: number, end: number][] = [
      [0, 0],
      [last, last],
      [0, last],
      [1, last - 1],
      [mebibyte - 1, mebibyte],
      [mebibyte, 2 * mebibyte - 1],
      [4095, 4096],
      [last - 4096, last],
    ];

    test('gives exactly the range', async () => {
      const [storage, key] = [opened(), newKey()];
      await put(storage, key, content);
      for (const [start, end] of ranges) {
        const found = await get(storage, key, { start, end });
        expect(found?.equals(content.subarray(start, end + 1))).toBe(true);
      }
    });

    test('goes on undisturbed while the object is removed', async () => {
      const [storage, key] = [opened(), newKey()];
      await put(storage, key, content);
      const stream = await storage.read(key);
      await storage.remove(key);
      expect(stream && (await buffer(stream)).equals(content)).toBe(true);
    });

    test('can be broken off', async () => {
      const [storage, key] = [opened(), newKey()];
      await put(storage, key, content);
      for (const breakOff of [destroyAtOnce, destroyAfterFirstChunk]) {
        const stream = await storage.read(key);
        if (stream) await breakOff(stream);
        expect(stream?.closed).toBe(true);
      }
    });
  });
}

async function destroyAtOnce(stream: Readable): Promise<void> {
  stream.destroy();
  await once(stream, 'close');
}

async function destroyAfterFirstChunk(stream: Readable): Promise<void> {
  await once(stream, 'readable');
  stream.read();
  await destroyAtOnce(stream);
}

function describePartitions(opened: Opened): void {
  describe('an hour partition', () => {
    const nextHour = new Date(hour.getTime() + 3_600_000);

    test('lists its own objects, of all organizations', async () => {
      const storage = opened();
      const keys = [newKey(), newKey(), newKey()].sort();
      const later = newKey(randomUUID(), nextHour);
      for (const key of [...keys, later]) await put(storage, key, Buffer.from('x'));
      expect(await listed(storage)).toEqual(keys);
      expect(await listed(storage, hourPartition(nextHour))).toEqual([later]);
    });

    test('of which nothing is known is empty', async () => {
      expect(await listed(opened(), '1999-12-31/23')).toEqual([]);
      expect(await opened().removeUnfinished('1999-12-31/23', 0)).toBe(0);
    });

    test('can be emptied while it is listed', async () => {
      const storage = opened();
      for (let index = 0; index < 50; index += 1) await put(storage, newKey(), Buffer.from('x'));
      for await (const key of storage.list(partition)) await storage.remove(key);
      expect(await listed(storage)).toEqual([]);
    });

    test('is freed of what never finished, by age, and of nothing else', async () => {
      const storage = opened();
      const [whole, started, later] = [newKey(), newKey(), newKey(randomUUID(), nextHour)];
      await put(storage, whole, Buffer.from('whole'));
      const writers = await Promise.all([started, later].map((key) => storage.create(key)));
      for (const writer of writers) await writer.write([randomBytes(6 * mebibyte)]);

      expect(await listed(storage)).toEqual([whole]);
      expect(await storage.removeUnfinished(partition, 60_000)).toBe(0);
      expect(await storage.removeUnfinished(partition, 0)).toBe(1);
      expect(await storage.removeUnfinished(partition, 0)).toBe(0);

      expect(String(await get(storage, whole))).toBe('whole');
      await expect(writers[0]?.commit()).rejects.toThrow();
      await writers[1]?.commit();
      expect([await storage.size(started), await storage.size(later)]).toEqual([null, 6 * mebibyte]);
    });

    test('of another form is a mistake of ours', async () => {
      for (const wrong of ['', '..', '2026-03-04', '2026-03-04/5', '2026-03-04/05/', '../../2026-03-04/05']) {
        await expect(listed(opened(), wrong)).rejects.toThrow(RangeError);
        await expect(opened().removeUnfinished(wrong, 0)).rejects.toThrow(RangeError);
      }
    });
  });
}

function describeKeys(opened: Opened): void {
  const key = newKey();
  const wrongKeys = [
    '',
    '.',
    '/etc/passwd',
    '../../etc/passwd',
    `../${key}`,
    `/${key}`,
    `${key}/`,
    `${key}/..`,
    `${key}\n`,
    `${key}\0`,
    `${key}.part`,
    key.toUpperCase().replace('2026', '2027'),
    key.replaceAll('/', '\\'),
    key.replace('2026-03-04', '2026-03-..'),
    key.replace(/[^/]+$/, '..'),
    key.replace('2026', '２０２６'),
  ];

  test.each(wrongKeys)('the key %j is refused by every verb', async (wrong) => {
    const storage = opened();
    const refused = { code: 'DOCUMENT_KEY_UNKNOWN' };
    await expect(storage.create(wrong)).rejects.toMatchObject(refused);
    await expect(storage.read(wrong)).rejects.toMatchObject(refused);
    await expect(storage.size(wrong)).rejects.toMatchObject(refused);
    await expect(storage.remove(wrong)).rejects.toMatchObject(refused);
  });
}
