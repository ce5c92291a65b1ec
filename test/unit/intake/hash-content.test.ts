import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { type ContentHash, createHasher, type Hasher } from '../../../src/intake/hash-content.js';
import { report } from '../../support/report.js';
import { seededRandom } from '../../support/seeded-random.js';

const mebibyte = 1024 * 1024;
const bytes = randomBytes(20 * mebibyte);
const random = seededRandom();

function expectedDigests(content: Uint8Array) {
  const digest = (algorithm: string) => createHash(algorithm).update(content).digest('hex');
  return { md5: digest('md5'), sha256: digest('sha256') };
}

/** Cuts at random: mostly small chunks, or mostly large ones. */
function cutAtRandom(content: Buffer): Buffer[] {
  const chunks: Buffer[] = [];
  const largest = 2 ** random.integer(10, 21);
  for (let start = 0; start < content.length; ) {
    const end = start + random.integer(0, largest);
    chunks.push(content.subarray(start, end));
    start = end;
  }
  return chunks;
}

/** Gives the chunks in random groups, the last ones to `finish`. */
async function hashInGroups(hash: ContentHash, chunks: readonly Buffer[]) {
  let rest = chunks;
  while (rest.length > 0 && random.next() < 0.8) {
    const count = random.integer(1, rest.length);
    await hash.update(rest.slice(0, count));
    rest = rest.slice(count);
  }
  return hash.finish(rest);
}

describe('digests', () => {
  let hasher: Hasher;
  beforeAll(() => {
    hasher = createHasher();
  });
  afterAll(() => hasher.close());

  const around = (size: number) => [size - 1, size, size + 1];
  const boundaries = [4096, mebibyte / 4, mebibyte, 4 * mebibyte].flatMap(around);
  const sizes = [0, 1, ...boundaries, 5 * mebibyte, bytes.length];

  test.each(sizes)('are those of node:crypto for %d bytes, however cut', async (size) => {
    const content = bytes.subarray(0, size);
    const expected = expectedDigests(content);
    expect(await hasher.start().finish([content])).toEqual(expected);
    for (let round = 0; round < 3; round += 1)
      expect(await hashInGroups(hasher.start(), cutAtRandom(content))).toEqual(expected);
  });

  test('are not mixed up among many random contents at once', async () => {
    report(`seed ${random.seed}`);
    await Promise.all(
      Array.from({ length: 40 }, async () => {
        const start = random.integer(0, bytes.length);
        const content = bytes.subarray(start, start + random.integer(0, 3 * mebibyte));
        expect(await hashInGroups(hasher.start(), cutAtRandom(content))).toEqual(expectedDigests(content));
      }),
    );
  });

  test('do not need the chunks any more once an update has resolved', async () => {
    const hash = hasher.start();
    const chunk = Buffer.from(bytes.subarray(0, 2 * mebibyte));
    const expected = expectedDigests(chunk);
    await hash.update([chunk]);
    chunk.fill(0);
    expect(await hash.finish([])).toEqual(expected);
  });

  test('that are given up, also in the middle of an update, disturb no other', async () => {
    const givenUp = Array.from({ length: 12 }, () => hasher.start());
    const updates = givenUp.map((hash) => hash.update([bytes.subarray(0, 4 * mebibyte)]));
    const kept = hashInGroups(hasher.start(), cutAtRandom(bytes));
    for (const hash of givenUp) hash.forget();
    for (const hash of givenUp) hash.forget();
    await Promise.all(updates);
    expect(await kept).toEqual(expectedDigests(bytes));
  });
});

describe('a hashing thread that fails', () => {
  const large = Buffer.alloc(8 * mebibyte, 'not deadly');
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'claimcheck-'));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  /** The real thread, but it does `harm` when it meets content that begins with the byte 0xEE. */
  async function createFragileHasher(harm: string): Promise<Hasher> {
    const real = new URL('../../../src/intake/hash-worker.js', import.meta.url);
    const file = join(directory, `fragile-${random.integer(0, 2 ** 30)}.mjs`);
    await writeFile(
      file,
      `import { parentPort, workerData } from 'node:worker_threads';
       const on = parentPort.on.bind(parentPort);
       parentPort.on = (event, listener) => on(event, (message) => {
         const { kind, offset } = message;
         if (kind === 'update' && new Uint8Array(workerData)[offset] === 0xee) { ${harm} }
         listener(message);
       });
       await import(${JSON.stringify(real.href)});`,
    );
    return createHasher(pathToFileURL(file));
  }

  const deadly = () => {
    const content = Buffer.from(large);
    content[0] = 0xee;
    return content;
  };

  test.each([
    ['by throwing', "throw new Error('broken')"],
    ['by ending', 'process.exit(3)'],
    ['by running out of memory', 'const all = []; for (;;) all.push(new Array(1e6).fill(1.5));'],
  ])('%s fails the contents under way, and the next ones get a new thread', async (_name, harm) => {
    const hasher = await createFragileHasher(harm);
    const fault = { code: 'INTERNAL_SERVER_ERROR' };
    const bystander = hasher.start();
    await bystander.update([large]);
    await expect(hasher.start().finish([deadly()])).rejects.toMatchObject(fault);
    await expect(bystander.finish([large])).rejects.toMatchObject(fault);
    bystander.forget();

    expect(await hasher.start().finish([large])).toEqual(expectedDigests(large));
    await hasher.close();
  });

  test('by never having started fails its contents', async () => {
    const hasher = createHasher(pathToFileURL(join(directory, 'missing.mjs')));
    await expect(hasher.start().finish([large])).rejects.toMatchObject({ code: 'INTERNAL_SERVER_ERROR' });
    expect(await hasher.start().finish([large.subarray(0, 100)])).toEqual(
      expectedDigests(large.subarray(0, 100)),
    );
    await hasher.close();
  });

  test('because the hasher is closed fails what waits', async () => {
    const hasher = createHasher();
    const waiting = Array.from({ length: 10 }, () => hasher.start().finish([large]));
    const outcomes = Promise.allSettled(waiting);
    await sleep(5);
    await hasher.close();
    await hasher.close();
    expect((await outcomes).filter(({ status }) => status === 'rejected').length).toBeGreaterThan(0);
  });
});
