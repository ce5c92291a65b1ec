import { randomBytes, randomUUID } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { withInlined } from '../../../src/storage/document-key.js';
import { createLocalStorage } from '../../../src/storage/local.js';
import type { Storage } from '../../../src/storage/storage.js';
import { describeStorage } from '../../support/storage-contract.js';
import { get, listed, newKey, put } from '../../support/stored-objects.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

let directory: string;
let storage: Storage;

async function openLocal() {
  directory = await makeTemporaryDirectory();
  storage = createLocalStorage(join(directory, 'objects', 'here'), { reservedBytes: 0 });
  return { storage, close: () => rm(directory, { recursive: true, force: true }) };
}

describeStorage('local', openLocal);

describe('files', () => {
  let close: () => Promise<void>;
  beforeEach(async () => {
    ({ close } = await openLocal());
  });
  afterEach(() => close());

  const root = () => join(directory, 'objects', 'here');
  const filesBelow = async (path: string) =>
    (await readdir(path, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());

  test('lie at exactly their document key', async () => {
    const key = newKey();
    await put(storage, key, Buffer.from('content'));
    expect(await readFile(join(root(), key), 'utf8')).toBe('content');
  });

  test('may be so large that they go to the disk in several steps', async () => {
    const [key, part, parts] = [newKey(), randomBytes(8 * 1024 * 1024), 10];
    const writer = await storage.create(key);
    for (let index = 0; index < parts; index += 1) await writer.write([part]);
    await writer.commit();
    const content = await get(storage, key);
    expect(content?.equals(Buffer.concat(Array.from({ length: parts }, () => part)))).toBe(true);
  });

  test('are the only thing left by commits, aborts and checks', async () => {
    for (let index = 0; index < 5; index += 1) {
      await put(storage, newKey(), randomBytes(100));
      await (await storage.create(newKey())).abort();
      await storage.check();
    }
    expect(await filesBelow(root())).toHaveLength(5);
  });

  test('take their emptied directories with them', async () => {
    const [first, second] = [newKey(), newKey()];
    await put(storage, first, Buffer.from('1'));
    await put(storage, second, Buffer.from('2'));
    await storage.remove(first);
    expect(await readdir(dirname(dirname(join(root(), first))))).toHaveLength(1);
    await storage.remove(second);
    expect(await readdir(root())).toEqual([]);
  });

  test('find a directory again that somebody has removed', async () => {
    const organizationId = randomUUID();
    await put(storage, newKey(organizationId), Buffer.from('1'));
    await rm(root(), { recursive: true });
    const key = newKey(organizationId);
    await put(storage, key, Buffer.from('2'));
    expect(String(await get(storage, key))).toBe('2');
  });

  test('come and go in one directory without tripping over its removal', async () => {
    const organizationId = randomUUID();
    const comeAndGo = async () => {
      for (let round = 0; round < 50; round += 1) {
        const key = newKey(organizationId);
        await put(storage, key, Buffer.from('x'));
        await storage.remove(key);
      }
    };
    await Promise.all(Array.from({ length: 6 }, comeAndGo));
    expect(await readdir(root())).toEqual([]);
  });

  test('with other names are neither listed nor removed', async () => {
    const key = newKey();
    await put(storage, key, Buffer.from('x'));
    const strangers = ['.DS_Store', 'notes.txt', `${randomUUID()}.part`, '.x.part'];
    for (const name of strangers) await writeFile(join(root(), dirname(key), name), 'stranger');
    await writeFile(join(root(), dirname(dirname(key)), 'stranger'), 'stranger');
    expect(await listed(storage)).toEqual([key]);
    expect(await storage.removeUnfinished('2026-03-04/05', 0)).toBe(0);
    expect(await filesBelow(root())).toHaveLength(strangers.length + 2);
  });
});

describe('descriptors', () => {
  let close: () => Promise<void>;
  beforeEach(async () => {
    ({ close } = await openLocal());
  });
  afterEach(() => close());

  /** How many are open below the directory, as far as this system tells. */
  async function openDescriptors(): Promise<number> {
    const names = await readdir('/proc/self/fd').catch(() => []);
    const targets = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')));
    return targets.filter((target) => target.startsWith(directory)).length;
  }

  test('are closed however an object is written', async () => {
    await put(storage, newKey(), randomBytes(5_000_000));
    const aborted = await storage.create(newKey());
    await aborted.write([randomBytes(1000)]);
    await aborted.abort();
    expect(await openDescriptors()).toBe(0);
  });

  test('are read in chunks that grow: to 512 KiB, or to as much as the reader says, beside inlined bytes too', async () => {
    const [key, kibibyte] = [newKey(), 1024];
    const content = randomBytes(9 * kibibyte * kibibyte);
    await put(storage, key, content);
    const store = withInlined(storage, { read: async () => null, size: async () => null });
    for (const [options, largest] of [
      [undefined, 512],
      [{ maxChunkSize: 2048 * kibibyte }, 2048],
    ] as const) {
      const chunks: Buffer[] = [];
      const stream = (await store.read(key, undefined, options)) as AsyncIterable<Buffer> | null;
      for await (const chunk of stream ?? []) chunks.push(chunk);
      const lengths = chunks.map(({ length }) => length);
      expect([lengths[0], Math.max(...lengths)]).toEqual([64 * kibibyte, largest * kibibyte]);
      expect(Buffer.concat(chunks).equals(content)).toBe(true);
    }
  });

  test('are closed however a stream ends', async () => {
    const key = newKey();
    await put(storage, key, randomBytes(5_000_000));
    const streams = await Promise.all(Array.from({ length: 4 }, () => storage.read(key)));
    if (process.platform === 'linux') expect(await openDescriptors()).toBe(4);
    const closed = streams.map((stream) => new Promise((resolve) => stream?.once('close', resolve)));
    streams[0]?.resume();
    streams[1]?.destroy();
    streams[2]?.once('data', () => streams[2]?.destroy());
    streams[3]?.on('error', () => {}).destroy(new Error('client gone'));
    await Promise.all(closed);
    expect(await openDescriptors()).toBe(0);
  });
});

describe('a medium that fails', () => {
  let close: () => Promise<void>;
  beforeEach(async () => {
    ({ close } = await openLocal());
  });
  afterEach(() => close());

  const unavailable = (code: string) => ({ code: 'STORAGE_UNAVAILABLE', cause: { code } });
  const root = () => join(directory, 'objects', 'here');

  test('with a file in the place of its directory', async () => {
    await writeFile(join(directory, 'objects'), 'in the way');
    await expect(storage.create(newKey())).rejects.toMatchObject(unavailable('ENOTDIR'));
    await expect(storage.check()).rejects.toMatchObject(unavailable('ENOTDIR'));
    await expect(storage.size(newKey())).rejects.toMatchObject(unavailable('ENOTDIR'));
  });

  test('while an object is read', async () => {
    const key = newKey();
    await mkdir(join(root(), key), { recursive: true });
    await expect(get(storage, key, { start: 0, end: 10 })).rejects.toMatchObject(unavailable('EISDIR'));
  });

  test('when an object is to get its name: nothing is left', async () => {
    const key = newKey();
    await mkdir(join(root(), key, 'in the way'), { recursive: true });
    await expect(put(storage, key, Buffer.from('x'))).rejects.toMatchObject(unavailable('EISDIR'));
    expect(await readdir(dirname(join(root(), key)))).toEqual([key.slice(-36)]);
  });

  test('by having no room to spare', async () => {
    const demanding = createLocalStorage(root(), { reservedBytes: Number.MAX_SAFE_INTEGER });
    await expect(demanding.check()).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
      cause: { message: expect.stringMatching(/bytes are left/) },
    });
    const writer = await demanding.create(newKey());
    await expect(writer.write([Buffer.from('x')])).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    await writer.abort();
    expect(await demanding.removeUnfinished('2026-03-04/05', 0)).toBe(0);
  });

  test('by permission', async () => {
    await storage.check();
    await withoutPermission(root(), async () => {
      await expect(storage.create(newKey())).rejects.toMatchObject(unavailable('EACCES'));
      await expect(storage.check()).rejects.toMatchObject(unavailable('EACCES'));
    });
    await expect(storage.check()).resolves.toBeUndefined();
  });
});

const nobody = 65534;

/** Does `work` while this process may not write to `path`; as root, which may always, by being nobody for that time. */
async function withoutPermission(path: string, work: () => Promise<void>): Promise<void> {
  const isRoot = process.geteuid?.() === 0;
  await chmod(path, 0o500);
  if (isRoot) process.seteuid?.(nobody);
  try {
    await work();
  } finally {
    if (isRoot) process.seteuid?.(0);
    await chmod(path, 0o700);
  }
}
