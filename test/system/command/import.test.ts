import { execFileSync, spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { readZip } from '../../support/read-zip.js';
import { report } from '../../support/report.js';
import { runCommand, startCommand } from '../../support/run-command.js';
import { roundsOf } from '../../support/seeded-random.js';
import { startService, type TestService } from '../../support/service.js';
import { sha256 } from '../../support/sha256.js';
import { storedFiles } from '../../support/stored-files.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { queryTestDatabase } from '../../support/test-database.js';

let service: TestService;
let folder: string;
let organizationId: string;
beforeAll(async () => {
  service = await startService();
  folder = await makeTemporaryDirectory();
  const { viewer } = await service.client.ask<{ viewer: { organizationId: string } }>(
    '{ viewer { organizationId } }',
  );
  organizationId = viewer.organizationId;
});
afterAll(async () => {
  await service.close();
  await rm(folder, { recursive: true, force: true });
});

const env = () => ({ DATA_DIR: service.dataDirectory });
const run = (list: string, ...words: string[]) => runCommand(['import', '--from', list, ...words], env());

let lists = 0;
async function writeList(lines: readonly (object | string)[]): Promise<string> {
  lists += 1;
  const path = join(folder, `list-${lists}.jsonl`);
  const texts = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)));
  await writeFile(path, `${texts.join('\n')}\n`);
  return path;
}

/** A file in the folder, and its line. */
async function newFile(
  more: object = {},
  content: Buffer = randomBytes(100),
): Promise<{ id: string; path: string }> {
  const id = randomUUID();
  const path = `${id}.bin`;
  await writeFile(join(folder, path), content);
  const createdBy = { id: 'anna', kind: 'USER', name: 'Anna' };
  const facts = { organizationId, fileName: path, createdAt: '2019-05-06T07:08:09.000Z', createdBy };
  return Object.assign({ id, path, ...facts, sha256: sha256(content) }, more);
}

const fields = `id fileName contentType size createdAt updatedAt claimedAt expiresAt url createdBy { id kind name }
  description { raw } metadata { type attributes } record { type id: recordId }
  links(first: 9) { nodes { field position } }`;

const see = async (id: string) =>
  (
    await service.client.ask<{ attachment: object | null }>(
      `query ($id: ID!) { attachment(id: $id) { ${fields} } }`,
      { id },
    )
  ).attachment;

/** Ids that the field holds, in order, and its version. */
const fieldOf = async (record: { type: string; id: string }, name: string) => {
  const query = `query ($type: String!, $id: ID!, $name: String!) { record(type: $type, id: $id) {
    field(name: $name) { version links(includePending: true) { attachment { id } } } } }`;
  const { record: found } = await service.client.ask<{
    record: { field: { version: number; links: { attachment: { id: string } }[] } };
  }>(query, { ...record, name });
  return {
    version: found.field.version,
    ids: found.field.links.map(({ attachment }) => attachment.id),
  };
};

/** Everything that an import could change. */
const world = async () => {
  const rows = await Promise.all(
    ['attachments', 'blobs', 'links', 'principals', 'record_fields', 'audit_events'].map((table) =>
      queryTestDatabase(service.dataDirectory, `SELECT * FROM ${table} ORDER BY 1, 2`),
    ),
  );
  return [rows, await storedFiles(service.dataDirectory)];
};

test('keeps ids, dates, creators, words, records, fields and order, and a second run changes nothing', async () => {
  const record = { type: 'Task', id: 'old/1' };
  const placed = await Promise.all(
    [2, 0, 1].map((position) => newFile({ record, field: 'files', position })),
  );
  const large = await newFile(
    {
      fileName: 'Offer.PDF',
      contentType: 'application/pdf',
      description: 'as **agreed**',
      metadata: { type: 'AR', attributes: { n: 1 } },
      record,
    },
    Buffer.concat([Buffer.from('%PDF-1.4\n'), randomBytes(100_000)]),
  );
  const loose = await newFile({ createdBy: 'ben' });
  const list = await writeList([...placed, large, loose]);
  const first = await run(list);
  expect([first.stdout, first.stderr, first.status]).toEqual([
    '5 imported, 0 there before, 0 deleted since, 0 refused.\n',
    '',
    0,
  ]);
  const date = '2019-05-06T07:08:09.000Z';
  expect(await see(large.id)).toMatchObject({
    fileName: 'Offer.PDF',
    contentType: 'application/pdf',
    size: 100_009,
    ...{ createdAt: date, updatedAt: date, claimedAt: date, expiresAt: null },
    createdBy: { id: 'anna', kind: 'USER', name: 'Anna' },
    description: { raw: 'as **agreed**' },
    metadata: { type: 'AR', attributes: { n: 1 } },
    record,
  });
  const { ids, version } = await fieldOf(record, 'files');
  expect(ids).toEqual([placed[1], placed[2], placed[0]].map((file) => file?.id));
  expect(await see(placed[0]?.id ?? '')).toMatchObject({ createdAt: date, claimedAt: date, record });
  // It belongs to nobody but Ben until somebody claims it.
  expect(await see(loose.id)).toBeNull();
  const { auditLog } = await service.client.ask<{ auditLog: { nodes: object[] } }>(
    'query ($filter: AuditFilter) { auditLog(filter: $filter) { nodes { action details principal { id } } } }',
    { filter: { attachmentId: placed[0]?.id } },
  );
  const details = { fileName: placed[0]?.path, record, field: 'files', imported: true };
  expect(auditLog.nodes).toEqual([{ action: 'ATTACHMENT_CREATED', principal: null, details }]);

  const before = await world();
  const again = await run(list);
  expect(again.stdout).toBe('0 imported, 5 there before, 0 deleted since, 0 refused.\n');
  expect(await world()).toEqual(before);
  expect((await fieldOf(record, 'files')).version).toBe(version);
  await service.client.ask(
    'mutation ($id: ID!) { deleteAttachment(input: { attachmentId: $id }) { __typename } }',
    {
      id: large.id,
    },
  );
  expect((await run(list)).stdout).toBe('0 imported, 4 there before, 1 deleted since, 0 refused.\n');
});

test('tells each refused line with its number and reason, and keeps nothing of it', async () => {
  const good = await newFile();
  await writeFile(join(folder, 'outside'), 'x');
  await mkdir(join(folder, 'inner'), { recursive: true });
  await symlink('/etc/hostname', join(folder, 'inner', 'link'));
  const bad: [object | string, string][] = [
    ['{', 'it is no JSON'],
    [{}, 'id: '],
    [await newFile({ id: 'seven' }), 'id: must be a UUID'],
    [await newFile({ colour: 'red' }), 'colour'],
    [await newFile({ organizationId: 'nobody' }), 'organizationId: there is no such organization'],
    [await newFile({ createdAt: 'yesterday' }), 'createdAt: must be an instant'],
    [await newFile({ createdAt: '2999-01-01T00:00:00Z' }), 'createdAt: it is in the future'],
    [await newFile({ path: 'nowhere.bin' }), 'path: there is no such file'],
    [await newFile({ path: '../../etc/hostname' }), 'path: '],
    [await newFile({ path: 'inner/link' }), 'path: it leads out of the folder'],
    [await newFile({ path: 'inner' }), 'path: it is no file'],
    [await newFile({ path: undefined, url: 'http://127.0.0.1:1/' }), 'url: The address is not public'],
    [await newFile({ path: undefined, url: 'ftp://example.com/' }), 'url: must be an http or https URL'],
    [await newFile({ url: 'http://example.com/' }), 'exactly one of path and url'],
    [await newFile({ sha256: '0'.repeat(64) }), 'SHA256'],
    [await newFile({ md5: '0'.repeat(32) }), 'Its MD5 is'],
    [await newFile({ size: 99 }), 'It has 100 bytes instead of 99'],
    [await newFile({ fileName: 'a\u202Eb' }), 'fileName: '],
    [await newFile({ field: 'files' }), 'field: '],
    [await newFile({ description: 'x'.repeat(200_000) }), 'description'],
    [{ ...(await newFile()), id: good.id }, 'id: an earlier line has the same'],
  ];
  const before = await world();
  const list = await writeList([...bad.slice(0, -1).map(([line]) => line)]);
  const { status, stdout } = await run(list);
  for (const [index, [, reason]] of bad.slice(0, -1).entries())
    expect(stdout).toMatch(
      new RegExp(`^line ${index + 1}: .*${reason.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`, 'm'),
    );
  expect(stdout).toContain(`0 imported, 0 there before, 0 deleted since, ${bad.length - 1} refused.`);
  expect(status).toBe(1);
  expect(await world()).toEqual(before);
  const twice = await run(await writeList([good, { ...(await newFile()), id: good.id }]), '--json');
  expect(twice.lines.map((line) => JSON.parse(line))).toEqual([
    { line: 2, id: good.id, reason: 'id: an earlier line has the same' },
    { imported: 1, present: 0, deleted: 0, refused: 1, dryRun: false },
  ]);
});

test('a dry run checks everything and writes nothing', async () => {
  const list = await writeList([await newFile(), await newFile({ size: 5 })]);
  const before = await world();
  const { stdout, status } = await run(list, '--dry-run');
  expect([stdout.split('\n'), status]).toEqual([
    [
      expect.stringContaining('line 2: '),
      '1 would be imported, 0 there before, 0 deleted since, 1 refused.',
      '',
    ],
    1,
  ]);
  expect(await world()).toEqual(before);
});

test('brings files from before 1970, which a ZIP of their record has too', async () => {
  const record = { type: 'Task', id: 'ancient' };
  const dates = ['0001-01-01T00:00:00Z', '1955-11-05T06:00:00Z', '1969-12-31T23:59:59Z'];
  const lines = await Promise.all(dates.map((createdAt) => newFile({ record, createdAt })));
  expect((await run(await writeList(lines))).status).toBe(0);
  const asked = await service.client.ask<{ record: { archiveUrl: string } }>(
    '{ record(type: "Task", id: "ancient") { archiveUrl } }',
  );
  const response = await fetch(asked.record.archiveUrl);
  const entries = readZip(Buffer.from(await response.arrayBuffer()));
  expect(entries.map(({ name }) => name).toSorted()).toEqual(lines.map(({ path }) => path).toSorted());
});

test('takes files from a tar archive on standard input, and from addresses', async () => {
  const long = `${'deep/'.repeat(40)}${randomUUID()}.bin`;
  const source = join(folder, 'archived');
  await mkdir(join(source, long, '..'), { recursive: true });
  const content = randomBytes(50_000);
  await writeFile(join(source, long), content);
  await writeFile(join(source, 'other.txt'), 'nobody asks for it');
  const archive = join(folder, 'files.tar');
  execFileSync('tar', ['-cf', archive, '-C', source, '.']);
  const server = createServer((request, response) => {
    response.writeHead(request.url === '/a' ? 200 : 404).end('from afar');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const lines = [
    await newFile({ path: long, sha256: sha256(content) }),
    await newFile({ path: undefined, url: `${base}/a`, sha256: sha256('from afar') }),
    await newFile({ path: undefined, url: `${base}/b` }),
    await newFile({ path: 'not/there' }),
  ];
  const child = spawn(
    process.execPath,
    ['dist/claimcheck.cjs', 'import', '--tar', '--from', await writeList(lines)],
    {
      env: { PATH: process.env['PATH'], ...env(), WEBHOOK_ALLOW_PRIVATE: 'true' },
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  createReadStream(archive).pipe(child.stdin);
  const stdout = await text(child.stdout);
  server.close();
  expect(stdout.split('\n')).toEqual([
    'line 3: url: it answers 404',
    'line 4: path: it is not in the archive',
    '2 imported, 0 there before, 0 deleted since, 2 refused.',
    '',
  ]);
});

const kills = roundsOf(2);

test(`after ${kills} kills, and with two at once, everything is there once and in order`, async () => {
  const record = { type: 'Task', id: 'killed' };
  const lines = await Promise.all(
    Array.from({ length: 40 * kills }, (_, index) =>
      newFile({ record, field: `f${index % 3}`, position: (index * 4_001) % 10_007 }, randomBytes(20_000)),
    ),
  );
  const list = await writeList(lines);
  const count = async () =>
    Number(
      (
        await queryTestDatabase<{ n: number }>(
          service.dataDirectory,
          `SELECT COUNT(*) AS n FROM attachments WHERE record_id = '${record.id}'`,
        )
      )[0]?.n,
    );
  const reached: number[] = [];
  for (let kill = 0; kill < kills; kill += 1) {
    const running = startCommand(['import', '--from', list], env());
    const before = await count();
    while ((await count()) === before && running.process.exitCode === null) await pause(5);
    running.process.kill('SIGKILL');
    await running.result;
    reached.push(await count());
  }
  const both = [
    startCommand(['import', '--from', list], env()),
    startCommand(['import', '--from', list], env()),
  ];
  for (const { result } of both) expect(await result).toMatchObject({ status: 0, stderr: '' });
  report(`${kills} kills at ${reached.join(', ')} of ${lines.length} files; then two imports at once`);
  expect(await count()).toBe(lines.length);
  for (const field of ['f0', 'f1', 'f2']) {
    const wanted = lines.filter((_, index) => `f${index % 3}` === field) as {
      id: string;
      position?: number;
    }[];
    wanted.sort((one, other) => (one.position ?? 0) - (other.position ?? 0));
    expect((await fieldOf(record, field)).ids).toEqual(wanted.map(({ id }) => id));
  }
});
