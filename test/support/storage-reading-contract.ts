import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { hourPartition } from '../../src/storage/document-key.js';
import type { Storage } from '../../src/storage/storage.js';
import { get, hour, listed, mebibyte, newKey, partition, put } from './stored-objects.js';

type Opened = () => Storage;

export function describeReading(opened: Opened): void {
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

export function describePartitions(opened: Opened): void {
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

    test('is one of those of its day', async () => {
      const storage = opened();
      const sameDay = newKey(randomUUID(), nextHour);
      const nextDay = newKey(randomUUID(), new Date(hour.getTime() + 86_400_000));
      const keys = [newKey(), sameDay].sort();
      for (const key of [...keys, nextDay]) await put(storage, key, Buffer.from('x'));
      const day = partition.slice(0, 10);
      expect(await listed(storage, day)).toEqual(keys);
      const started = await storage.create(newKey(randomUUID(), nextHour));
      await started.write([randomBytes(6 * mebibyte)]);
      expect(await storage.removeUnfinished(day, 0)).toBe(1);
      expect(await listed(storage, day)).toEqual(keys);
      await started.abort();
    });

    test('is empty if nothing is known of it', async () => {
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

    test('with another form is a mistake of ours', async () => {
      for (const wrong of [
        '',
        '..',
        '2026-03',
        '2026-03-04/',
        '2026-03-04/5',
        '2026-03-04/05/',
        '../../2026-03-04/05',
      ]) {
        await expect(listed(opened(), wrong)).rejects.toThrow(RangeError);
        await expect(opened().removeUnfinished(wrong, 0)).rejects.toThrow(RangeError);
      }
    });
  });
}

export function describeKeys(opened: Opened): void {
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
