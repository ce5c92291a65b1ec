import { randomBytes, randomUUID } from 'node:crypto';
import type { ObjectWriter, Storage } from '../../src/storage/storage.js';
import { describeGrowing } from './growing-contract.js';
import { describeKeys, describePartitions, describeReading } from './storage-reading-contract.js';
import { get, listed, mebibyte, newKey, partition, put } from './stored-objects.js';

export interface TestedStorage {
  storage: Storage;
  close(): Promise<void>;
}

/** Tests of what every storage promises, whatever the medium. `open` makes an empty one. */
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
    describeGrowing(opened);
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

    test('if it is empty', async () => {
      const [storage, key] = [opened(), newKey()];
      await (await storage.create(key)).commit();
      expect(await storage.size(key)).toBe(0);
      expect(await get(storage, key)).toEqual(Buffer.alloc(0));
      expect(await listed(storage)).toEqual([key]);
    });

    test('if it comes in many chunks of odd sizes, some empty', async () => {
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
