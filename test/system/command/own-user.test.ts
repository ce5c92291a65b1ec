import { chown, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runCommand, startCommand } from '../../support/run-command.js';
import { startService } from '../../support/service.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

const isRoot = process.getuid?.() === 0;
/** Nobody's id. */
const other = 65_534;

let directory: string;
let env: Record<string, string>;
beforeAll(async () => {
  directory = await makeTemporaryDirectory();
  env = { DATA_DIR: join(directory, 'data'), DATABASE_URL: '', STORAGE_URL: '' };
  const service = await startService(env);
  await service.client.upload({ content: Buffer.alloc(2 ** 22), name: 'b.bin' });
  await service.close();
  await writeFile(join(directory, 'a.txt'), 'a');
  const line = {
    ...{ id: '0190d8a4-5c1e-7b1f-9d43-3f0a52c1e7aa', organizationId: 'default', createdBy: 'anna' },
    ...{ path: 'a.txt', fileName: 'a.txt', createdAt: '2019-05-06T07:08:09Z' },
  };
  await writeFile(join(directory, 'list.jsonl'), JSON.stringify(line));
  if (!isRoot) return;
  for (const name of ['claimcheck.sqlite', 'receipt-keys.json']) {
    await chown(join(directory, 'data', name), other, other);
  }
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const commands = () => [
  { words: ['import', '--from', join(directory, 'list.jsonl')], refused: 2 },
  { words: ['receipt', 'rotate'], refused: 1 },
  { words: ['move', '--to-storage', `file://${directory}/files`], refused: 1 },
];

test('root makes no files beside those of another user; that user does', async () => {
  const keys = await readFile(join(directory, 'data/receipt-keys.json'), 'utf8');
  for (const { words, refused } of commands()) {
    const { status, stderr } = await runCommand(words, env);
    expect({ words, status }).toEqual({ words, status: isRoot ? refused : 0 });
    expect(stderr).toMatch(isRoot ? /belongs to the user 65534: run this as that user/ : /^$/);
  }
  const isSame = (await readFile(join(directory, 'data/receipt-keys.json'), 'utf8')) === keys;
  expect(isSame).toBe(isRoot);
});

test('root counts what would be imported all the same, and lists keys', async () => {
  const [words = []] = commands().map((command) => command.words);
  expect((await runCommand([...words, '--dry-run'], env)).status).toBe(0);
  expect((await runCommand(['keys', 'list'], env)).status).toBe(0);
});

test('root keeps the place of a verification in files that the user of the folder can open', async () => {
  if (isRoot) await chown(join(directory, 'data'), other, other);
  const running = startCommand(['verify', '--rate', '1'], env);
  const owners = async () =>
    Promise.all(
      ['verify-state.json.lock', 'verify-state.json'].map((name) =>
        stat(join(directory, 'data', name)).then(
          ({ uid }) => uid,
          () => null,
        ),
      ),
    );
  while ((await owners()).includes(null)) await sleep(10);
  expect(new Set(await owners())).toEqual(new Set([isRoot ? other : process.getuid?.()]));
  running.process.kill('SIGKILL');
  await running.result;
});

test('root neither gives away nor writes to what is linked from that folder', async () => {
  const names = ['verify-state.json.lock', 'verify-state.json.part'];
  const targets = names.map((_, index) => join(directory, `of-root-${index}`));
  await writeFile(targets[0] ?? '', '');
  await writeFile(targets[1] ?? '', 'kept');
  for (const [index, name] of names.entries()) {
    await rm(join(directory, 'data', name), { force: true });
    await symlink(targets[index] ?? '', join(directory, 'data', name));
  }
  expect((await startCommand(['verify'], env).result).status).toBe(0);
  const owners = await Promise.all(targets.map(async (path) => (await stat(path)).uid));
  expect(new Set(owners)).toEqual(new Set([process.getuid?.()]));
  expect(await readFile(targets[1] ?? '', 'utf8')).toBe('kept');
});

test('no file is made where a link in the folder leads', async () => {
  const target = join(directory, 'elsewhere');
  const lock = join(directory, 'data/claimcheck.sqlite.lock');
  await rm(lock);
  await symlink(target, lock);
  const { status, stderr } = await runCommand(['keys', 'list'], env);
  expect([status, stderr]).toEqual([
    1,
    expect.stringMatching(/^.*claimcheck\.sqlite\.lock cannot be opened: .*\n$/),
  ]);
  await expect(stat(target)).rejects.toThrow('ENOENT');
});
