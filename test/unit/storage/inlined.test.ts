import { randomBytes } from 'node:crypto';
import {
  blobIdOf,
  createDocumentKey,
  createInlinedKey,
  type InlinedBodies,
  isDocumentKey,
  mayBeInlined,
  withInlined,
} from '../../../src/storage/document-key.js';
import { createMemoryStorage } from '../../../src/storage/memory.js';
import { describeStorage } from '../../support/storage-contract.js';
import { get, hour, newKey, put } from '../../support/stored-objects.js';

/** Bodies in a map; `asked` holds the ids that were asked for. */
class Bodies implements InlinedBodies {
  readonly asked: string[] = [];
  readonly #bodies = new Map<string, Buffer>();

  set(key: string, body: Buffer): void {
    this.#bodies.set(blobIdOf(key), body);
  }

  async read(blobId: string): Promise<Buffer | null> {
    this.asked.push(blobId);
    return this.#bodies.get(blobId) ?? null;
  }

  async size(blobId: string): Promise<number | null> {
    return (await this.read(blobId))?.byteLength ?? null;
  }
}

describeStorage('a store beside inlined bytes', async () => ({
  storage: withInlined(createMemoryStorage(), new Bodies()),
  close: async () => {},
}));

describe('inlined bytes', () => {
  const bodies = new Bodies();
  const storage = withInlined(createMemoryStorage(), bodies);
  const key = createInlinedKey('org', hour);
  const body = randomBytes(1_000);
  beforeEach(() => {
    bodies.set(key, body);
    bodies.asked.length = 0;
  });

  test('are read whole, in part and empty', async () => {
    expect(await storage.size(key)).toBe(1_000);
    expect(await get(storage, key)).toEqual(body);
    for (const [start, end] of [
      [0, 0],
      [999, 999],
      [10, 19],
      [0, 999],
    ] as const)
      expect(await get(storage, key, { start, end })).toEqual(body.subarray(start, end + 1));
    bodies.set(key, Buffer.alloc(0));
    expect(await get(storage, key)).toEqual(Buffer.alloc(0));
    expect(await storage.size(key)).toBe(0);
  });

  test('are never asked for by the key of an object', async () => {
    for (let round = 0; round < 2_000; round += 1) {
      const other = newKey();
      expect([isDocumentKey(other), mayBeInlined(other)]).toEqual([true, false]);
    }
    const other = createDocumentKey('org', hour);
    await put(storage, other, Buffer.from('object'));
    expect(String(await get(storage, other))).toBe('object');
    expect(bodies.asked).toEqual([]);
  });

  test('give way to an object with an older key that looks like theirs', async () => {
    const older = createInlinedKey('org', hour);
    expect([isDocumentKey(older), mayBeInlined(older)]).toEqual([true, true]);
    await put(storage, older, Buffer.from('object'));
    expect([await storage.size(older), String(await get(storage, older))]).toEqual([6, 'object']);
    expect(await storage.read(createInlinedKey('org', hour))).toBeNull();
  });
});
