import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { SourceMap } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { repositoryRoot } from '../../support/source-files.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

const run = promisify(execFile);

interface Packed {
  filename: string;
  files: { path: string; size: number }[];
}

let folder: string;
let packed: Packed;
/** As `npm install` leaves it, but for the packages it needs, which are this repository's. */
beforeAll(async () => {
  folder = await makeTemporaryDirectory();
  const words = ['pack', '--json', '--offline', '--ignore-scripts', '--pack-destination', folder];
  const { stdout } = await run('npm', words, { cwd: repositoryRoot, maxBuffer: 16 * 1024 * 1024 });
  [packed] = JSON.parse(stdout) as [Packed];
  const home = join(folder, 'node_modules/claimcheck');
  await mkdir(join(folder, 'node_modules/.bin'), { recursive: true });
  await mkdir(home);
  await run('tar', ['-xzf', join(folder, packed.filename), '-C', home, '--strip-components=1']);
  await symlink(join(repositoryRoot, 'node_modules'), join(home, 'node_modules'));
  await symlink('../claimcheck/dist/claimcheck.cjs', join(folder, 'node_modules/.bin/claimcheck'));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
}, 60_000);
afterAll(() => rm(folder, { recursive: true }));

const inFolder = (program: string, ...words: string[]) =>
  run(program, words, { cwd: folder, env: { PATH: process.env['PATH'], HOME: folder } });

test('it has what is needed, and nothing else', () => {
  const paths = packed.files.map(({ path }) => path);
  const expected = [
    ...[/^(CHANGELOG|README)\.md$/, /^LICENSE$/, /^package\.json$/, /^schema(\.subgraph)?\.graphql$/],
    ...[/^docs\/[\w/-]+\.md$/, /^examples\/[\w-]+\.(mjs|html|jsx)$/],
    ...[/^dist\/(claimcheck|main)\.cjs$/, /^dist\/[\w-]+-worker\.js$/, /^dist\/[\w-]+\.c?js\.map$/],
    ...[/^dist\/(console|explorer)\/[\w-]+\.(html|js|css|ttf|txt)(\.br|\.gz)?$/],
    ...[/^dist\/client\/[\w-]+\.js$/, /^dist\/client\/types\/[\w/-]+\.d\.ts$/],
  ];
  expect(paths.filter((path) => !expected.some((pattern) => pattern.test(path)))).toEqual([]);
  expect(expected.filter((pattern) => !paths.some((path) => pattern.test(path)))).toEqual([]);
});

test('the map of the bundle names the places that throw', async () => {
  const read = (path: string) => readFile(join(repositoryRoot, path), 'utf8');
  const map = new SourceMap(JSON.parse(await read('dist/main.cjs.map')));
  const found: string[] = [];
  for (const [line, text] of (await read('dist/main.cjs')).split('\n').entries()) {
    for (const { index } of text.matchAll(/throw new AttachmentError\("/g)) {
      const entry = map.findEntry(line, index);
      if (!('originalSource' in entry)) throw new Error(`Line ${line} is of no source.`);
      const source = await read(join('dist', entry.originalSource));
      found.push((source.split('\n')[entry.originalLine] ?? '').slice(entry.originalColumn));
    }
  }
  expect(found.length).toBeGreaterThan(20);
  expect(found.filter((text) => !text.startsWith('throw new AttachmentError'))).toEqual([]);
});

test('programs import the client and its hooks', async () => {
  const program = `
    import { ClaimcheckError, createClaimcheck } from 'claimcheck/client';
    import { useUpload } from 'claimcheck/react';
    const claimcheck = createClaimcheck({ url: 'http://127.0.0.1:1', credential: 'x', retries: 0 });
    const error = await claimcheck.upload(new Blob(['x'])).catch((error) => error);
    console.log(error instanceof ClaimcheckError, error.code, typeof useUpload);`;
  const { stdout } = await inFolder(process.execPath, '--input-type=module', '--eval', program);
  expect(stdout).toBe('true UNREACHABLE function\n');
});

test.each(['bundler', 'node16'])(
  'its types are found and hold under moduleResolution %s',
  async (resolution) => {
    const program = `
    import { type Attachment, ClaimcheckError, type ClaimcheckErrorCode, createClaimcheck } from 'claimcheck/client';
    import { useAttachments, useUpload } from 'claimcheck/react';
    const claimcheck = createClaimcheck({ url: 'https://files.example.org', credential: async () => 'x' });
    export const upload = (file: File): Promise<Attachment> =>
      claimcheck.upload(file, { record: { type: 'A', id: '1' }, onProgress: ({ sent, total }) => sent / total });
    export const isLate = (error: unknown): ClaimcheckErrorCode | null =>
      error instanceof ClaimcheckError && error.retryable ? error.code : null;
    export const hooks = () => [useUpload(claimcheck), useAttachments(claimcheck, { record: { type: 'A', id: '1' } })];
    // @ts-expect-error: a record has a type.
    void claimcheck.claim('id', { id: '1' });
    // @ts-expect-error: no such status.
    void claimcheck.list({ filter: { status: ['GOOD'] } });`;
    await writeFile(join(folder, 'program.ts'), program);
    const module = resolution === 'bundler' ? 'esnext' : 'node16';
    const options = ['--noEmit', '--strict', '--module', module, '--moduleResolution', resolution];
    const compiler = join(repositoryRoot, 'node_modules/typescript/bin/tsc');
    const lib = ['--target', 'es2022', '--lib', 'es2022,dom', '--types', ''];
    await inFolder(process.execPath, compiler, ...options, ...lib, 'program.ts').catch(
      (error: { stdout: string }) => {
        throw new Error(error.stdout);
      },
    );
  },
);

test('npx claimcheck says its version and serves', async () => {
  const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
  expect((await inFolder('npx', '--no-install', 'claimcheck', '--version')).stdout).toContain(
    `claimcheck ${version}`,
  );
  // The command that npx starts is in its group.
  const serve = spawn('npx', ['--no-install', 'claimcheck', 'serve'], {
    cwd: folder,
    env: { PATH: process.env['PATH'], HOME: folder, PORT: '0', LOG_LEVEL: 'silent' },
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  const ended = once(serve, 'close');
  let told = '';
  for await (const chunk of serve.stdout) {
    told += String(chunk);
    if (/cck_[\w-]+\n/.test(told)) break;
  }
  const url = /http:\/\/127\.0\.0\.1:\d+/.exec(told)?.[0];
  expect((await fetch(`${url}/explorer`)).status).toBe(200);
  expect((await fetch(`${url}/`)).status).toBe(200);
  const key = /cck_[\w-]+/.exec(told)?.[0];
  const program = `
    import { createClaimcheck } from 'claimcheck/client';
    const claimcheck = createClaimcheck({ url: '${url}', credential: '${key}' });
    console.log((await claimcheck.upload('package.json')).fileName);`;
  const { stdout } = await inFolder(process.execPath, '--input-type=module', '--eval', program);
  expect(stdout).toBe('package.json\n');
  process.kill(-(serve.pid ?? 0));
  await ended;
});

test('the client for browsers has less than 15 KB, with the code for large files', async () => {
  const client = join(folder, 'node_modules/claimcheck/dist/client');
  const sizes = new Map<string, number>();
  const load = async (name: string): Promise<void> => {
    if (sizes.has(name)) return;
    const text = await readFile(join(client, name), 'utf8');
    sizes.set(name, Buffer.byteLength(text));
    const imports = text.matchAll(/(?:from|import)\s*\(?\s*"\.\/([\w-]+\.js)"/g);
    // A page that may have no worker hashes by a package.
    for (const [, other = ''] of imports) if (!other.startsWith('hash-blob')) await load(other);
  };
  await load('browser.js');
  const loaded = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  expect(loaded).toBeGreaterThan(5_000);
  expect(loaded).toBeLessThan(15_000);
});
