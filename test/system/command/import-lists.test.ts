import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { appendFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { runCommand } from '../../support/run-command.js';
import { startService, type TestService } from '../../support/service.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { databaseEnvironment } from '../../support/test-database.js';
import { storageSettings } from '../../support/test-storage.js';

let service: TestService;
let folder: string;
let list: string;
beforeAll(async () => {
  service = await startService();
  folder = await makeTemporaryDirectory();
  list = join(folder, 'list.jsonl');
  await writeFile(join(folder, 'a.txt'), 'a');
});
afterAll(async () => {
  await service.close();
  await rm(folder, { recursive: true, force: true });
});

const run = (...words: string[]) =>
  runCommand(['import', '--from', list, ...words], { DATA_DIR: service.dataDirectory });

const lineOf = (createdBy: string | object) => ({
  ...{ id: randomUUID(), organizationId: 'default', path: 'a.txt', fileName: 'a.txt', createdBy },
  ...{ createdAt: '2019-05-06T07:08:09Z', record: { type: 'Task', id: '1' } },
});

const textOf = (lines: readonly object[]) => lines.map((line) => JSON.stringify(line)).join('\n');

async function usage() {
  const query = '{ viewer { usage { bytes attachments } } }';
  const { viewer } = await service.client.ask<{
    viewer: { usage: { bytes: number; attachments: number } };
  }>(query);
  return viewer.usage;
}

test('a list that begins with a byte order mark, as Windows writes it, is read', async () => {
  await writeFile(list, `\uFEFF${textOf([lineOf('anna')])}\r\n`);
  expect(await run()).toMatchObject({
    status: 0,
    stdout: '1 imported, 0 there before, 0 deleted since, 0 refused.\n',
  });
});

test('a text with U+2028 or U+2029 does not end its line', async () => {
  await writeFile(
    list,
    textOf([{ ...lineOf('anna'), description: 'one\u2028two\u2029three' }, lineOf('anna')]),
  );
  expect(await run()).toMatchObject({
    status: 0,
    stdout: '2 imported, 0 there before, 0 deleted since, 0 refused.\n',
  });
});

test('a line that is too long is refused, however long, and the others go on', async () => {
  const [before, after] = [lineOf('anna'), lineOf('anna')];
  await writeFile(list, `${textOf([before])}\n`);
  // More than a text can have: one JSON array in place of lines.
  const part = Buffer.alloc(2 ** 24, '[[[[');
  for (let size = 0; size < 2 ** 29; size += part.length) await appendFile(list, part);
  await appendFile(list, `\n${textOf([after])}`);
  const { status, stdout, stderr } = await run();
  await rm(list);
  expect({ status, stderr }).toEqual({ status: 1, stderr: '' });
  expect(stdout).toBe(
    'line 2: it has more than 1048576 characters\n2 imported, 0 there before, 0 deleted since, 1 refused.\n',
  );
});

test('a stop is heeded while an archive brings nothing more', async () => {
  const [line, other] = [lineOf('anna'), { ...lineOf('anna'), path: 'b.txt' }];
  await writeFile(list, textOf([line, other]));
  const { stdout: archive } = await promisify(execFile)('tar', ['-c', '-C', folder, 'a.txt'], {
    encoding: 'buffer',
  });
  const env = {
    ...{ ...process.env, DATA_DIR: service.dataDirectory },
    ...(await databaseEnvironment(service.dataDirectory)),
    ...storageSettings(service.dataDirectory),
  };
  const child = spawn(process.execPath, ['dist/claimcheck.cjs', 'import', '--tar', '--from', list], { env });
  const [told, ended] = [text(child.stderr), once(child, 'close')];
  // The header of the first file and its block, but not what says that there are no more.
  child.stdin.write(archive.subarray(0, 1_024));
  const query = 'query ($id: ID!) { attachment(id: $id) { id } }';
  const find = () => service.client.ask<{ attachment: object | null }>(query, { id: line.id });
  while ((await find()).attachment === null) await pause(50);
  child.kill('SIGTERM');
  expect(await ended).toEqual([2, null]);
  expect(await told).toBe('Stopped before the end; the same command goes on from here.\n');
});

test('a list that cannot be read twice is told by its name, and --tar takes no --files', async () => {
  const env = { DATA_DIR: service.dataDirectory };
  for (const path of [folder, '/dev/stdin'])
    expect(await runCommand(['import', '--from', path], env)).toMatchObject({
      ...{ status: 2, stdout: '' },
      stderr: `${path} is no file: the list is read twice.\n`,
    });
  expect((await runCommand(['import', '--from', join(folder, 'none')], env)).stderr).toBe(
    `${join(folder, 'none')} cannot be read (ENOENT)\n`,
  );
  expect(await run('--tar', '--files', folder)).toMatchObject({
    status: 2,
    stderr: "error: option '--files <folder>' cannot be used with option '--tar'\n",
  });
});

test('two runs that bring the same file to a field at the same moment keep its bytes once', async () => {
  const asked: ServerResponse[] = [];
  const server = createServer((_request, response) => {
    asked.push(response);
    // Both have looked by now, and found that it is not there.
    if (asked.length === 2) for (const one of asked) one.end('twelve bytes');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const { path: _, ...line } = lineOf('anna');
    const before = await usage();
    await writeFile(list, textOf([{ ...line, url: `http://127.0.0.1:${port}/`, field: 'files' }]));
    const env = { DATA_DIR: service.dataDirectory, WEBHOOK_ALLOW_PRIVATE: 'true' };
    const both = await Promise.all([1, 2].map(() => runCommand(['import', '--from', list], env)));
    expect(both.map(({ stdout }) => stdout).sort()).toEqual([
      '0 imported, 1 there before, 0 deleted since, 0 refused.\n',
      '1 imported, 0 there before, 0 deleted since, 0 refused.\n',
    ]);
    expect(await usage()).toEqual({ bytes: before.bytes + 12, attachments: before.attachments + 1 });
  } finally {
    server.close();
  }
});

test('a creator has the name of the first line that says one, and keeps it', async () => {
  const createdBy = { id: 'bob', kind: 'USER' };
  const nameless = lineOf('bob');
  const seenName = async () => {
    const query = 'query ($id: ID!) { attachment(id: $id) { createdBy { name } } }';
    const { attachment } = await service.client.ask<{ attachment: { createdBy: { name: string | null } } }>(
      query,
      { id: nameless.id },
    );
    return attachment.createdBy.name;
  };
  await writeFile(list, textOf([nameless]));
  expect((await run()).status).toBe(0);
  expect(await seenName()).toBeNull();
  await writeFile(list, textOf([nameless, lineOf({ ...createdBy, name: 'Bob' })]));
  expect((await run()).status).toBe(0);
  expect(await seenName()).toBe('Bob');
  await writeFile(list, textOf([lineOf({ ...createdBy, name: 'Robert' })]));
  expect((await run()).status).toBe(0);
  expect(await seenName()).toBe('Bob');
});

test('a second line with the same file of an archive is told so, and is imported without the archive', async () => {
  const dataDirectory = service.dataDirectory;
  await writeFile(list, textOf([lineOf('anna'), lineOf('anna')]));
  const stores = { ...(await databaseEnvironment(dataDirectory)), ...storageSettings(dataDirectory) };
  const command = `tar -c . | "${process.execPath}" "${process.cwd()}/dist/claimcheck.cjs" import --tar --from list.jsonl || true`;
  const env = { PATH: process.env['PATH'], DATA_DIR: dataDirectory, ...stores };
  const { stdout } = await promisify(execFile)('bash', ['-c', command], { cwd: folder, env });
  expect(stdout).toBe(
    'line 2: path: it is that of an earlier line\n1 imported, 0 there before, 0 deleted since, 1 refused.\n',
  );
  expect((await run()).stdout).toBe('1 imported, 1 there before, 0 deleted since, 0 refused.\n');
});
