import { randomBytes, randomUUID } from 'node:crypto';
import { createGrowingKey } from '../../src/storage/document-key.js';
import type { GrowingWriter, Growth, Storage } from '../../src/storage/storage.js';
import { get, hour, listed, mebibyte, partition } from './stored-objects.js';

type Opened = () => Storage;

const nothing: Growth = { size: 0, place: null };
const newKey = () => createGrowingKey(randomUUID(), hour);

async function open(
  storage: Storage,
  key: string,
  from: Growth,
  isContested = false,
): Promise<GrowingWriter> {
  const writer = await storage.growing.append(key, from, isContested);
  if (!writer) throw new Error('The bytes are gone.');
  return writer;
}

/** Appends as one request does. */
async function grow(storage: Storage, key: string, from: Growth, content: Uint8Array): Promise<Growth> {
  const writer = await open(storage, key, from);
  for (let start = 0; start < content.length; start += mebibyte)
    await writer.write([content.subarray(start, start + mebibyte)]);
  const growth = await writer.settle(true);
  await writer.close();
  expect(growth.size).toBe(from.size + content.length);
  return growth;
}

/** Tests of objects that come bit by bit, for every storage. */
export function describeGrowing(opened: Opened): void {
  describe('an object that comes bit by bit', () => {
    test('is absent until it is finished, and then whole; finished again it is the same', async () => {
      const [storage, key, content] = [opened(), newKey(), randomBytes(13 * mebibyte)];
      let growth = nothing;
      for (const [start, end] of [
        [0, 1],
        [1, 6 * mebibyte],
        [6 * mebibyte, 6 * mebibyte + 10],
        [6 * mebibyte + 10, content.length],
      ] as const) {
        growth = await grow(storage, key, growth, content.subarray(start, end));
        expect([await storage.size(key), await listed(storage)]).toEqual([null, []]);
        expect(await storage.growing.holds(key, growth)).toBe(true);
      }
      await storage.growing.finish(key, growth);
      await storage.growing.finish(key, growth);
      expect((await get(storage, key))?.equals(content)).toBe(true);
      expect(await listed(storage)).toEqual([key]);
      expect(await storage.removeUnfinished(partition, 0)).toBe(0);
    });

    test('goes on from what was settled, and drops the rest', async () => {
      const [storage, key] = [opened(), newKey()];
      const growth = await grow(storage, key, nothing, Buffer.from('settled '));
      const lost = await open(storage, key, growth);
      await lost.write([Buffer.from('lost on its way')]);
      await lost.close();
      const whole = await grow(storage, key, growth, Buffer.from('kept'));
      await storage.growing.finish(key, whole);
      expect(String(await get(storage, key))).toBe('settled kept');
    });

    test('keeps of a request only what counts', async () => {
      const [storage, key, content] = [opened(), newKey(), randomBytes(6 * mebibyte)];
      for (const settles of [false, true]) {
        const refused = await open(storage, key, nothing);
        await refused.write([content]);
        if (settles) await refused.settle(true);
        await refused.close(nothing);
        expect(await storage.removeUnfinished(partition, 0)).toBe(0);
      }
      const growth = await grow(storage, key, nothing, Buffer.from('counted '));
      const refused = await open(storage, key, growth);
      await refused.write([content]);
      await refused.settle(true);
      await refused.close(growth);
      const whole = await grow(storage, key, growth, Buffer.from('kept'));
      await storage.growing.finish(key, whole);
      expect(String(await get(storage, key))).toBe('counted kept');
      expect(await storage.removeUnfinished(partition, 0)).toBe(0);
    });

    test('tells in the middle no more than it can give back', async () => {
      const [storage, key, content] = [opened(), newKey(), randomBytes(8 * mebibyte)];
      const begun = await grow(storage, key, nothing, content.subarray(0, 10));
      const writer = await open(storage, key, begun);
      await writer.write([content.subarray(10)]);
      const told = await writer.settle(false);
      await writer.close();
      expect(told.size).toBeGreaterThanOrEqual(10);
      const whole = await grow(storage, key, told, content.subarray(told.size));
      await storage.growing.finish(key, whole);
      expect((await get(storage, key))?.equals(content)).toBe(true);
    });

    test('cannot be changed by a writer that another has taken over from', async () => {
      const [storage, key] = [opened(), newKey()];
      const growth = await grow(storage, key, nothing, randomBytes(6 * mebibyte));
      const stale = await open(storage, key, growth);
      const writer = await open(storage, key, growth, true);
      await writer.write([Buffer.from('right')]);
      const whole = await writer.settle(true);
      await stale.write([Buffer.alloc(6 * mebibyte, 'y')]).catch(() => undefined);
      await stale.settle(true).catch(() => undefined);
      await Promise.all([stale.close(), writer.close()]);
      await storage.growing.finish(key, whole);
      const stored = await get(storage, key);
      expect([stored?.length, String(stored?.subarray(-5))]).toEqual([6 * mebibyte + 5, 'right']);
    });

    test('that is gone is told of: nobody goes on with it, or calls it whole', async () => {
      const [storage, key] = [opened(), newKey()];
      const growth = await grow(storage, key, nothing, Buffer.from('gone'));
      await storage.growing.discard(key);
      await storage.growing.discard(key);
      expect(await storage.growing.holds(key, growth)).toBe(false);
      expect(await storage.growing.append(key, growth, false)).toBeNull();
      expect(await storage.growing.append(key, growth, true)).toBeNull();
      await storage.growing.finish(key, growth).catch(() => undefined);
      expect(await storage.size(key)).toBeNull();
    });

    test.each([10, 6 * mebibyte])('goes alone, whatever has been begun since, at %d bytes', async (size) => {
      const [storage, key] = [opened(), newKey()];
      const wrong = await grow(storage, key, nothing, Buffer.alloc(size, 'x'));
      await storage.growing.discardOnly(key, wrong);
      expect(await storage.growing.holds(key, wrong)).toBe(false);
      const right = await grow(storage, key, nothing, Buffer.alloc(size, 'y'));
      await storage.growing.discardOnly(key, wrong);
      expect(await storage.growing.holds(key, right)).toBe(true);
      expect(await storage.growing.finish(key, right)).toBe(true);
      await storage.growing.discardOnly(key, right);
      expect(await get(storage, key)).toEqual(Buffer.alloc(size, 'y'));
    });

    test.each([10, 6 * mebibyte])(
      'is told before it is written once more, if it is, at %d bytes',
      async (size) => {
        const [storage, key, content] = [opened(), newKey(), randomBytes(size)];
        const growth = await grow(storage, key, nothing, content);
        expect([null, content]).toContainEqual(await storage.growing.beforeWriting(key, growth));
        await storage.growing.discardOnly(key, growth);
        expect(await storage.growing.beforeWriting(key, growth)).toBeNull();
      },
    );

    test('that is gone is not taken for an object that was there before', async () => {
      const [storage, key] = [opened(), newKey()];
      await storage.growing.finish(key, await grow(storage, key, nothing, Buffer.from('first')));
      const next = await grow(storage, key, nothing, Buffer.from('other'));
      await storage.growing.discardOnly(key, next);
      expect(await storage.growing.finish(key, next).catch(() => false)).toBe(false);
      expect(await get(storage, key)).toEqual(Buffer.from('first'));
    });

    test.each([10, 6 * mebibyte])('goes with its removal, at %d bytes', async (size) => {
      const [storage, key] = [opened(), newKey()];
      const growth = await grow(storage, key, nothing, Buffer.alloc(size));
      await storage.remove(key);
      expect(await storage.growing.holds(key, growth)).toBe(false);
      expect(await storage.removeUnfinished(partition, 0)).toBe(0);
    });

    test.each([10, 6 * mebibyte])('is swept unless it is on its way, at %d bytes', async (size) => {
      const [storage, key, other] = [opened(), newKey(), newKey()];
      const growth = await grow(storage, key, nothing, Buffer.alloc(size));
      const kept = await grow(storage, other, nothing, Buffer.alloc(size));
      expect(await storage.removeUnfinished(partition, 0, async (one) => one === other)).toBeGreaterThan(0);
      expect(await storage.growing.holds(key, growth)).toBe(false);
      expect(await storage.growing.holds(other, kept)).toBe(true);
    });
  });
}
