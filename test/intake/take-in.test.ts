import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { createHasher, type Hasher } from '../../src/attachments/hash-content.js';
import { type ContentSource, takeIn } from '../../src/attachments/take-in.js';
import { AttachmentError } from '../../src/errors.js';
import { hourPartition } from '../../src/storage/document-key.js';
import { createMemoryStorage } from '../../src/storage/memory.js';
import type { ObjectWriter, Storage } from '../../src/storage/storage.js';
import { report } from '../support/report.js';
import { seededRandom } from '../support/seeded-random.js';
import { get, listed } from '../support/storage-contract.js';

const mebibyte = 1024 * 1024;
const now = new Date('2026-03-04T05:30:00Z');
const organizationId = randomUUID();
const bytes = randomBytes(20 * mebibyte);
const random = seededRandom();

let storage: Storage;
let hasher: Hasher;
beforeAll(() => {
  hasher = createHasher();
});
afterAll(() => hasher.close());
beforeEach(() => {
  storage = createMemoryStorage();
});

type Content = ContentSource['content'];

function take(content: Content, source: Partial<ContentSource> = {}, signal?: AbortSignal) {
  return takeIn(
    { storage, hasher, clock: () => now },
    { organizationId, content, maxSize: 2 ** 30, fileName: 'a.txt', declaredType: 'text/plain', ...source },
    signal,
  );
}

async function expectNothingLeft(): Promise<void> {
  expect(await listed(storage, hourPartition(now))).toEqual([]);
  expect(await storage.removeUnfinished(hourPartition(now), 0)).toBe(0);
}

function* cutAtRandom(content: Buffer): Iterable<Buffer> {
  const largest = 2 ** random.integer(8, 21);
  for (let start = 0; start < content.length; ) {
    const end = start + random.integer(0, largest);
    yield content.subarray(start, end);
    start = end;
  }
}

/** Content without end, that counts what is taken of it. */
class Endless extends Readable {
  pulled = 0;

  override _read(): void {
    this.pulled += 65_536;
    this.push(bytes.subarray(0, 65_536));
  }
}

describe('content', () => {
  const around = (size: number) => [size - 1, size, size + 1];
  const sizes = [0, 1, ...[4096, mebibyte, 4 * mebibyte].flatMap(around), 5 * mebibyte, bytes.length];

  test.each(sizes)('of %d bytes is stored and described exactly', async (size) => {
    const content = bytes.subarray(0, size);
    const digest = (algorithm: string) => createHash(algorithm).update(content).digest('hex');
    const intake = await take(Readable.from(cutAtRandom(content)));
    expect({ ...intake, head: null }).toEqual({
      blobId: intake.documentKey.slice(-36),
      documentKey: expect.stringMatching(`^2026-03-04/05/${organizationId}/[0-9a-f-]{36}$`),
      size,
      md5: digest('md5'),
      sha256: digest('sha256'),
      head: null,
      fileName: 'a.txt',
      declaredType: 'text/plain',
      used: false,
    });
    expect(content.subarray(0, 4096).equals(intake.head)).toBe(true);
    expect((await get(storage, intake.documentKey))?.equals(content)).toBe(true);
  });

  test('may come in one piece, byte by byte, or as something other than a stream', async () => {
    report(`seed ${random.seed}`);
    const [few, some] = [bytes.subarray(0, 5000), bytes.subarray(0, 200_000)];
    async function* later() {
      for (const chunk of cutAtRandom(some)) {
        await sleep(0);
        yield new Uint8Array(chunk);
      }
    }
    const contents: [Buffer, Content][] = [
      [bytes, Readable.from([bytes])],
      [few, Readable.from(Array.from(few, (byte) => Buffer.of(byte)))],
      [some, later()],
    ];
    for (const [expected, content] of contents) {
      const { documentKey, size } = await take(content);
      expect(size).toBe(expected.length);
      expect((await get(storage, documentKey))?.equals(expected)).toBe(true);
    }
  });

  test('may come many at a time', async () => {
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        const content = bytes.subarray(random.integer(0, bytes.length));
        const { documentKey, sha256 } = await take(Readable.from(cutAtRandom(content)));
        expect(sha256).toBe(createHash('sha256').update(content).digest('hex'));
        expect((await get(storage, documentKey))?.equals(content)).toBe(true);
      }),
    );
  });

  test('is read to the end of its stream', async () => {
    const content = Readable.from([bytes]);
    await take(content);
    expect(content.readableEnded).toBe(true);
  });
});

describe('content past the limit', () => {
  const tooLarge = (limit: number) => ({
    code: 'FILE_TOO_LARGE',
    limit,
    details: [
      { loc: ['content'], msg: `The content is larger than ${limit} bytes.`, type: 'file_too_large' },
    ],
  });

  test.each([0, 1, 4096, mebibyte, 5 * mebibyte])('of %d bytes fails by one byte', async (maxSize) => {
    const content = bytes.subarray(0, maxSize + 1);
    await expect(take(Readable.from(cutAtRandom(content)), { maxSize })).rejects.toMatchObject(
      tooLarge(maxSize),
    );
    await expectNothingLeft();
    await expect(take(Readable.from(cutAtRandom(content.subarray(1))), { maxSize })).resolves.toMatchObject({
      size: maxSize,
    });
  });

  test('is not read much further', async () => {
    const content = new Endless();
    await expect(take(content, { maxSize: 8 * mebibyte })).rejects.toMatchObject(tooLarge(8 * mebibyte));
    report(`pulled ${(content.pulled / mebibyte).toFixed(2)} MiB of content limited to 8`);
    expect(content.pulled).toBeLessThan(10 * mebibyte);
    const { pulled } = content;
    await sleep(20);
    expect(content.pulled).toBe(pulled);
    await expectNothingLeft();
  });

  test('fails although its stream never ends', async () => {
    const content = new PassThrough();
    content.write(bytes.subarray(0, 10));
    await expect(take(content, { maxSize: 9 })).rejects.toMatchObject(tooLarge(9));
  });

  test('can still be drained, and may fail later', async () => {
    const content = new PassThrough();
    content.write(bytes.subarray(0, 10));
    await expect(take(content, { maxSize: 9 })).rejects.toMatchObject(tooLarge(9));
    expect(content.destroyed).toBe(false);
    content.resume();
    content.write(bytes);
    await once(content, 'drain');
    content.destroy(new Error('client gone'));
    await new Promise((resolve) => content.once('close', resolve));
  });

  test('that is not a stream is told to stop', async () => {
    let stopped = false;
    async function* endless() {
      try {
        for (;;) yield bytes.subarray(0, 65_536);
      } finally {
        stopped = true;
      }
    }
    await expect(take(endless(), { maxSize: mebibyte })).rejects.toMatchObject(tooLarge(mebibyte));
    await sleep(0);
    expect(stopped).toBe(true);
  });
});

describe('content that fails', () => {
  const gone = new Error('client gone');

  test.each([0, 100, 3 * mebibyte])('after %d bytes takes everything with it', async (size) => {
    async function* failing() {
      yield* cutAtRandom(bytes.subarray(0, size));
      throw gone;
    }
    await expect(take(Readable.from(failing()))).rejects.toBe(gone);
    await expect(take(failing())).rejects.toBe(gone);
    await expectNothingLeft();
  });

  test('before it is read', async () => {
    await expect(take(new PassThrough().destroy())).rejects.toMatchObject({
      code: 'ERR_STREAM_PREMATURE_CLOSE',
    });
    const failed = new PassThrough().on('error', () => {});
    await expect(take(failed.destroy(gone))).rejects.toBe(gone);
    const failsSoon = new PassThrough();
    const taking = take(failsSoon);
    failsSoon.destroy(gone);
    await expect(taking).rejects.toBe(gone);
    await expectNothingLeft();
  });

  test('by closing early', async () => {
    const content = new PassThrough();
    const taking = take(content);
    content.write(bytes.subarray(0, 3 * mebibyte));
    await sleep(5);
    content.destroy();
    await expect(taking).rejects.toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' });
    await expectNothingLeft();
  });
});

describe('a signal', () => {
  const reason = new AttachmentError('REQUEST_TOO_LARGE');

  test('that has fired lets nothing in', async () => {
    await expect(take(Readable.from([bytes]), {}, AbortSignal.abort(reason))).rejects.toBe(reason);
    await expectNothingLeft();
  });

  test('ends the waiting for content that never comes', async () => {
    const contents: Content[] = [new PassThrough(), neverComing()];
    for (const content of contents) {
      const controller = new AbortController();
      const taking = take(content, {}, controller.signal);
      await sleep(5);
      controller.abort(reason);
      await expect(taking).rejects.toBe(reason);
    }
    await expectNothingLeft();
  });

  test('at any moment leaves nothing', async () => {
    let stopped = 0;
    for (let round = 0; round < 20; round += 1) {
      const controller = new AbortController();
      const taking = take(Readable.from(cutAtRandom(bytes)), {}, controller.signal);
      setTimeout(() => controller.abort(reason), random.integer(0, 30));
      const taken = await taking.catch((error: unknown) => error);
      if (taken === reason) stopped += 1;
      else await storage.remove((taken as { documentKey: string }).documentKey);
      await expectNothingLeft();
    }
    report(`stopped ${stopped} of 20 intakes (seed ${random.seed})`);
  });
});

/** Content whose first chunk never comes, and which cannot be told to stop. */
async function* neverComing(): AsyncIterable<Uint8Array> {
  yield await new Promise<never>(() => {});
}

describe('a storage that fails', () => {
  const full = new AttachmentError('STORAGE_UNAVAILABLE');

  /** The memory storage, with writers changed by `change`. */
  function breakStorage(change: (writer: ObjectWriter) => Partial<ObjectWriter>): void {
    const memory = createMemoryStorage();
    storage = {
      ...bind(memory),
      create: async (key) => {
        const writer = await memory.create(key);
        const kept: ObjectWriter = {
          write: (buffers) => writer.write(buffers),
          commit: () => writer.commit(),
          abort: () => writer.abort(),
        };
        return { ...kept, ...change(writer) };
      },
    };
  }

  test.each([50, 20 * mebibyte])('to write some of %d bytes', async (size) => {
    let count = 0;
    breakStorage((writer) => ({
      write: async (buffers) => {
        count += 1;
        if (size < mebibyte || count === 3) throw full;
        await writer.write(buffers);
      },
    }));
    await expect(take(Readable.from(cutAtRandom(bytes.subarray(0, size))))).rejects.toBe(full);
    await expectNothingLeft();
  });

  test('to commit', async () => {
    breakStorage(() => ({ commit: () => Promise.reject(full) }));
    await expect(take(Readable.from([bytes]))).rejects.toBe(full);
    await expectNothingLeft();
  });

  test('to begin', async () => {
    storage = { ...bind(storage), create: () => Promise.reject(full) };
    const content = new PassThrough();
    await expect(take(content)).rejects.toBe(full);
    content.destroy(new Error('client gone'));
    await new Promise((resolve) => content.once('close', resolve));
  });

  test('while a signal fires does not commit any more', async () => {
    const controller = new AbortController();
    breakStorage(() => ({ write: async () => controller.abort(full) }));
    await expect(take(Readable.from([bytes.subarray(0, 10)]), {}, controller.signal)).rejects.toBe(full);
    await expectNothingLeft();
  });

  test('to keep up holds its client back', async () => {
    const content = new Endless();
    breakStorage(() => ({ write: () => new Promise(() => {}) }));
    const controller = new AbortController();
    const taking = take(content, {}, controller.signal);
    await sleep(100);
    expect(content.pulled).toBeLessThan(4 * mebibyte);
    controller.abort(full);
    await expect(taking).rejects.toBe(full);
  });
});

function bind(memory: Storage): Storage {
  return {
    create: (key) => memory.create(key),
    read: (key, range) => memory.read(key, range),
    size: (key) => memory.size(key),
    remove: (key) => memory.remove(key),
    list: (partition) => memory.list(partition),
    removeUnfinished: (partition, olderThanMs) => memory.removeUnfinished(partition, olderThanMs),
    check: () => memory.check(),
  };
}
