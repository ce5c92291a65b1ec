import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { beginUpload } from '../../support/begin-upload.js';
import { spawnService } from '../../support/spawned-service.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

const run = promisify(execFile);

describe('the command', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await makeTemporaryDirectory();
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  test('prints at its first start a key, an upload to paste that works, and the explorers; later only its address', async () => {
    // The folder is not there either.
    const env = { DATA_DIR: join(directory, 'data'), BOOTSTRAP_API_KEY: '' };
    const first = await spawnService(env);
    await sleep(100);
    const { stdout } = first.output();
    expect(stdout.split('\n')[0]).toBe(`Claimcheck listens on ${first.url}`);
    const key = /cck_[\w-]{40,}/.exec(stdout)?.[0] ?? '';
    const curl = stdout.split('\n').find((line) => line.trim().startsWith('curl')) ?? '';
    expect(stdout).toContain(`  ${first.url}/graphql\n`);
    expect(stdout).toContain(`  ${first.url}/explorer\n`);
    const pasted = await run('bash', ['-c', curl]);
    const answer = JSON.parse(pasted.stdout) as {
      data: { createAttachment: { attachment: { fileName: string; url: string } } };
    };
    expect(answer.data.createAttachment.attachment.fileName).toBe('README.md');
    const download = await fetch(answer.data.createAttachment.attachment.url, {
      headers: { authorization: `Basic ${key}` },
    });
    expect(await download.text()).toBe(await readFile('README.md', 'utf8'));
    expect(first.output().stderr).not.toContain(key);
    expect(await first.end('SIGTERM')).toBe(0);

    const second = await spawnService(env);
    await sleep(100);
    expect(second.output().stdout).toBe(`Claimcheck listens on ${second.url}\n`);
    expect(await second.end('SIGINT')).toBe(0);
    const files = await run('grep', ['-rlF', key, directory]).catch(() => ({ stdout: '' }));
    expect(files.stdout).toBe('');
  });

  test.each(['serve', 'work'])(
    '%s does not start on a folder of files that its user may not use',
    async (command) => {
      const files = join(directory, 'files');
      await mkdir(files);
      // Root may use every folder unless it gives up the rights to.
      const prefix =
        process.getuid?.() === 0
          ? ['setpriv', '--bounding-set=-dac_override,-dac_read_search', '--inh-caps=-all']
          : ['env'];
      const [program = '', ...words] = [...prefix, process.execPath, 'dist/claimcheck.cjs', command];
      const env = { PATH: process.env['PATH'], DATA_DIR: directory, PORT: '0' };
      for (const mode of [0o000, 0o500]) {
        await chmod(files, mode);
        const start = promisify(execFile)(program, words, { env, timeout: 10_000 });
        await expect(start).rejects.toMatchObject({
          code: 1,
          stderr: `The settings are not valid:\n  DATA_DIR: this user may not make or open ${files}\n`,
        });
      }
    },
  );

  test('tells Apollo nothing, whatever key the environment has', async () => {
    const ofAnother = {
      APOLLO_KEY: 'service:graph:abcdefgh',
      APOLLO_GRAPH_REF: 'graph@current',
      APOLLO_SCHEMA_REPORTING: 'true',
    };
    const service = await spawnService({ DATA_DIR: directory, LOG_LEVEL: 'info', ...ofAnother });
    expect(await service.client.ask('{ __typename }')).toEqual({ __typename: 'Query' });
    expect(await service.end('SIGTERM')).toBe(0);
    const { stdout, stderr } = service.output();
    expect(stdout + stderr).toContain(`Claimcheck listens on ${service.url}`);
    expect(stdout + stderr).not.toMatch(/apollo.*report|apollographql/i);
  });

  test('starts with settings of Apollo that are no good', async () => {
    const ofAnother = {
      APOLLO_KEY: ' service:graph:ключ',
      APOLLO_GRAPH_REF: 'graph@current',
      APOLLO_GRAPH_ID: 'graph',
      APOLLO_GRAPH_VARIANT: 'current',
    };
    const service = await spawnService({ DATA_DIR: directory, ...ofAnother });
    expect(await service.client.ask('{ __typename }')).toEqual({ __typename: 'Query' });
    expect(await service.end('SIGTERM')).toBe(0);
    expect(service.output().stderr).toBe('');
  });

  test('prints no explorer that is off', async () => {
    const off = { SANDBOX: 'false', EXPLORER: 'false' };
    const service = await spawnService({ DATA_DIR: directory, BOOTSTRAP_API_KEY: '', ...off });
    await sleep(100);
    const { stdout } = service.output();
    expect(stdout).toContain('Upload a file:');
    expect(stdout).not.toMatch(/Look around|\/(graphql|explorer)\n/);
    expect(await service.end('SIGTERM')).toBe(0);
  });

  test('says where it listens, whatever URLs it hands out; renders descriptions on a thread that lets it end', async () => {
    const service = await spawnService({ DATA_DIR: directory, PUBLIC_URL: 'https://files.example/base' });
    expect(service.url).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d*$/);
    const attachment = await service.client.upload({ content: 'x' }, { description: '**a**' });
    expect(attachment.url).toMatch(/^https:\/\/files\.example\/base\/attachments\//);
    expect(attachment.description?.html).toBe('<p><strong>a</strong></p>');
    const unanswered = service.client.tryUpload({ content: 'x' }, { description: '*_'.repeat(5_000) });
    const outcome = unanswered.catch(() => null);
    await sleep(100);
    expect(await service.end('SIGTERM')).toBe(0);
    expect((await outcome)?.errors?.[0]?.extensions.code ?? 'BAD_USER_INPUT').toBe('BAD_USER_INPUT');
    expect(service.output().stderr).toBe('');
  });

  test('has been compiled by the build, and tells of errors by lines of the TypeScript', async () => {
    // As the command makes it: V8 rejects what was compiled under other flags.
    const hook = join(directory, 'hook.cjs');
    await writeFile(
      hook,
      `const vm = require('node:vm');
      vm.Script = class extends vm.Script {
        constructor(...values) { super(...values); console.log(this.cachedDataRejected); }
      };`,
    );
    const { stdout } = await run(process.execPath, ['--require', hook, 'dist/claimcheck.cjs', '--version']);
    expect(stdout).toMatch(/^false\nclaimcheck /);
    const service = await spawnService({ DATA_DIR: directory, SCANNER: 'clamd://127.0.0.1:1' });
    while (!service.output().stderr.includes('the scanner has failed its self-test')) await sleep(20);
    expect(service.output().stderr).toMatch(/ at [^\n]*src\/scanner\/[\w-]+\.ts:\d+:\d+/);
    expect(await service.end('SIGTERM')).toBe(0);
  });

  test('ends at once with every fault of its settings, and no stack', async () => {
    const child = spawn(process.execPath, ['dist/claimcheck.cjs', 'serve'], {
      env: {
        PATH: process.env['PATH'],
        PORT: '70000',
        MAX_FILES: 'many',
        PUBLIC_URL: 'ftp://x',
        LOG_LEVEL: 'loud',
        STORAGE_URL: 'file://elsewhere/files',
      },
    });
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    const [code] = await once(child, 'exit');
    expect(code).toBe(1);
    for (const name of ['PORT', 'MAX_FILES', 'PUBLIC_URL', 'LOG_LEVEL', 'STORAGE_URL'])
      expect(stderr).toContain(`${name}: `);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  test.each(['serve', 'work'])('%s tells faults of files beside those of its settings', async (command) => {
    const policies = join(directory, 'policies.json');
    const keys = join(directory, 'keys.json');
    const data = join(directory, 'data');
    const start = (env: Record<string, string>) =>
      run(process.execPath, ['dist/claimcheck.cjs', command], {
        env: { PATH: process.env['PATH'] ?? '', DATA_DIR: data, ...env },
      }).catch(({ stderr }: { stderr: string }) => stderr.trim().split('\n').slice(1));
    await writeFile(policies, '{"policies":{"own":{"maxCount":0,"size":1}}}');
    await writeFile(keys, '{}');
    const ofPolicies = [
      expect.stringContaining('POLICIES_FILE: policies.own.maxCount: '),
      expect.stringContaining('POLICIES_FILE: policies.own.size: '),
    ];
    const ofKeys = expect.stringContaining(`RECEIPT_KEYS_FILE: ${keys} `);
    const files = { POLICIES_FILE: policies, RECEIPT_KEYS_FILE: keys };
    expect(await start({ ...files, PORT: 'x', HOST: '999.1.1.1' })).toEqual([
      expect.stringContaining('HOST: '),
      expect.stringContaining('PORT: '),
      ...ofPolicies,
      ofKeys,
    ]);
    expect(await start(files)).toEqual([...ofPolicies, ofKeys]);
    expect(await start({ POLICIES_FILE: '/nope', PORT: 'x' })).toEqual([
      expect.stringContaining('PORT: '),
      expect.stringContaining('POLICIES_FILE: /nope cannot be read (ENOENT)'),
    ]);
    await expect(readFile(data)).rejects.toThrow('ENOENT');
  });

  test.each(['SIGTERM', 'SIGINT'] as const)('finishes a running upload at %s, then stops', async (signal) => {
    const service = await spawnService({ DATA_DIR: directory });
    const content = Buffer.alloc(4 * 1024 * 1024, 7);
    const { sent, finish } = beginUpload(service.client, content);
    await sent;
    const ended = service.end(signal);
    await sleep(300);
    expect(service.process.exitCode).toBeNull();
    await expect(fetch(`${service.url}/health/live`)).rejects.toThrow();
    const { status, body } = await finish();
    expect(status).toBe(200);
    expect(JSON.parse(body)).toMatchObject({
      data: { createAttachment: { attachment: { size: content.length } } },
    });
    expect(await ended).toBe(0);
  });

  test('does not wait longer than SHUTDOWN_TIMEOUT_SECONDS for an upload', async () => {
    const service = await spawnService({ DATA_DIR: directory, SHUTDOWN_TIMEOUT_SECONDS: '1' });
    const { sent } = beginUpload(service.client, Buffer.alloc(4 * 1024 * 1024));
    await sent;
    const started = Date.now();
    expect(await service.end('SIGTERM')).toBe(0);
    expect(Date.now() - started).toBeLessThan(5_000);
  });

  test('migrates, more than once', async () => {
    for (let time = 0; time < 2; time += 1) {
      const { stdout } = await run(process.execPath, ['dist/claimcheck.cjs', 'migrate'], {
        env: { ...process.env, DATA_DIR: directory },
      });
      expect(stdout).toContain('up to date');
    }
  });
});
