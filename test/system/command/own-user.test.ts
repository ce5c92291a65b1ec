import { chown, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../../support/run-command.js';
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
  await (await startService(env)).close();
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
