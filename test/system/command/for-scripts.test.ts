import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { settingDescriptions } from '../../../src/config/config.js';
import { runCommand, startCommand } from '../../support/run-command.js';
import { randomKey } from '../../support/service.js';
import { spawnService } from '../../support/spawned-service.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { exhaust, withOwnJobs } from './own-jobs.js';

let directory: string;
beforeEach(async () => {
  directory = await makeTemporaryDirectory();
});
afterEach(() => rm(directory, { recursive: true, force: true }));

test('--version says what runs', async () => {
  const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
  const { status, lines } = await runCommand(['--version'], { DATA_DIR: directory });
  expect({ status, lines }).toEqual({
    status: 0,
    lines: [`claimcheck ${version}, Node.js ${process.version}`],
  });
});

test('--help tells every setting with its default, apart from its name', async () => {
  const { lines } = await runCommand(['--help'], { DATA_DIR: directory });
  for (const { name, meaning, preset } of settingDescriptions) {
    const line = lines.find((text) => text.startsWith(`  ${name} `));
    expect(line).toMatch(new RegExp(`^ {2}${name} {2,}\\S`));
    expect(line).toContain(preset === null ? meaning : `${meaning} Default: ${preset}`);
  }
  expect(lines.join('\n')).toContain('Port to listen on; 0 picks a free one. Default: 4000');
});

test('a folder that is a file is refused by the name of its setting', async () => {
  const path = join(directory, 'file');
  await writeFile(path, '');
  const ofData = await runCommand(['serve'], { DATA_DIR: path, PORT: '0' });
  expect(ofData).toMatchObject({ status: 1, stdout: '' });
  expect(ofData.stderr).toContain(`DATA_DIR: ${path} is there, and is no folder`);
  const ofStorage = await runCommand(['serve'], {
    DATA_DIR: join(directory, 'data'),
    STORAGE_URL: `file://${path}/below`,
    PORT: '0',
  });
  expect(ofStorage).toMatchObject({ status: 1, stdout: '' });
  expect(ofStorage.stderr).toContain(`STORAGE_URL: a part of ${path}/below is a file, and must be a folder`);
});

test('the folder of files is that of DATA_DIR where STORAGE_URL is not set', async () => {
  const data = join(directory, 'without-folder');
  await mkdir(data);
  await writeFile(join(data, 'files'), '');
  const env = { DATA_DIR: data, DATABASE_URL: '', STORAGE_URL: '', PORT: '0' };
  const { status, stderr } = await startCommand(['serve'], env).result;
  expect(status).toBe(1);
  expect(stderr).toContain(`  DATA_DIR: ${data}/files is there, and is no folder\n`);
});

test.each(['serve', 'work', 'migrate', 'keys create'])(
  '%s ends where no folder can be made, by the name of the setting',
  async (words) => {
    const { status, stdout, stderr } = await runCommand(words.split(' '), {
      ...{ DATA_DIR: '/proc/claimcheck/data', DATABASE_URL: '', STORAGE_URL: '', PORT: '0' },
    });
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/^ {2}DATA_DIR: .*\/proc/m);
  },
);

test('an address that cannot be listened on is refused by the name of its setting, whatever the reason', async () => {
  // One of a link needs its interface: fe80::1%eth0.
  const settings = { DATA_DIR: join(directory, 'data'), PORT: '0', HOST: 'fe80::1' };
  const { status, stderr } = await runCommand(['serve'], settings);
  expect(status).toBe(1);
  expect(stderr).toMatch(/^ {2}HOST: .*fe80::1:0/m);
});

test('a place to move to that is none is refused by the name of its option', async () => {
  const words = ['move', '--to-database', 'zz', '--to-storage', 's3://'];
  const { status, stderr } = await runCommand(words, {
    DATA_DIR: directory,
    DATABASE_URL: '',
    STORAGE_URL: '',
  });
  expect(status).toBe(1);
  expect(stderr).toMatch(/^ {2}--to-database: must be a postgres/m);
  expect(stderr).toMatch(/^ {2}--to-storage: /m);
  expect(stderr).not.toMatch(/DATABASE_URL:|STORAGE_URL:/);
});

test('a move to the storage that is there says that files stay', async () => {
  const env = { DATA_DIR: join(directory, 'moved'), DATABASE_URL: '', STORAGE_URL: '' };
  await startCommand(['migrate'], env).result;
  const words = ['move', '--to-storage', `file://${env.DATA_DIR}/files/`];
  expect(await startCommand(words, env).result).toMatchObject({
    ...{ status: 0, stderr: '' },
    stdout: 'Files: all stay where they are, which is the storage to move to.\n',
  });
});

test('--json prints an object a line instead of tables', async () => {
  const env = {
    DATA_DIR: directory,
    BOOTSTRAP_API_KEY: randomKey(),
    SCANNER: 'eicar',
    MISSPELT: '1',
    MAX_FILE: '1',
  };
  const service = await spawnService({ ...env, CORS_ORIGIN: '*' }, ['--no-work']);
  await service.client.upload({ content: 'one' });
  await withOwnJobs(directory, (own) => exhaust(own, 'scan-blob', 6, 'It ended.'));
  expect(service.output().stderr).toContain('"CORS_ORIGIN is no setting: is CORS_ORIGINS meant?"');
  await service.end('SIGTERM');
  const run = async (...words: string[]) => {
    const { lines } = await runCommand([...words, '--json'], { DATA_DIR: directory });
    return lines.map((line) => JSON.parse(line) as object);
  };
  expect(await run('keys', 'list')).toEqual([
    expect.objectContaining({
      organization: 'default',
      prefix: env.BOOTSTRAP_API_KEY.slice(0, 12),
      revokedAt: null,
    }),
  ]);
  expect(await run('jobs')).toEqual([
    { kind: 'scan-blob', waiting: 0, running: 0, exhausted: 1, oldestDueAt: null, isExact: true },
  ]);
  expect(await run('jobs', 'list', '--failed')).toEqual([
    expect.objectContaining({ kind: 'scan-blob', attempts: 6, lastError: 'It ended.' }),
  ]);
  expect(await run('sweep', '--dry-run')).toEqual([{ count: 0, dryRun: true }]);
  expect(await run('verify', '--rate', '0')).toEqual([
    { files: 1, bytes: 3, missing: 0, damaged: 0, orphaned: 0 },
  ]);
});
