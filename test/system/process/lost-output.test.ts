import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { runCommand, startCommand } from '../../support/run-command.js';
import { spawnService } from '../../support/spawned-service.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

let directory: string;
beforeEach(async () => {
  directory = await makeTemporaryDirectory();
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** The service is asked so often that each of its lines would have ended it. */
async function askOften(url: string): Promise<void> {
  for (let count = 0; count < 20; count += 1) {
    expect((await fetch(`${url}/health/ready`)).status).toBe(200);
  }
}

test('the service goes on once nobody reads its log any more', async () => {
  const service = await spawnService({ DATA_DIR: directory, LOG_LEVEL: 'info' });
  service.process.stderr?.destroy();
  service.process.stdout?.destroy();
  await askOften(service.url);
  await service.client.upload({ content: 'x' });
  expect(await service.end('SIGTERM')).toBe(0);
});

describe('with a log on a full disk', () => {
  let full: FileHandle;
  beforeEach(async () => {
    full = await open('/dev/full', 'w');
  });
  afterEach(() => full.close());

  test('the service starts, serves and stops', async () => {
    const child = spawn(process.execPath, ['dist/claimcheck.cjs', 'serve'], {
      env: { PATH: process.env['PATH'], PORT: '0', DATA_DIR: directory },
      stdio: ['ignore', 'pipe', full.fd],
    });
    if (!child.stdout) throw new Error('It has no output.');
    const [text] = (await once(child.stdout, 'data')) as [Buffer];
    const [url = ''] = /http:\S+/.exec(text.toString()) ?? [];
    await askOften(url);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });
});

test.each([
  [['keys', 'list'], 1],
  [['quota', 'list'], 1],
  [['verify'], 2],
  [['sweep', '--dry-run'], 1],
])('%j ends without a stack trace if nobody reads what it prints', async (words, status) => {
  await runCommand(['keys', 'create'], { DATA_DIR: directory });
  const { process: child, result } = startCommand(words, { DATA_DIR: directory });
  child.stdout?.destroy();
  expect(await result).toMatchObject({ status, stderr: '' });
});
