import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, open, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { BlobRow } from '../../../src/database/entities/blob.js';
import { createLocalStorage } from '../../../src/storage/local.js';
import type { AttachmentData } from '../../support/client.js';
import { report } from '../../support/report.js';
import { runCommand, startCommand } from '../../support/run-command.js';
import { startService, type TestService } from '../../support/service.js';
import { storedFiles } from '../../support/stored-files.js';
import { mebibyte, newKey, put } from '../../support/stored-objects.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { openTestDatabase } from '../../support/test-database.js';
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

const remove = ({ id }: AttachmentData) =>
  service.client.ask(
    'mutation ($id: ID!) { deleteAttachment(input: { attachmentId: $id }) { deletedAttachmentId } }',
    { id },
  );

/** Until the file, or null for that it has begun, is in the state of a verification that runs. */
async function untilVerified(file: AttachmentData | null): Promise<void> {
  const blobId = file === null ? '' : await blobIdOf(file);
  for (;;) {
    const text = await readFile(join(service.dataDirectory, 'verify-state.json'), 'utf8').catch(() => null);
    if (text !== null && (JSON.parse(text) as { afterBlobId: string }).afterBlobId >= blobId) return;
    await pause(5);
  }
}

async function blobIdOf({ documentKey }: AttachmentData): Promise<string> {
  const database = await openTestDatabase(service.dataDirectory);
  const { id } = await database.read.findOneByOrFail(BlobRow, { documentKey });
  await database.close();
  return id;
}

async function addOrphan(at: Date): Promise<string> {
  const key = newKey(undefined, at);
  await put(createLocalStorage(join(service.dataDirectory, 'files')), key, Buffer.from('nobody’s'));
  return key;
}

describe('a verification finds', () => {
  test('nothing where all is well, empty files too, and it draws nothing where there is no terminal', async () => {
    await upload(3, 10_000);
    await upload(1, 0);
    await upload(1, 5 * mebibyte);
    const older = await addOrphan(daysAgo(40));
    const { status, stdout, stderr } = await verify();
    const summary = 'Verified 5 files of 5272880 bytes: 0 missing, 0 damaged, 0 orphaned.\n';
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: summary, stderr: '' });
    // Orphans from before the first start are found with --since alone.
    const since = daysAgo(41).toISOString().slice(0, 10);
    const all = await verify('--since', since);
    expect([all.status, all.stdout]).toEqual([1, expect.stringContaining(`orphaned ${older}:`)]);
  });

  test('each missing, damaged and orphaned file on a line, and it changes none', async () => {
    const files = await upload(6, mebibyte);
    const [missing, flipped, short, empty, folder] = files as [...typeof files, (typeof files)[0]];
    if (!missing || !flipped || !short || !empty || !folder) throw new Error('Not all were uploaded.');
    await rm(pathOf(missing));
    await flipBit(pathOf(flipped), mebibyte / 2 + 12_345);
    await truncate(pathOf(short), mebibyte - 1);
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
      `damaged ${short.documentKey}: it has 1048575 bytes instead of 1048576`,
      `damaged ${empty.documentKey}: it has 0 bytes instead of 1048576`,
      `damaged ${folder.documentKey}: it cannot be read: EISDIR: illegal operation on a directory, read`,
      `orphaned ${orphan}: no row names it`,
      'Verified 6 files of 6291456 bytes: 1 missing, 4 damaged, 1 orphaned.',
    ]);
    expect(status).toBe(1);
    expect((await verify('--all-orphans')).stdout).toContain(`orphaned ${young}: no row names it\n`);
    expect(await storedFiles(service.dataDirectory)).toEqual(before);
    const query = '{ attachments(first: 10, filter: { damaged: true }) { nodes { id } } }';
    const { attachments } = await service.client.ask<{ attachments: { nodes: { id: string }[] } }>(query);
    const faulty = [missing, flipped, short, empty, folder].map(({ id }) => id);
    expect(attachments.nodes.map(({ id }) => id).toSorted()).toEqual(faulty.toSorted());
    expect((await service.client.download(flipped.url)).status).toBe(409);
    await flipBit(pathOf(flipped), mebibyte / 2 + 12_345);
    await verify();
    expect((await service.client.download(flipped.url)).status).toBe(200);
  });

  test('nothing of what is uploaded or deleted while it runs', async () => {
    const files = await upload(60, mebibyte / 64);
    // At this rate the first half takes a second, so that it stands still in it.
    const running = startCommand(['verify', '--rate', '0.5', '--all-orphans'], {
      DATA_DIR: service.dataDirectory,
    });
    await untilVerified(null);
    running.process.kill('SIGSTOP');
    const [second, first] = [files.slice(30).toReversed(), files.slice(20, 30).toReversed()];
    for (const file of second) await remove(file);
    await upload(30, 100);
    running.process.kill('SIGCONT');
    let deleted = second.length;
    for (const file of first) {
      if (running.process.exitCode === null) deleted += 1;
      await remove(file);
    }
    const { status, lines } = await running.result;
    report(`${deleted} of ${files.length} files deleted while it ran: ${lines.at(-1)}`);
    expect([status, lines.length]).toEqual([0, 1]);
    expect(deleted).toBeGreaterThan(second.length);
  });
});

describe('how it runs', () => {
  test('no faster than it is told', async () => {
    const files = await upload(9, mebibyte / 4);
    const [first, last] = [files[0], files[8]];
    if (!first || !last) throw new Error('Not all were uploaded.');
    for (const damaged of [first, last]) await flipBit(pathOf(damaged), 100);
    const running = startCommand(['verify', '--rate', '2'], { DATA_DIR: service.dataDirectory });
    const readAt: number[] = [];
    running.process.stdout?.on('data', () => readAt.push(performance.now()));
    expect((await running.result).status).toBe(1);
    const [from = 0, to = 0] = readAt;
    report(`2 MiB at 2 MiB/s: ${(to - from).toFixed(0)} ms from the first file to the last`);
    expect(to - from).toBeGreaterThan(900);
    expect(to - from).toBeLessThan(5_000);
  });

  test('goes on after SIGINT, SIGTERM and SIGKILL where it stopped, and forgets no finding', async () => {
    const files = await upload(40, mebibyte / 4);
    const [first, second, ninth, sixteenth, last] = [0, 1, 8, 15, 39].map((index) => files[index]);
    if (!first || !second || !ninth || !sixteenth || !last) throw new Error('Not all were uploaded.');
    for (const damaged of [second, ninth, sixteenth, last]) await flipBit(pathOf(damaged), 100);
    const runUntil = async (finding: AttachmentData, signal: NodeJS.Signals, ...words: string[]) => {
      const running = startCommand(['verify', '--rate', '1.5', ...words], {
        DATA_DIR: service.dataDirectory,
      });
      await once(running.process.stdout ?? running.process, 'data');
      // Nothing is kept at the end of a process that is killed.
      if (signal === 'SIGKILL') await untilVerified(finding);
      running.process.kill(signal);
      const stopped = await running.result;
      expect(stopped.lines).toEqual([expect.stringContaining(`damaged ${finding.documentKey}`)]);
      expect(stopped.status).toBe(signal === 'SIGKILL' ? signal : 2);
      if (signal !== 'SIGKILL') expect(stopped.stderr).toContain('claimcheck verify --resume');
    };
    await runUntil(second, 'SIGINT');
    // Bytes that have been verified before are not read again.
    await flipBit(pathOf(first), 100);
    await runUntil(ninth, 'SIGTERM', '--resume');
    await runUntil(sixteenth, 'SIGKILL', '--resume');
    const { status, lines } = await verify('--resume');
    expect(lines).toEqual([
      expect.stringContaining(`damaged ${last.documentKey}`),
      'Verified 40 files of 10485760 bytes: 0 missing, 4 damaged, 0 orphaned.',
    ]);
    expect(status).toBe(1);
    // That one came to its end, so this one begins anew.
    expect((await verify('--resume')).lines.at(-1)).toContain('0 missing, 5 damaged');
  });

  test.each([
    ['while it is stopped', 'SIGTERM', 2, 4 * mebibyte],
    ['between two files', null, 40, mebibyte / 4],
  ] as const)(
    'and says so where its place cannot be kept any more, %s',
    async (_when, signal, count, size) => {
      await upload(count, size);
      const running = startCommand(['verify', '--rate', '2'], { DATA_DIR: service.dataDirectory });
      await untilVerified(null);
      // As on a full disk: no new state can be written.
      const unfinished = join(service.dataDirectory, 'verify-state.json.part');
      await mkdir(unfinished);
      if (signal) running.process.kill(signal);
      const { status, stderr } = await running.result;
      expect(status).toBe(2);
      expect(stderr).toMatch(
        /^Stopped before the end, but this place cannot be kept \(\S+verify-state.json cannot be written: EISDIR.*\): --resume/,
      );
      await rm(unfinished, { recursive: true });
      expect((await verify('--resume')).lines).toEqual([
        `Verified ${count} files of ${count * size} bytes: 0 missing, 0 damaged, 0 orphaned.`,
      ]);
    },
  );

  test('alone: another one is refused, and changes nothing of its state', async () => {
    await upload(2, mebibyte);
    const running = startCommand(['verify', '--rate', '1'], { DATA_DIR: service.dataDirectory });
    await untilVerified(null);
    for (const words of [[], ['--resume']]) {
      const { status, stdout, stderr } = await verify(...words);
      expect({ status, stdout, stderr }).toEqual({
        status: 2,
        stdout: '',
        stderr: expect.stringContaining('Another claimcheck verify is running'),
      });
    }
    running.process.kill('SIGKILL');
    await running.result;
    expect((await verify('--resume')).lines).toEqual([
      'Verified 2 files of 2097152 bytes: 0 missing, 0 damaged, 0 orphaned.',
    ]);
  });

  test('in the memory of a few rows, whatever their number', async () => {
    const few = await peakOf(service, 1_000);
    const many = await peakOf(service, 10_000);
    report(`peak memory: ${few.toFixed(0)} MiB for 1,000 rows, ${many.toFixed(0)} MiB for 10,000`);
    expect(many - few).toBeLessThan(30);
  });
});

test.each([
  ['a rate that is none', ['--rate', 'fast'], {}, 'must be a number'],
  ['a day that is none', ['--since', 'yesterday'], {}, 'must be a day'],
  ['a day that no month has', ['--since', '2026-02-31'], {}, 'must be a day'],
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
