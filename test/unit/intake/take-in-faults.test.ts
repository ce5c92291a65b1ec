import { PassThrough, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { AttachmentError } from '../../../src/errors.js';
import { createMemoryStorage } from '../../../src/storage/memory.js';
import type { ObjectWriter, Storage } from '../../../src/storage/storage.js';
import { report } from '../../support/report.js';
import { mebibyte } from '../../support/stored-objects.js';
import { bytes, type Content, cutAtRandom, Endless, random, TestedIntake } from './tested-intake.js';

let intake: TestedIntake;
beforeEach(() => {
  intake = new TestedIntake();
});
afterEach(() => intake.close());

describe('content that fails', () => {
  const gone = new Error('client gone');

  test.each([0, 100, 3 * mebibyte])('after %d bytes takes everything with it', async (size) => {
    async function* failing() {
      yield* cutAtRandom(bytes.subarray(0, size));
      throw gone;
    }
    await expect(intake.take(Readable.from(failing()))).rejects.toBe(gone);
    await expect(intake.take(failing())).rejects.toBe(gone);
    await intake.expectNothingLeft();
  });

  test('before it is read', async () => {
    await expect(intake.take(new PassThrough().destroy())).rejects.toMatchObject({
      code: 'ERR_STREAM_PREMATURE_CLOSE',
    });
    const failed = new PassThrough().on('error', () => {});
    await expect(intake.take(failed.destroy(gone))).rejects.toBe(gone);
    const failsSoon = new PassThrough();
    const taking = intake.take(failsSoon);
    failsSoon.destroy(gone);
    await expect(taking).rejects.toBe(gone);
    await intake.expectNothingLeft();
  });

  test('by closing early', async () => {
    const content = new PassThrough();
    const taking = intake.take(content);
    content.write(bytes.subarray(0, 3 * mebibyte));
    await sleep(5);
    content.destroy();
    await expect(taking).rejects.toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' });
    await intake.expectNothingLeft();
  });
});

describe('a signal', () => {
  const reason = new AttachmentError('REQUEST_TOO_LARGE');

  test('that has fired lets nothing in', async () => {
    await expect(intake.take(Readable.from([bytes]), {}, AbortSignal.abort(reason))).rejects.toBe(reason);
    await intake.expectNothingLeft();
  });

  test('ends the waiting for content that never comes', async () => {
    const contents: Content[] = [new PassThrough(), neverComing()];
    for (const content of contents) {
      const controller = new AbortController();
      const taking = intake.take(content, {}, controller.signal);
      await sleep(5);
      controller.abort(reason);
      await expect(taking).rejects.toBe(reason);
    }
    await intake.expectNothingLeft();
  });

  test('at any moment leaves nothing', async () => {
    let stopped = 0;
    for (let round = 0; round < 20; round += 1) {
      const controller = new AbortController();
      const taking = intake.take(Readable.from(cutAtRandom(bytes)), {}, controller.signal);
      setTimeout(() => controller.abort(reason), random.integer(0, 30));
      const taken = await taking.catch((error: unknown) => error);
      if (taken === reason) stopped += 1;
      else await intake.storage.remove((taken as { documentKey: string }).documentKey);
      await intake.expectNothingLeft();
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
    intake.storage = {
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
    await expect(intake.take(Readable.from(cutAtRandom(bytes.subarray(0, size))))).rejects.toBe(full);
    await intake.expectNothingLeft();
  });

  test('to commit', async () => {
    breakStorage(() => ({ commit: () => Promise.reject(full) }));
    await expect(intake.take(Readable.from([bytes]))).rejects.toBe(full);
    await intake.expectNothingLeft();
  });

  test('to read an archive back, whose directory is at its end', async () => {
    const read = () => Promise.reject(full);
    intake.storage = { ...bind(intake.storage), read };
    const archive = Buffer.concat([Buffer.from('PK\x03\x04'), bytes.subarray(0, 50_000)]);
    await expect(intake.take(Readable.from([archive]))).rejects.toBe(full);
    await intake.expectNothingLeft();
  });

  test('to begin', async () => {
    intake.storage = { ...bind(intake.storage), create: () => Promise.reject(full) };
    const content = new PassThrough();
    await expect(intake.take(content)).rejects.toBe(full);
    content.destroy(new Error('client gone'));
    await new Promise((resolve) => content.once('close', resolve));
  });

  test('while a signal fires does not commit any more', async () => {
    const controller = new AbortController();
    breakStorage(() => ({ write: async () => controller.abort(full) }));
    await expect(intake.take(Readable.from([bytes.subarray(0, 10)]), {}, controller.signal)).rejects.toBe(
      full,
    );
    await intake.expectNothingLeft();
  });

  test('to keep up holds its client back', async () => {
    const content = new Endless();
    breakStorage(() => ({ write: () => new Promise(() => {}) }));
    const controller = new AbortController();
    const taking = intake.take(content, {}, controller.signal);
    await sleep(100);
    expect(content.pulled).toBeLessThan(4 * mebibyte);
    controller.abort(full);
    await expect(taking).rejects.toBe(full);
  });
});

function bind(memory: Storage): Storage {
  return {
    direct: null,
    growing: memory.growing,
    create: (key) => memory.create(key),
    read: (key, range) => memory.read(key, range),
    size: (key) => memory.size(key),
    remove: (key) => memory.remove(key),
    list: (partition) => memory.list(partition),
    removeUnfinished: (partition, olderThanMs) => memory.removeUnfinished(partition, olderThanMs),
    check: () => memory.check(),
  };
}
