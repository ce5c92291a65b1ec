import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { answer, startFront, type Treatment } from '../../support/front.js';
import { runRemote } from '../../support/run-remote.js';
import { startService, type TestService } from '../../support/service.js';
import { sha256 } from '../../support/sha256.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

const content = randomBytes(2_000_000);

let service: TestService;
let id: string;
let folder: string;
beforeAll(async () => {
  service = await startService();
  ({ id } = await service.client.upload({ content, name: 'data.bin' }));
});
afterAll(() => service.close());
beforeEach(async () => {
  folder = await makeTemporaryDirectory();
});
afterEach(() => rm(folder, { recursive: true }));

const run = (words: string[], url = service.url) =>
  runRemote(words, { folder, env: { CLAIMCHECK_URL: url, CLAIMCHECK_KEY: service.key } });
const partial = `data.bin.${sha256(content).slice(0, 12)}.part`;
const isDownload = (path: string) => path.startsWith('/attachments/');

test('writes to its own name, readable as any file of the user, and once more does nothing', async () => {
  expect(await run(['get', id])).toMatchObject({ status: 0, stderr: '', lines: ['data.bin'] });
  expect(await readFile(join(folder, 'data.bin'))).toEqual(content);
  expect((await stat(join(folder, 'data.bin'))).mode & 0o777).toBe(0o666 & ~process.umask());
  await using front = await startFront(service.url, () => 'pass');
  expect(await run(['get', id], front.url)).toMatchObject({ status: 0 });
  expect(front.requests.filter((line) => line.startsWith('GET'))).toEqual([]);
  expect(await readdir(folder)).toEqual(['data.bin']);
});

test('does not overwrite another file unless it is told to', async () => {
  await writeFile(join(folder, 'data.bin'), 'mine');
  const refused = await run(['get', id]);
  expect(refused).toMatchObject({ status: 2, stderr: expect.stringContaining('--force') });
  expect(await readFile(join(folder, 'data.bin'), 'utf8')).toBe('mine');
  expect(await run(['get', id, '--force'])).toMatchObject({ status: 0 });
  expect(await readFile(join(folder, 'data.bin'))).toEqual(content);
  // Nor in a folder, where the service has said the name.
  await mkdir(join(folder, 'below'));
  await writeFile(join(folder, 'below/data.bin'), 'mine');
  expect(await run(['get', id, '-o', 'below'])).toMatchObject({ status: 2 });
  expect(await readFile(join(folder, 'below/data.bin'), 'utf8')).toBe('mine');
});

test('writes to another place, into a folder, or to the standard output', async () => {
  await mkdir(join(folder, 'below'));
  expect(await run(['get', id, '-o', 'other.bin'])).toMatchObject({ status: 0, lines: ['other.bin'] });
  expect(await run(['get', id, '-o', 'below'])).toMatchObject({ status: 0, lines: ['below/data.bin'] });
  expect(await readFile(join(folder, 'below/data.bin'))).toEqual(content);
  const { id: short } = await service.client.upload({ content: 'short', name: 'short.txt' });
  expect(await run(['get', short, '-o', '-'])).toMatchObject({ status: 0, stdout: 'short', stderr: '' });
  expect(await run(['get', id, '-o', 'nowhere/x'])).toMatchObject({ status: 2, stdout: '' });
});

test('leaves pipes, devices, folders and links as they are', async () => {
  await mkdir(join(folder, 'data.bin'));
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  await symlink('pipe', join(folder, 'to-pipe'));
  await symlink('below', join(folder, 'to-file'));
  await writeFile(join(folder, 'below'), 'mine');
  for (const words of [[], ['--force'], ['-o', 'pipe'], ['-o', 'to-pipe'], ['-o', '.', '--force']]) {
    const stderr = expect.stringMatching(/is there, and is no ordinary file: .* - for the standard output/);
    expect({ words, ...(await run(['get', id, ...words])) }).toMatchObject({ words, status: 2, stderr });
  }
  expect(await run(['get', id, '-o', ''])).toMatchObject({ status: 2, stdout: '' });
  expect(await run(['get', id, '-o', 'to-file'])).toMatchObject({ status: 0, lines: ['to-file'] });
  expect(await readFile(join(folder, 'below'))).toEqual(content);
  const kinds = (await readdir(folder, { withFileTypes: true })).map((entry) => [
    entry.name,
    entry.isFile(),
    entry.isSymbolicLink(),
  ]);
  expect(kinds.toSorted()).toEqual([
    ['below', true, false],
    ['data.bin', false, false],
    ['pipe', false, false],
    ['to-file', false, true],
    ['to-pipe', false, true],
  ]);
});

test('goes on where an earlier run broke off', async () => {
  await writeFile(join(folder, partial), content.subarray(0, 1_500_000));
  await using front = await startFront(service.url, () => 'pass');
  expect(await run(['get', id], front.url)).toMatchObject({ status: 0 });
  expect(front.headers.at(-1)).toMatchObject({ range: 'bytes=1500000-' });
  expect(await readFile(join(folder, 'data.bin'))).toEqual(content);
  expect(await readdir(folder)).toEqual(['data.bin']);
});

test.each([['data.bin'], ['-']])('goes on after a connection that breaks off, into %s', async (output) => {
  const cut: Treatment = (response) => {
    response.writeHead(200, { 'content-length': content.length });
    response.write(content.subarray(0, 700_000), () => setTimeout(() => response.destroy(), 20));
  };
  await using front = await startFront(service.url, (path) => {
    const isFirst = front.requests.filter((line) => line.startsWith('GET')).length === 1;
    return isDownload(path) && isFirst ? cut : 'pass';
  });
  const result = await run(['get', id, '-o', output], front.url);
  expect(result).toMatchObject({ status: 0, stderr: '' });
  expect(front.headers.at(-1)?.range).toMatch(/^bytes=[1-9]\d*-$/);
  if (output !== '-') expect(await readFile(join(folder, output))).toEqual(content);
});

test('other bytes than those of the digest are no file', async () => {
  const wrong: Treatment = (response) => response.writeHead(200).end(Buffer.alloc(content.length));
  await using front = await startFront(service.url, (path) => (isDownload(path) ? wrong : 'pass'));
  const result = await run(['get', id], front.url);
  expect(result).toMatchObject({
    status: 1,
    stdout: '',
    stderr: expect.stringMatching(/^DIGEST_MISMATCH: /),
  });
  expect(await readdir(folder)).toEqual([]);
});

test.each([
  ['../../up.txt', 'up.txt'],
  ['..\\up.txt', 'up.txt'],
  ['.profile', '_profile'],
  ['..', '_'],
  ['a\u0000b.txt', 'ab.txt'],
  ['/', 'x'],
])('a service that calls a file %j writes nowhere else', async (fileName, name) => {
  const attachment = { ...{ id: 'x', fileName, size: 5 }, digest: { hash: sha256('12345') } };
  const reply = answer(200, {}, JSON.stringify({ data: { attachment } }));
  const bytes = answer(200, {}, '12345');
  await using front = await startFront(service.url, (path) => (isDownload(path) ? bytes : reply));
  await mkdir(join(folder, 'deep/er'), { recursive: true });
  const inside = join(folder, 'deep/er');
  const env = { CLAIMCHECK_URL: front.url, CLAIMCHECK_KEY: 'x' };
  expect(await runRemote(['get', 'x'], { folder: inside, env })).toMatchObject({ status: 0 });
  expect(await readdir(inside)).toEqual([name]);
  expect(await readdir(folder)).toEqual(['deep']);
});

test('an id that leads to nothing is refused', async () => {
  const result = await run(['get', '01a21b36-b212-7641-bcca-942f9952576e']);
  expect(result).toMatchObject({ status: 1, stdout: '', stderr: expect.stringMatching(/^NOT_FOUND: /) });
});
