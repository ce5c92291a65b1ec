import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, readdir, readlink, rm, writeFile } from 'node:fs/promises';
import { get as httpGet, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { AttachmentError } from '../../../src/errors.js';
import type { DownloadDependencies } from '../../../src/http/download.js';
import {
  createFile,
  type DownloadServer,
  errorOf,
  goodCredential,
  maker,
  startDownloadServer,
} from './download-server.js';

type Read = DownloadDependencies['storage']['read'];

const file = createFile(randomBytes(5 * 1024 * 1024));
const half = file.bytes.subarray(0, file.size / 2);
const headers = { authorization: goodCredential };

let server: DownloadServer | undefined;
afterEach(() => server?.close());

/** Serves the one file with its bytes coming from `read`, and returns its signed URL, the most cacheable one. */
async function serve(read: Read): Promise<string> {
  server = await startDownloadServer([file], { storage: { read } });
  return server.urls.signedUrl(file, { expiresIn: 600, disposition: 'ATTACHMENT', maker });
}

function get(url: string) {
  if (server === undefined) throw new Error('There is no server.');
  return server.get(url, headers);
}

async function* ending(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
  await sleep(20);
}

async function* failing(bytes: Buffer): AsyncGenerator<Buffer> {
  yield* ending(bytes);
  throw new Error('disk on fire at /secret/path');
}

describe('before the first byte', () => {
  it.each<[string, Read]>([
    ['a missing object', async () => null],
    [
      'an object that cannot be opened',
      async () => Promise.reject(new AttachmentError('STORAGE_UNAVAILABLE')),
    ],
    ['an object that cannot be read', async () => Readable.from(failing(Buffer.alloc(0)))],
    ['a stream closed without a word', async () => new PassThrough().destroy()],
    [
      'a stream that fails as it should',
      async () => new PassThrough().destroy(new AttachmentError('STORAGE_UNAVAILABLE')),
    ],
    ['an object that is empty after all', async () => Readable.from([])],
    ['an object longer than the file', async () => Readable.from([Buffer.alloc(file.size + 1)])],
  ])('%s is answered as an error', async (_what, read) => {
    const answer = await get(await serve(read));
    expect(answer).toMatchObject({ status: 503, complete: true });
    expect(errorOf(answer).code).toBe('STORAGE_UNAVAILABLE');
    expect(answer.body.toString()).not.toContain('secret');
    expect(answer.headers).toMatchObject({
      'cache-control': 'no-store',
      'content-type': /^application\/json/,
    });
    for (const name of ['etag', 'content-disposition', 'accept-ranges', 'content-range']) {
      expect(answer.headers).not.toHaveProperty(name);
    }
  });
});

describe('after the first byte', () => {
  it.each<[string, Read]>([
    ['fails', async () => Readable.from(failing(half))],
    ['ends early', async () => Readable.from(ending(half))],
    ['is closed', async () => closing()],
  ])('an object that %s breaks the connection', async (_what, read) => {
    const url = await serve(read);
    const answer = await get(url);
    expect(answer.status).toBe(200);
    expect(answer.complete).toBe(false);
    expect((await get(url)).status).toBe(200);
  });

  function closing(): Readable {
    const stream = new PassThrough();
    stream.write(half);
    setTimeout(() => stream.destroy(), 20);
    return stream;
  }
});

describe('when the client leaves', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'download-'));
    await writeFile(join(directory, 'object'), file.bytes);
  });
  afterAll(() => rm(directory, { recursive: true }));

  it('the stored object is closed', async () => {
    const path = join(directory, 'object');
    const url = await serve(async (_key, range) =>
      createReadStream(path, { ...range, highWaterMark: 1_048_576 }),
    );
    const answers = await Promise.all(Array.from({ length: 10 }, () => started(url)));
    // How many are still open depends on how much the sockets have swallowed meanwhile.
    expect(await openDescriptors(path)).toBeGreaterThan(0);

    for (const answer of answers) answer.destroy();
    expect(await eventually(() => openDescriptors(path), 0)).toBe(0);
    expect((await get(url)).body.equals(file.bytes)).toBe(true);
    expect(await eventually(() => openDescriptors(path), 0)).toBe(0);
  });

  it('an object that gives nothing is closed', async () => {
    const stalled = new PassThrough();
    const url = await serve(async () => stalled);
    const request = httpGet(url).on('error', () => {});
    await eventually(async () => stalled.listenerCount('data') > 0, true);
    request.destroy();
    expect(await eventually(async () => stalled.destroyed, true)).toBe(true);
  });

  it('an object opened too late is closed', async () => {
    const late = new PassThrough();
    let isAsked = false;
    const url = await serve(async () => {
      isAsked = true;
      await sleep(100);
      return late;
    });
    const request = httpGet(url).on('error', () => {});
    await eventually(async () => isAsked, true);
    request.destroy();
    expect(await eventually(async () => late.destroyed, true)).toBe(true);
  });

  /** An answer of which nothing more is read than the operating system takes in. */
  function started(url: string): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      httpGet(url, { agent: false }, (answer) => resolve(answer.on('error', () => {}))).on('error', reject);
    });
  }

  async function openDescriptors(path: string): Promise<number> {
    const names = await readdir('/proc/self/fd');
    const targets = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')));
    return targets.filter((target) => target === path).length;
  }
});

/** The value of `read` once it is `wanted`, or what it is after 5 seconds. */
async function eventually<T>(read: () => Promise<T>, wanted: T): Promise<T> {
  const deadline = Date.now() + 5000;
  for (;;) {
    const value = await read();
    if (value === wanted || Date.now() > deadline) return value;
    await sleep(10);
  }
}
