import { randomBytes } from 'node:crypto';
import { mkdir, open, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createLocalStorage } from '../../src/storage/local.js';
import type { AttachmentData } from '../support/client.js';
import { report } from '../support/report.js';
import { runCommand, startCommand } from '../support/run-command.js';
import { startService, type TestService } from '../support/service.js';
import { storedFiles } from '../support/stored-files.js';
import { mebibyte, newKey, put } from '../support/stored-objects.js';
import { makeTemporaryDirectory } from '../support/temporary-directory.js';
import { runsOnPostgres } from '../support/test-database.js';
import { peakOf } from './peak-memory.js';

const dayMs = 86_400_000;
const daysAgo = (days: number) => new Date(Date.now() - days * dayMs);

let service: TestService;
beforeEach(async () => {
  // Everything in it is old enough for bytes without a row to count.
  const clock = () => daysAgo(3);
  service = await startService({}, { clock });
});
afterEach(() => service.close());

const verify = (...words: string[]) =>
  runCommand(['verify', '--rate', '0', ...words], { DATA_DIR: service.dataDirectory });

async function upload(count: number, size: number): Promise<AttachmentData[]> {
  const uploaded: AttachmentData[] = [];
  for (let index = 0; index < count; index += 1) {
    uploaded.push(await service.client.upload({ content: randomBytes(size) }));
  }
  return uploaded;
}

const pathOf = ({ documentKey }: { documentKey: string }) =>
  join(service.dataDirectory, 'files', documentKey);

async function flipBit(path: string, position: number): Promise<void> {
  const file = await open(path, 'r+');
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, position);
  await file.write(Buffer.from([buffer.readUInt8(0) ^ 4]), 0, 1, position);
  await file.close();
}

async function addOrphan(at: Date): Promise<string> {
  const key = newKey(undefined, at);
  await put(createLocalStorage(join(service.dataDirectory, 'files')), key, Buffer.from('nobody’s'));
  return key;
}

describe('what it finds', () => {
  test('nothing where all is well, empty files too, and it draws nothing where there is no terminal', async () => {
    await upload(3, 10_000);
    await upload(1, 0);
    await upload(1, 5 * mebibyte);
    const { status, stdout, stderr } = await verify();
    const summary = 'Verified 5 files of 5272880 bytes: 0 missing, 0 damaged, 0 orphaned.\n';
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: summary, stderr: '' });
  });

  test('each missing, damaged and orphaned file on a line, and it changes none', async () => {
    const files = await upload(6, 5 * mebibyte);
    const [missing, flipped, short, empty, folder] = files as [...typeof files, (typeof files)[0]];
    if (!missing || !flipped || !short || !empty || !folder) throw new Error('Not all were uploaded.');
    await rm(pathOf(missing));
    await flipBit(pathOf(flipped), 4 * mebibyte + 12_345);
    await truncate(pathOf(short), 5 * mebibyte - 1);
    await truncate(pathOf(empty), 0);
    await rm(pathOf(folder));
    await mkdir(pathOf(folder));
    const orphan = await addOrphan(daysAgo(2));
    const young = await addOrphan(daysAgo(0));
    const before = await storedFiles(service.dataDirectory);
    const { status, lines } = await verify();
    expect(lines).toEqual([
      `missing ${missing.documentKey}: it is not in the storage`,
      `damaged ${flipped.documentKey}: its md5 and sha256 differ from those it came with`,
      `damaged ${short.documentKey}: it has 5242879 bytes instead of 5242880`,
      `damaged ${empty.documentKey}: it has 0 bytes instead of 5242880`,
      `damaged ${folder.documentKey}: it cannot be read: EISDIR: illegal operation on a directory, read`,
      `orphaned ${orphan}: no row names it`,
      'Verified 6 files of 31457280 bytes: 1 missing, 4 damaged, 1 orphaned.',
    ]);
    expect(status).toBe(1);
    expect((await verify('--all-orphans')).stdout).toContain(`orphaned ${young}: no row names it\n`);
    expect(await storedFiles(service.dataDirectory)).toEqual(before);
  });

  test('orphans from before the first start with --since', async () => {
    const orphan = await addOrphan(daysAgo(40));
    expect((await verify()).status).toBe(0);
    const since = daysAgo(41).toISOString().slice(0, 10);
    const { status, stdout } = await verify('--since', since);
    expect([status, stdout]).toEqual([1, expect.stringContaining(`orphaned ${orphan}:`)]);
  });

  test('nothing of what is uploaded or deleted while it runs', async () => {
    const files = await upload(60, mebibyte / 4);
    // At this rate it still reads the first thirty files when the last upload ends: one under way would be an orphan.
    const running = startCommand(['verify', '--rate', '1', '--all-orphans'], {
      DATA_DIR: service.dataDirectory,
    });
    const mutation =
      'mutation ($id: ID!) { deleteAttachment(input: { attachmentId: $id }) { deletedAttachmentId } }';
    let deleted = 0;
    for (const { id } of files.slice(30).toReversed()) {
      await service.client.ask(mutation, { id });
      if (running.process.exitCode === null) deleted += 1;
      await upload(1, 100);
      await pause(20);
    }
    const { status, lines } = await running.result;
    report(`${deleted} of ${files.length} files deleted while it ran: ${lines.at(-1)}`);
    expect([status, lines.length]).toEqual([0, 1]);
    expect(deleted).toBeGreaterThan(10);
  });
});

describe('how it runs', () => {
  test('no faster than it is told', async () => {
    await upload(4, 2 * mebibyte);
    const started = performance.now();
    expect((await verify('--rate', '4')).status).toBe(0);
    const unbounded = performance.now();
    expect((await verify()).status).toBe(0);
    const [bounded, free] = [unbounded - started, performance.now() - unbounded];
    report(`8 MiB: ${bounded.toFixed(0)} ms at 4 MiB/s, ${free.toFixed(0)} ms without a bound`);
    expect(bounded).toBeGreaterThan(1_900);
    expect(bounded - free).toBeLessThan(4_000);
  });

  test.each(['SIGKILL', 'SIGINT', 'SIGTERM'] as const)(
    'goes on after %s where it stopped, and forgets no finding',
    async (signal) => {
      const files = await upload(24, mebibyte / 2);
      const [first, second, ...others] = files;
      const last = others.at(-1);
      if (!first || !second || !last) throw new Error('Not all were uploaded.');
      await flipBit(pathOf(second), 100);
      await flipBit(pathOf(last), 100);
      const running = startCommand(['verify', '--rate', '3'], { DATA_DIR: service.dataDirectory });
      await new Promise((resolve) => running.process.stdout?.once('data', resolve));
      await pause(1_500);
      running.process.kill(signal);
      const stopped = await running.result;
      expect(stopped.status).toBe(signal === 'SIGKILL' ? 'SIGKILL' : 2);
      expect(stopped.lines).toEqual([expect.stringContaining(`damaged ${second.documentKey}`)]);
      if (signal !== 'SIGKILL') expect(stopped.stderr).toContain('claimcheck verify --resume');
      // What had been verified before is not read again.
      await flipBit(pathOf(first), 100);
      const { status, lines } = await verify('--resume');
      expect(lines).toEqual([
        expect.stringContaining(`damaged ${last.documentKey}`),
        'Verified 24 files of 12582912 bytes: 0 missing, 2 damaged, 0 orphaned.',
      ]);
      expect(status).toBe(1);
      // That one came to its end, so this one begins anew.
      expect((await verify('--resume')).lines.at(-1)).toContain('0 missing, 3 damaged');
    },
    30_000,
  );

  test('in the memory of a few rows, whatever their number', async () => {
    const few = await peakOf(service, 1_000);
    const count = runsOnPostgres() ? 10_000 : 30_000;
    const many = await peakOf(service, count);
    report(`peak memory: ${few.toFixed(0)} MiB for 1,000 rows, ${many.toFixed(0)} MiB for ${count}`);
    expect(many - few).toBeLessThan(60);
  }, 60_000);
});

test.each([
  ['a rate that is none', ['--rate', 'fast'], {}, 'must be a number'],
  ['a day that is none', ['--since', 'yesterday'], {}, 'must be a day'],
  ['an unknown option', ['--nonsense'], {}, 'unknown option'],
  ['a bad setting', [], { PORT: 'many' }, 'PORT: '],
  ['another folder than the service’s', [], { DATA_DIR: 'empty' }, 'DATA_DIR'],
  ['a state that cannot be read', ['--resume'], {}, 'start without --resume'],
])('exits with 2 for %s', async (_name, words, env, message) => {
  const directory = await makeTemporaryDirectory();
  await writeFile(join(service.dataDirectory, 'verify-state.json'), '{');
  const elsewhere = 'DATA_DIR' in env ? { DATA_DIR: join(directory, env.DATA_DIR ?? '') } : {};
  const all = { DATA_DIR: service.dataDirectory, ...env, ...elsewhere };
  const { status, stdout, stderr } = await runCommand(['verify', ...words], all);
  expect({ status, stdout, stderr }).toEqual({
    status: 2,
    stdout: '',
    stderr: expect.stringContaining(message),
  });
  await rm(directory, { recursive: true, force: true });
});
