import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, rm } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createLocalStorage } from '../../../src/storage/local.js';
import { report } from '../../support/report.js';
import { seededRandom } from '../../support/seeded-random.js';
import { get, listed } from '../../support/stored-objects.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

const fixture = fileURLToPath(new URL('./crash.fixture.js', import.meta.url));
const partition = '2026-03-04/05';

describe('a process that is killed', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await makeTemporaryDirectory();
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const start = (mode: string) => spawn(process.execPath, [fixture, mode, directory], { stdio: 'pipe' });

  async function filesLeft(): Promise<number> {
    const entries = await readdir(directory, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).length;
  }

  test('in the middle of a write leaves nothing to be seen, and what it leaves can be removed', async () => {
    const child = start('stall');
    await once(child.stdout, 'data');
    await kill(child);
    const storage = createLocalStorage(directory, { reservedBytes: 0 });
    expect(await listed(storage)).toEqual([]);
    expect(await filesLeft()).toBe(1);
    expect(await storage.removeUnfinished(partition, 60_000)).toBe(0);
    expect(await storage.removeUnfinished(partition, 0)).toBe(1);
    expect(await filesLeft()).toBe(0);
  });

  test('at any moment has stored whole objects only, and every one that it has told of', async () => {
    const random = seededRandom();
    const storage = createLocalStorage(directory, { reservedBytes: 0 });
    let told = 0;
    let unfinished = 0;
    for (let round = 0; round < 8; round += 1) {
      const child = start('store');
      const output = text(child.stdout);
      await once(child.stdout, 'data');
      await sleep(random.integer(0, 60));
      await kill(child);
      const keys = await listed(storage);
      const toldKeys = (await output).split('\n').slice(0, -1);
      expect(keys).toEqual(expect.arrayContaining(toldKeys));
      for (const key of keys) expect(String(await get(storage, key)) === key.repeat(10_000)).toBe(true);
      told += toldKeys.length;
      unfinished += await storage.removeUnfinished(partition, 0);
    }
    expect(await filesLeft()).toBe((await listed(storage)).length);
    report(`killed 8 times (seed ${random.seed}): ${told} objects told of, ${unfinished} left unfinished`);
  });
});

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}
