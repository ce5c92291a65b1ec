import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { report } from '../../support/report.js';
import { get, mebibyte } from '../../support/stored-objects.js';
import { detect } from '../content-types/agree.js';
import {
  bytes,
  type Content,
  cutAtRandom,
  Endless,
  organizationId,
  random,
  TestedIntake,
} from './tested-intake.js';

let intake: TestedIntake;
beforeEach(() => {
  intake = new TestedIntake();
});
afterEach(() => intake.close());

describe('content', () => {
  const around = (size: number) => [size - 1, size, size + 1];
  const sizes = [0, 1, ...[4096, mebibyte, 4 * mebibyte].flatMap(around), 5 * mebibyte, bytes.length];

  test.each(sizes)('with %d bytes is stored and described exactly', async (size) => {
    const content = bytes.subarray(0, size);
    const digest = (algorithm: string) => createHash(algorithm).update(content).digest('hex');
    const taken = await intake.take(Readable.from(cutAtRandom(content)));
    expect({ ...taken, begun: null }).toEqual({
      begun: null,
      blobId: taken.documentKey.slice(-36),
      documentKey: expect.stringMatching(`^2026-03-04/05/${organizationId}/[0-9a-f-]{36}$`),
      size,
      md5: digest('md5'),
      sha256: digest('sha256'),
      content: await detect(content),
      fileName: 'a.txt',
      declaredType: 'text/plain',
      used: false,
    });
    expect((await get(intake.storage, taken.documentKey))?.equals(content)).toBe(true);
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
      const { documentKey, size } = await intake.take(content);
      expect(size).toBe(expected.length);
      expect((await get(intake.storage, documentKey))?.equals(expected)).toBe(true);
    }
  });

  test('may come many at a time', async () => {
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        const content = bytes.subarray(random.integer(0, bytes.length));
        const { documentKey, sha256 } = await intake.take(Readable.from(cutAtRandom(content)));
        expect(sha256).toBe(createHash('sha256').update(content).digest('hex'));
        expect((await get(intake.storage, documentKey))?.equals(content)).toBe(true);
      }),
    );
  });

  test('is read to the end of its stream', async () => {
    const content = Readable.from([bytes]);
    await intake.take(content);
    expect(content.readableEnded).toBe(true);
  });
});

describe('content past the limit', () => {
  const tooLarge = (limit: number) => ({
    code: 'FILE_TOO_LARGE',
    limit,
    details: [
      {
        loc: ['input', 'content'],
        msg: `The content is larger than ${limit} bytes.`,
        type: 'file_too_large',
      },
    ],
  });

  test.each([0, 1, 4096, mebibyte, 5 * mebibyte])('fails with one byte more than %d', async (maxSize) => {
    const content = bytes.subarray(0, maxSize + 1);
    await expect(intake.take(Readable.from(cutAtRandom(content)), { maxSize })).rejects.toMatchObject(
      tooLarge(maxSize),
    );
    await intake.expectNothingLeft();
    await expect(
      intake.take(Readable.from(cutAtRandom(content.subarray(1))), { maxSize }),
    ).resolves.toMatchObject({
      size: maxSize,
    });
  });

  test('is not read much further', async () => {
    const content = new Endless();
    await expect(intake.take(content, { maxSize: 8 * mebibyte })).rejects.toMatchObject(
      tooLarge(8 * mebibyte),
    );
    report(`pulled ${(content.pulled / mebibyte).toFixed(2)} MiB of content limited to 8`);
    expect(content.pulled).toBeLessThan(10 * mebibyte);
    const { pulled } = content;
    await sleep(20);
    expect(content.pulled).toBe(pulled);
    await intake.expectNothingLeft();
  });

  test('fails although its stream never ends', async () => {
    const content = new PassThrough();
    content.write(bytes.subarray(0, 10));
    await expect(intake.take(content, { maxSize: 9 })).rejects.toMatchObject(tooLarge(9));
  });

  test('can still be drained, and may fail later', async () => {
    const content = new PassThrough();
    content.write(bytes.subarray(0, 10));
    await expect(intake.take(content, { maxSize: 9 })).rejects.toMatchObject(tooLarge(9));
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
    await expect(intake.take(endless(), { maxSize: mebibyte })).rejects.toMatchObject(tooLarge(mebibyte));
    await sleep(0);
    expect(stopped).toBe(true);
  });
});
