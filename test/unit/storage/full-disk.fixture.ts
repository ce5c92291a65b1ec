import { randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { intakeFromStream } from '../../../src/intake/from-stream.js';
import { createHasher } from '../../../src/intake/hash-content.js';
import { createDocumentKey, createGrowingKey, hourPartition } from '../../../src/storage/document-key.js';
import { createLocalStorage } from '../../../src/storage/local.js';

/** Fills the disk that the named directory is, frees it again, and prints what happened, as JSON. */
const [, , directory = ''] = process.argv;
const organizationId = randomUUID();
const now = new Date();
const storage = createLocalStorage(directory, { reservedBytes: 0 });
const hasher = createHasher();

async function put(size: number): Promise<string> {
  const key = createDocumentKey(organizationId, now);
  const writer = await storage.create(key);
  try {
    await writer.write([Buffer.alloc(size, 1)]);
    await writer.commit();
    return key;
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

async function faultOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'none';
  } catch (error) {
    const { code, cause } = error as { code?: string; cause?: { code?: string } };
    return `${code} ${cause?.code}`;
  }
}

async function fileNames(): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

const bigUpload = () =>
  intakeFromStream(
    {
      storage,
      hasher,
      clock: () => now,
      leases: { hold() {}, release: async () => {} },
      quotas: { of: async () => null },
      inlining: { maxSize: 0, reserved: null },
    },
    {
      organizationId,
      content: Readable.from(Array.from({ length: 16 }, () => Buffer.alloc(1024 * 1024, 2))),
      maxSize: 2 ** 30,
      fileName: null,
      declaredType: null,
    },
  );

/** Bytes that come bit by bit until the disk is full, and go on once there is room. */
async function grow(): Promise<{ fault: string; told: boolean; whole: number | null }> {
  const key = createGrowingKey(organizationId, now);
  const first = await storage.growing.append(key, { size: 0, place: null }, false);
  let size = 0;
  let fault = 'none';
  while (first && fault === 'none') {
    fault = await faultOf(first.write([Buffer.alloc(2 ** 20, 3)]));
    if (fault === 'none') size += 2 ** 20;
  }
  const told = await first?.settle(true);
  await first?.close();
  const next = told && (await storage.growing.append(key, told, false));
  const growth = await next?.settle(true);
  await next?.close();
  if (growth) await storage.growing.finish(key, growth);
  const whole = await storage.size(key);
  await storage.remove(key);
  return { fault, told: told?.size === size, whole };
}

const growing = await grow();
const upload = await faultOf(bigUpload());
const afterUpload = await fileNames();
const keys: string[] = [];
let put3MiB = 'none';
while (put3MiB === 'none') put3MiB = await faultOf(put(3_000_000).then((key) => keys.push(key)));
const afterPuts = await fileNames();
let putPage = 'none';
while (putPage === 'none') putPage = await faultOf(put(4096).then((key) => keys.push(key)));
const check = await faultOf(storage.check());
const afterAll = await fileNames();
const unfinished = await storage.removeUnfinished(hourPartition(now), 0);
const sizes = await Promise.all(keys.map((key) => storage.size(key)));
for (const key of keys.slice(0, 2)) await storage.remove(key);
const afterwards = [await faultOf(put(3_000_000)), await faultOf(storage.check())];
await hasher.close();

process.stdout.write(
  JSON.stringify({
    growing,
    faults: { upload, put3MiB, putPage, check },
    left: {
      afterUpload: afterUpload.length,
      afterPuts: afterPuts.length,
      strangers: afterAll.length - keys.length,
      unfinished,
    },
    sizes: [...new Set(sizes)],
    afterwards,
  }),
);
