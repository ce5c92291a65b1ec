import { chmod, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { closeToOthers } from '../../../src/config/files.js';
import { closeDataToOthers } from '../../../src/wiring/private-data.js';
import { randomKey, startService } from '../../support/service.js';
import { spawnService } from '../../support/spawned-service.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

let directory: string;
beforeEach(async () => {
  directory = await makeTemporaryDirectory();
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

/** Every file and folder from `root` down that others may do something with. */
async function openBelow(root: string): Promise<string[]> {
  const names = await readdir(root, { recursive: true });
  const paths = [root, ...names.map((name) => join(root, name))];
  const modes = await Promise.all(paths.map(async (path) => [path, await modeOf(path)] as const));
  return modes.filter(([, mode]) => !mode.endsWith('00')).map(([path, mode]) => `${path} ${mode}`);
}

async function makeOpen(root: string): Promise<void> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    await chmod(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o755 : 0o644);
  }
  await chmod(root, 0o755);
}

const start = (env: Record<string, string> = {}) =>
  spawnService({ DATA_DIR: join(directory, 'data'), BOOTSTRAP_API_KEY: key, ...env });
const key = randomKey();

test('all that the service makes is its own, and what older versions left becomes so', async () => {
  const data = join(directory, 'data');
  const first = await start();
  await first.client.upload({ content: 'x' });
  expect(await openBelow(data)).toEqual([]);
  expect(await modeOf(data)).toBe('700');
  expect(await first.end('SIGTERM')).toBe(0);
  await makeOpen(data);
  const second = await start();
  expect(await openBelow(data)).toEqual([]);
  const { url } = await second.client.upload({ content: 'y' });
  expect(await (await second.client.download(url)).text()).toBe('y');
  expect(await openBelow(data)).toEqual([]);
  expect(second.output().stderr).toBe('');
  await second.end('SIGTERM');
});

test("a folder of the operator's keeps its mode, with a warning, and what is put there is closed", async () => {
  const shared = join(directory, 'shared');
  await mkdir(shared);
  await chmod(shared, 0o755);
  const service = await start({ STORAGE_URL: pathToFileURL(shared).href });
  await service.client.upload({ content: 'x' });
  expect(await openBelow(shared)).toEqual([`${shared} 755`]);
  const { stderr } = service.output();
  expect(stderr).toContain('the folder in STORAGE_URL is open to every user of this machine');
  await service.end('SIGTERM');
});

test('a secret that is empty or cut off stops the start, by the name of its file', async () => {
  const data = join(directory, 'data');
  await mkdir(data);
  await writeFile(join(data, 'signing-secret'), '\n');
  await expect(start({ SIGNING_SECRET: '' })).rejects.toThrow(`${join(data, 'signing-secret')} is damaged`);
  await rm(join(data, 'signing-secret'));
  await writeFile(join(data, 'webhook-secret'), 'whsec_c2hvcnQ=\n');
  const other = startService({ DATA_DIR: data, WEBHOOK_SECRET: '' });
  await expect(other).rejects.toThrow(`${join(data, 'webhook-secret')} is damaged`);
});

test('a file whose mode cannot be changed is named, with the reason', async () => {
  expect(await closeToOthers('/proc/self/status')).toEqual({
    path: '/proc/self/status',
    mode: '444',
    reason: expect.stringContaining('EPERM'),
  });
  expect(await closeToOthers(join(directory, 'nothing'))).toBeNull();
});

test('files that bear the names of folders keep no other from being closed', async () => {
  const storage = join(directory, 'files');
  await mkdir(join(storage, '2025-01-01', '00'), { recursive: true });
  await mkdir(join(storage, '2025-02-01', '00'), { recursive: true });
  await writeFile(join(storage, '2025-02-01', '00', 'file'), 'x');
  const strays = Array.from({ length: 31 }, (_, index) =>
    join(storage, `2024-03-${`${index + 1}`.padStart(2, '0')}`),
  );
  await Promise.all(strays.map((path) => writeFile(path, 'x')));
  await makeOpen(directory);
  const end = await closeDataToOthers({ dataDirectory: directory, storage }, { warn: () => {} });
  await end();
  expect(await openBelow(join(storage, '2025-01-01'))).toEqual([]);
  expect(await openBelow(join(storage, '2025-02-01'))).toEqual([]);
});

test('the start waits for some of many files, and goes on where it was ended', async () => {
  const storage = join(directory, 'files');
  const hour = join(storage, '2025-01-01', '00', 'acme');
  await mkdir(hour, { recursive: true });
  const names = Array.from({ length: 2_000 }, (_, index) => `file-${index}`);
  await Promise.all(names.map((name) => writeFile(join(hour, name), 'x')));
  await makeOpen(directory);
  const log = { warn: () => {} };
  const end = await closeDataToOthers({ dataDirectory: directory, storage }, log);
  expect([await modeOf(directory), await modeOf(storage)]).toEqual(['700', '700']);
  await end();
  const left = (await openBelow(storage)).length;
  expect(left).toBeGreaterThan(0);
  expect(left).toBeLessThan(1_010);
  const endAgain = await closeDataToOthers({ dataDirectory: directory, storage }, log);
  // A folder is closed after all in it.
  while ((await modeOf(join(storage, '2025-01-01'))) !== '700') await sleep(50);
  await endAgain();
  expect(await openBelow(storage)).toEqual([]);
});
