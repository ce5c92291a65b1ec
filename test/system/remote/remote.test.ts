import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from '../../support/free-port.js';
import { startFront } from '../../support/front.js';
import { runRemote } from '../../support/run-remote.js';
import { startService, type TestService } from '../../support/service.js';
import { sha256 } from '../../support/sha256.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

interface Line {
  id: string;
  fileName: string;
  size: number;
  sha256: string;
  record: { type: string; id: string } | null;
}

let service: TestService;
let folder: string;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());
beforeEach(async () => {
  folder = await makeTemporaryDirectory();
});
afterEach(() => rm(folder, { recursive: true }));

const environment = () => ({ CLAIMCHECK_URL: service.url, CLAIMCHECK_KEY: service.key });
const run = (
  words: string[],
  { env = {}, input = '' }: { env?: Record<string, string>; input?: string } = {},
) => runRemote(words, { folder, env: { XDG_CACHE_HOME: folder, ...environment(), ...env }, input });
const linesOf = ({ lines }: { lines: string[] }) => lines.map((line) => JSON.parse(line) as Line);
const write = (name: string, content: string) => writeFile(join(folder, name), content);
const count = async () => {
  const query = '{ attachments { totalCount } }';
  return (await service.client.ask<{ attachments: { totalCount: number } }>(query)).attachments.totalCount;
};

describe('upload', () => {
  test('prints a line for each file, nothing else, and makes no database', async () => {
    for (const name of ['one.txt', 'two.txt']) await write(name, name);
    const result = await run(['upload', 'one.txt', 'two.txt', '--parallel', '1']);
    expect(result).toMatchObject({ status: 0, stderr: '' });
    expect(result.lines).toEqual([
      expect.stringMatching(/^[0-9a-f-]{36} one\.txt$/),
      expect.stringMatching(/ two\.txt$/),
    ]);
    expect((await readdir(folder)).toSorted()).toEqual(['one.txt', 'two.txt']);
  });

  test('takes folders, patterns and doubles, claims and links, and prints JSON', async () => {
    await mkdir(join(folder, 'deep/er'), { recursive: true });
    for (const name of ['a.txt', 'b.txt', 'c.md', 'deep/d.txt', 'deep/er/.e']) await write(name, name);
    const place = ['--record', 'WorkPackage/1/2', '--field', 'files', '--parallel', '1', '--json'];
    const result = await run(['upload', '*.txt', 'a.txt', 'deep', ...place]);
    expect(result).toMatchObject({ status: 0, stderr: '' });
    const lines = linesOf(result);
    expect(lines.map(({ fileName }) => fileName)).toEqual(['a.txt', 'b.txt', 'd.txt', '.e']);
    expect(lines[0]).toMatchObject({
      size: 5,
      sha256: sha256('a.txt'),
      record: { type: 'WorkPackage', id: '1/2' },
    });
    const listed = await run(['ls', '--record', 'WorkPackage/1/2', '--field', 'files', '--json']);
    expect(linesOf(listed).map(({ id }) => id)).toEqual(lines.map(({ id }) => id));
  });

  test.each(['SIGINT', 'SIGTERM'] as const)(
    'leaves nothing of the standard input behind at %s',
    async (signal) => {
      const words = [resolve('dist/claimcheck.cjs'), 'upload', '-', '--name', 'in.txt'];
      const env = { PATH: process.env['PATH'], TMPDIR: folder, ...environment() };
      const child = spawn(process.execPath, words, { cwd: folder, env });
      child.stdin.write('a secret');
      const sizes = async () => {
        const names = await readdir(folder, { recursive: true });
        return Promise.all(names.map(async (name) => (await stat(join(folder, name))).size));
      };
      while (!(await sizes()).includes('a secret'.length)) await setTimeout(20);
      child.kill(signal);
      expect(await once(child, 'close')).toEqual([null, signal]);
      expect(await readdir(folder)).toEqual([]);
    },
  );

  test('takes the standard input under a name', async () => {
    const result = await run(['upload', '-', '--name', 'in.txt', '--json'], { input: 'from a pipe' });
    expect(linesOf(result)).toEqual([
      expect.objectContaining({ fileName: 'in.txt', sha256: sha256('from a pipe') }),
    ]);
  });

  test('prints the code and each detail of a refusal, and uploads the others', async () => {
    for (const name of ['con.txt', 'good.txt']) await write(name, name);
    const result = await run(['upload', 'con.txt', 'good.txt', '--parallel', '1']);
    expect(result.status).toBe(1);
    expect(result.stderr).toMatch(
      /^con\.txt: INVALID_FILE_NAME: .+\n {2}input\.fileName: The file name is reserved .*\(reserved_name\)\n$/,
    );
    expect(result.lines).toEqual([expect.stringContaining('good.txt')]);
  });

  test('reads the key from a file, and is refused with another', async () => {
    await write('key', `${service.key}\n`);
    await write('a.txt', 'a');
    const env = { CLAIMCHECK_KEY: 'cck_wrong' };
    expect(await run(['upload', 'a.txt'], { env })).toMatchObject({ status: 1, stdout: '' });
    expect((await run(['upload', 'a.txt'], { env })).stderr).toContain('UNAUTHENTICATED: ');
    expect(await run(['upload', 'a.txt', '--key-file', 'key'], { env })).toMatchObject({ status: 0 });
  });
});

test('a large upload goes on in another run after the first was killed', async () => {
  const port = await freePort();
  let isCut = true;
  await using front = await startFront(`http://127.0.0.1:${port}`, (_path, _index, method) =>
    method === 'PATCH' && isCut ? { cutAfter: 12_000_000 } : 'pass',
  );
  await using behind = await startService({ PORT: String(port), PUBLIC_URL: front.url });
  await writeFile(join(folder, 'large.bin'), Buffer.alloc(16_000_000, 'x'));
  const env = {
    CLAIMCHECK_URL: front.url,
    CLAIMCHECK_KEY: behind.key,
    XDG_CACHE_HOME: join(folder, 'cache'),
  };
  const stop = new AbortController();
  const first = runRemote(['upload', 'large.bin'], { folder, env, signal: stop.signal });
  while (!front.requests.some((line) => line.startsWith('HEAD')) || (front.bytes.at(-1) ?? 0) < 12_000_000)
    await new Promise(setImmediate);
  stop.abort();
  expect((await first).status).toBeNull();
  const [kept = ''] = await readdir(join(folder, 'cache/claimcheck/uploads'));
  expect((await stat(join(folder, 'cache/claimcheck/uploads', kept))).mode & 0o777).toBe(0o600);
  isCut = false;
  const again = await runRemote(['upload', 'large.bin', '--json'], { folder, env });
  expect(again).toMatchObject({ status: 0, stderr: '' });
  expect(linesOf(again)).toMatchObject([{ size: 16_000_000 }]);
  expect(front.bytes[front.requests.findLastIndex((line) => line.startsWith('PATCH'))]).toBeLessThan(
    16_000_000,
  );
  expect(await readdir(join(folder, 'cache/claimcheck/uploads'))).toEqual([]);
});

test.each([
  ['no file', ['upload']],
  ['a file that does not exist', ['upload', 'there.txt', 'not-there.txt']],
  ['a pattern that fits nothing', ['upload', 'there.txt', '*.pdf']],
  ['a field without a record', ['upload', 'there.txt', '--field', 'files']],
  ['a record without an id', ['upload', 'there.txt', '--record', 'WorkPackage']],
  ['one name for two files', ['upload', 'there.txt', 'key', '--name', 'x']],
  ['the standard input without a name', ['upload', '-']],
  ['an unknown option', ['upload', 'there.txt', '--unknown']],
  ['a count that is none', ['upload', 'there.txt', '--parallel', 'many']],
  ['a URL that is none', ['upload', 'there.txt', '--url', 'nowhere']],
  ['a key file that is not there', ['upload', 'there.txt', '--key-file', 'nowhere']],
  ['a link without a record', ['link', 'id']],
  ['a get without an id', ['get']],
  ['an unknown shell', ['completion', 'fish']],
])('%s is wrong usage, and nothing is done', async (_name, words) => {
  await write('there.txt', 'x');
  await write('key', 'x');
  const before = await count();
  const result = await run(words);
  expect(result).toMatchObject({ status: 2, stdout: '' });
  expect(result.stderr).not.toBe('');
  expect(await count()).toBe(before);
});

test('without a key nothing is asked', async () => {
  const result = await runRemote(['whoami'], { folder, env: { CLAIMCHECK_URL: service.url } });
  expect(result).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining('CLAIMCHECK_KEY') });
});

test.each(['whoami', 'ls', 'upload'])('%s of a service that does not answer ends with 3', async (command) => {
  await write('a.txt', 'a');
  const words = command === 'upload' ? [command, 'a.txt'] : [command];
  const result = await run([...words, '--url', 'http://127.0.0.1:9']);
  expect(result).toMatchObject({ status: 3, stdout: '', stderr: expect.stringMatching(/^UNREACHABLE: /) });
});

test('an attachment is claimed, linked, listed, addressed and deleted', async () => {
  await write('a.txt', 'a');
  const [{ id = '' } = {}] = linesOf(await run(['upload', 'a.txt', '--json']));
  expect((await run(['claim', id, '--record', 'Invoice/7'])).lines).toEqual([
    `${id} is claimed by Invoice/7`,
  ]);
  expect((await run(['claim', id, '--record', 'Invoice/7'])).lines).toEqual([
    `${id} was claimed before by Invoice/7`,
  ]);
  const refused = await run(['claim', id, '--record', 'Invoice/8']);
  expect(refused).toMatchObject({ status: 1, stderr: expect.stringContaining('ALREADY_CLAIMED') });
  const linked = await run(['link', id, '--record', 'Invoice/7', '--field', 'pages']);
  expect(linked.lines).toEqual([`0 ${id} a.txt`]);
  const [headings, row] = (await run(['ls', '--record', 'Invoice/7'])).lines;
  expect([headings, row]).toEqual([
    expect.stringMatching(/^ID +SIZE +STATUS/),
    expect.stringMatching(`^${id}  1 .* a.txt$`),
  ]);
  const [url = ''] = (await run(['url', id, '--expires-in', '60'])).lines;
  expect(await (await fetch(url)).text()).toBe('a');
  const removed = await run(['rm', id, id]);
  expect(removed).toMatchObject({
    status: 1,
    lines: [id],
    stderr: expect.stringMatching(`^${id}: NOT_FOUND`),
  });
  expect(await run(['url', id])).toMatchObject({ status: 1, stdout: '' });
});

test('a share link is printed, works without a key, and only as often as it was told', async () => {
  await write('shared.txt', 'for you');
  const [{ id } = { id: '' }] = linesOf(await run(['upload', 'shared.txt', '--json']));
  const plain = await run(['share', id]);
  expect(plain).toMatchObject({ status: 0, stderr: '' });
  expect(await (await fetch(plain.lines[0] ?? '')).text()).toBe('for you');
  const { stdout } = await run(['share', id, '--downloads', '1', '--expires-in', '3600', '--json']);
  const shared = JSON.parse(stdout);
  expect(shared).toMatchObject({ attachmentId: id, maxDownloads: 1, expiresAt: expect.any(String) });
  const statuses: number[] = [];
  for (let round = 0; round < 2; round += 1) statuses.push((await fetch(shared.url)).status);
  expect(statuses).toEqual([200, 410]);
  expect(await run(['share', id, '--downloads', 'x'])).toMatchObject({ status: 2, stdout: '' });
  const refused = await run(['share', '01a1fb65-08c0-765b-84f5-000000000000']);
  expect([refused.status, refused.stderr]).toEqual([1, expect.stringContaining('NOT_FOUND')]);
});

test('ls says that there is more than it shows', async () => {
  for (const name of ['a.txt', 'b.txt', 'c.txt']) await write(name, name);
  await run(['upload', 'a.txt', 'b.txt', 'c.txt', '--record', 'Listed/1']);
  const some = await run(['ls', '--record', 'Listed/1', '--limit', '2', '--json']);
  expect(some).toMatchObject({ status: 0, stderr: 'There are more than 2: --limit 0 lists all.\n' });
  expect(some.lines).toHaveLength(2);
  const all = await run(['ls', '--record', 'Listed/1', '--limit', '0', '--json']);
  expect(all).toMatchObject({ stderr: '', lines: { length: 3 } });
});

test('whoami tells the principal and its permissions', async () => {
  const { lines } = await run(['whoami']);
  expect(lines).toEqual([
    expect.stringMatching(/^SERVICE \S+ \(bootstrap\)$/),
    expect.stringMatching(/^organization \S+$/),
    expect.stringContaining('attachments:read'),
  ]);
  const [viewer] = (await run(['whoami', '--json'])).lines.map((line) => JSON.parse(line) as object);
  expect(viewer).toMatchObject({ principal: { kind: 'SERVICE' }, permissions: expect.any(Array) });
});

test('bash completes commands and options, and leaves files to itself', async () => {
  const { stdout: script, stderr } = await run(['completion', 'bash']);
  expect(stderr).toBe('');
  const complete = async (...words: string[]) => {
    const list = words.map((word) => `'${word}'`).join(' ');
    const program = `${script}\nCOMP_WORDS=(claimcheck ${list}); COMP_CWORD=${words.length}; _claimcheck; echo "\${COMPREPLY[@]}"`;
    return (await promisify(execFile)('bash', ['-c', program])).stdout.trim();
  };
  expect(await complete('up')).toBe('upload');
  expect(await complete('upload', '--rec')).toBe('--record');
  expect(await complete('upload', 'a')).toBe('');
  expect(await complete('keys', '')).toBe('create list revoke');
  expect((await run(['completion', 'zsh'])).stdout).toMatch(
    /^#compdef claimcheck\n[\s\S]*upload\) options=\(--url /,
  );
});
