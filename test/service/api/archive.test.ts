import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { removeDueBytes } from '../../../src/attachments/delete-rows.js';
import { IntakeRow } from '../../../src/database/entities/stored-bytes.js';
import { createLocalStorage } from '../../../src/storage/local.js';
import type { AttachmentData, Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { overrideStorage } from '../../support/override-storage.js';
import { readZip } from '../../support/read-zip.js';
import { report } from '../../support/report.js';
import { allStored, startService, type TestService } from '../../support/service.js';
import { describeWithProgram } from '../../support/skip-without.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { openTestDatabase } from '../../support/test-database.js';
import { createKey, tryRevokeKey } from '../auth/key-operations.js';
import { link, type RecordRef } from '../doors/links.js';
import { GatedScanner } from '../verdicts/gated-scanner.js';

const scanner = new GatedScanner();
let now = Date.now();
let directory: string;
let files: ReturnType<typeof createLocalStorage>;
let service: TestService;
let client: Client;
/** Set, these bytes are read in place of an object's; null: there is no such object. */
const spoiled = new Map<string, Readable | null>();
/** Awaited, once, before an object is opened. */
const beforeOpening = new Map<string, () => Promise<unknown>>();
let opened = 0;
let open = 0;
beforeAll(async () => {
  directory = await makeTemporaryDirectory();
  files = createLocalStorage(join(directory, 'files'));
  const storage = overrideStorage(files, {
    read: async (key, range) => {
      const wait = beforeOpening.get(key);
      beforeOpening.delete(key);
      await wait?.();
      if (spoiled.has(key)) return spoiled.get(key) ?? null;
      const stream = await files.read(key, range);
      if (stream === null) return null;
      opened += 1;
      open += 1;
      stream.once('close', () => {
        open -= 1;
      });
      return stream;
    },
  });
  const env = { ...allStored, MAX_CONCURRENT_DOWNLOADS: '2' };
  service = await startService(env, { clock: () => new Date(now), scanner, storage });
  client = service.client;
});
afterAll(async () => {
  await service.close();
  await rm(directory, { recursive: true, force: true });
});
afterEach(() => spoiled.clear());

let records = 0;
const newRecord = (): RecordRef => {
  records += 1;
  return { type: 'Case', id: `${records}/ü` };
};

async function urlOf(record: RecordRef, options: object = {}, by = client): Promise<string> {
  const answer = await by.ask<{ record: { archiveUrl: string } }>(
    `query ($type: String!, $id: ID!, $field: String, $expiresIn: Int! = 300) {
      record(type: $type, id: $id) { archiveUrl(field: $field, expiresIn: $expiresIn) } }`,
    { ...record, ...options },
  );
  return answer.record.archiveUrl;
}

async function put(
  record: RecordRef,
  name: string,
  content: string | Uint8Array<ArrayBuffer>,
  field: string | null = 'files',
) {
  const stored = await client.upload({ content, name }, { record, ...(field === null ? {} : { field }) });
  await settled(stored.id);
  return stored;
}

async function settled(id: string): Promise<void> {
  const query = 'query ($id: ID!) { attachment(id: $id) { status } }';
  while (
    (await client.ask<{ attachment: { status: string } }>(query, { id })).attachment.status === 'PENDING'
  )
    await sleep(10);
}

const fetchZip = async (url: string) => readZip(Buffer.from(await (await fetch(url)).arrayBuffer()));
const namesOf = async (url: string) => (await fetchZip(url)).map(({ name }) => name);

describe('a ZIP of a record', () => {
  test('has no two names that a file system takes for one', async () => {
    const record = newRecord();
    // Windows and macOS know one name of each three: the second would replace the first.
    const given = ['ΟΔΟΣ.txt', 'οδος.txt', 'οδοσ.txt', 'STRASSE.txt', 'straße.txt', 'STRAẞE.txt'];
    for (const name of given) await put(record, name, `text of ${name}`, 'one');
    expect(await namesOf(await urlOf(record))).toEqual([
      ...['ΟΔΟΣ.txt', 'οδος (2).txt', 'οδοσ (3).txt'],
      ...['STRASSE.txt', 'straße (2).txt', 'STRAẞE (3).txt'],
    ]);
  });

  test('has all that it links to, in order, then what it has claimed, each once and under a name of its own', async () => {
    const record = newRecord();
    const b = await put(record, 'b.txt', 'text of b', 'one');
    await put(record, 'a.txt', 'text of a', 'one');
    await put(record, 'B.TXT', 'another b', 'two');
    await link(client, { record, field: 'two', attachmentIds: [b.id], mode: 'ADD' });
    const picture = randomBytes(100_000);
    await put(record, 'noise.bin', picture, null);
    await put(record, 'empty', '', null);
    const files = await fetchZip(await urlOf(record));
    expect(
      files.map(({ name, content }) => [
        name,
        content.length < 99 ? content.toString() : content.equals(picture),
      ]),
    ).toEqual([
      ['b.txt', 'text of b'],
      ['a.txt', 'text of a'],
      ['B (2).TXT', 'another b'],
      ['noise.bin', true],
      ['empty', ''],
    ]);
    expect(files.map(({ isDeflated }) => isDeflated)).toEqual([true, true, true, false, false]);
    expect(await namesOf(await urlOf(record, { field: 'two' }))).toEqual(['B.TXT', 'b (2).txt']);
    expect(await namesOf(await urlOf(record, { field: 'none' }))).toEqual([]);
    expect(await namesOf(await urlOf(newRecord()))).toEqual([]);
  });

  test('has headers that offer no range and let nobody keep it; HEAD has the same', async () => {
    const record = newRecord();
    await put(record, 'a.txt', 'text of a');
    const url = await urlOf(record, { field: 'files' });
    const answers = [
      await fetch(url),
      await fetch(url, { headers: { range: 'bytes=0-3', 'if-none-match': '*' } }),
      await fetch(url, { method: 'HEAD' }),
    ];
    for (const [index, answer] of answers.entries()) {
      expect([answer.status, (await answer.arrayBuffer()).byteLength > 100]).toEqual([200, index < 2]);
      expect(Object.fromEntries(answer.headers)).toMatchObject({
        'content-type': 'application/zip',
        'content-disposition': `attachment; filename="Case ${records}_? files.zip"; filename*=UTF-8''Case%20${records}_%C3%BC%20files.zip`,
        'accept-ranges': 'none',
        'cache-control': 'no-store',
        'content-security-policy': "sandbox; default-src 'none'",
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
      });
    }
    expect(service.logLines.join('')).not.toContain(new URL(url).searchParams.get('signature'));
  });

  test('has approved ones only, and counts them as downloads', async () => {
    const record = newRecord();
    const good = await put(record, 'good.txt', 'good');
    const rejected = await put(record, 'bad.txt', 'bad', null);
    scanner.outcome = { outcome: 'infected', signature: 'x' };
    await client.ask(
      'mutation ($id: ID!) { rescanAttachment(input: { attachmentId: $id }) { attachment { id } } }',
      { id: rejected.id },
    );
    const isRejected = 'query ($id: ID!) { attachment(id: $id) { status } }';
    while (
      (await client.ask<{ attachment: { status: string } }>(isRejected, { id: rejected.id })).attachment
        .status !== 'REJECTED'
    )
      await sleep(10);
    scanner.outcome = null;
    scanner.shut();
    await client.upload({ content: 'later', name: 'later.txt' }, { record, field: 'files' });
    const url = await urlOf(record);
    expect(await namesOf(url)).toEqual(['good.txt']);
    expect(await namesOf(url)).toEqual(['good.txt']);
    scanner.open();
    const downloads = async (attachmentId: string) => {
      const { auditLog } = await client.ask<{ auditLog: { nodes: { details: { by: string } }[] } }>(
        'query ($id: ID) { auditLog(filter: { attachmentId: $id, action: [ATTACHMENT_DOWNLOADED] }) { nodes { details } } }',
        { id: attachmentId },
      );
      return auditLog.nodes.map(({ details }) => details.by);
    };
    while ((await downloads(good.id)).length === 0) await sleep(50);
    expect([await downloads(good.id), await downloads(rejected.id)]).toEqual([['SIGNED_URL'], []]);
  });

  test('is not given for a changed URL, such as of another organization', async () => {
    const record = newRecord();
    await put(record, 'a.txt', 'text of a');
    const url = await urlOf(record, { field: 'files' });
    const change = (name: string, value: string | null) => {
      const changed = new URL(url);
      if (value === null) changed.searchParams.delete(name);
      else changed.searchParams.set(name, value);
      return changed.href;
    };
    const others = [
      ...['organization', 'type', 'id', 'field', 'expires', 'by', 'signature'].flatMap((name) => [
        change(name, 'x'),
        change(name, null),
        `${url}&${name}=x`,
      ]),
      `${url}&more=1`,
      `${new URL(url).origin}/records/archive`,
    ];
    for (const method of ['GET', 'HEAD']) {
      const statuses = await Promise.all(
        others.map(async (other) => (await fetch(other, { method })).status),
      );
      expect(new Set(statuses)).toEqual(new Set([403]));
    }
    const { attachment } = await client.ask<{ attachment: { downloadUrl: string } }>(
      'query ($id: ID!) { attachment(id: $id) { downloadUrl } }',
      { id: (await put(record, 'b.txt', 'b')).id },
    );
    expect(
      (await fetch(`${new URL(url).origin}/records/archive${new URL(attachment.downloadUrl).search}`)).status,
    ).toBe(403);
  });

  test('ends when its time is over, or its key', async () => {
    const record = newRecord();
    await put(record, 'a.txt', 'text of a');
    const maker = await createKey(client, { permissions: ['attachments:read'] });
    const [mine, theirs] = [await urlOf(record), await urlOf(record, {}, maker.client)];
    expect([await namesOf(mine), await namesOf(theirs)]).toEqual([['a.txt'], ['a.txt']]);
    await tryRevokeKey(client, maker.apiKey.id);
    const answer = await fetch(theirs);
    expect([answer.status, await answer.text()]).toEqual([403, expect.stringContaining('signature_revoked')]);
    const start = now;
    now = Number(new URL(mine).searchParams.get('expires')) * 1_000;
    expect(await (await fetch(mine)).text()).toContain('signature_expired');
    now -= 1;
    expect((await fetch(mine)).status).toBe(200);
    now = start;
  });

  test('needs the permission to read, and a time within bounds', async () => {
    const writer = await newClient(service, { permissions: ['attachments:write'] });
    const { errors } = await writer.graphql(
      `mutation { copyRecordAttachments(input: { from: { type: "Case", id: "x" }, to: { type: "Case", id: "y" } }) {
        record { archiveUrl } } }`,
    );
    expect(errors?.[0]?.extensions.code).toBe('FORBIDDEN');
    for (const expiresIn of [0, 604_801])
      await expect(urlOf(newRecord(), { expiresIn })).rejects.toThrow('out_of_bounds');
    await expect(urlOf(newRecord(), { field: '\ud800' })).rejects.toThrow('BAD_USER_INPUT');
  });
});

describe('a file that fails', () => {
  const three = async () => {
    const record = newRecord();
    const files: AttachmentData[] = [];
    for (const name of ['a.bin', 'b.bin', 'c.bin']) files.push(await put(record, name, randomBytes(200_000)));
    return {
      keys: files.map(({ documentKey }) => documentKey) as [string, string, string],
      url: await urlOf(record),
    };
  };
  const cut = async (url: string) => {
    const chunks: Uint8Array[] = [];
    const { body } = await fetch(url);
    const reading = async () => {
      for await (const chunk of body ?? []) chunks.push(chunk);
    };
    await expect(reading()).rejects.toThrow('terminated');
    const zip = Buffer.concat(chunks);
    expect(() => readZip(zip)).toThrow('The ZIP has no end.');
    return zip;
  };
  const streamOf = (bytes: Buffer) => Readable.from([bytes]);

  test.each([
    ['is not there', () => null],
    ['has other bytes', () => streamOf(randomBytes(200_000))],
    ['is shorter', () => streamOf(randomBytes(199_999))],
  ])('and %s breaks the archive off', async (_, spoil) => {
    const { keys, url } = await three();
    spoiled.set(keys[1], spoil());
    const zip = await cut(url);
    expect([zip.includes('a.bin'), zip.includes('c.bin')]).toEqual([true, false]);
  });

  test('as the first one is answered', async () => {
    const { keys, url } = await three();
    spoiled.set(keys[0], null);
    const answer = await fetch(url);
    expect([answer.status, await answer.text()]).toEqual([
      503,
      expect.stringContaining('STORAGE_UNAVAILABLE'),
    ]);
    spoiled.clear();
    expect(await namesOf(url)).toEqual(['a.bin', 'b.bin', 'c.bin']);
  });
});

describe('a deletion beside it', () => {
  const remove = (id: string) =>
    client.ask('mutation ($id: ID!) { deleteAttachment(input: { attachmentId: $id }) { __typename } }', {
      id,
    });

  test('leaves a file out whose turn has come, but whose bytes are not open', async () => {
    const record = newRecord();
    const files: AttachmentData[] = [];
    for (const name of ['a.txt', 'b.txt', 'c.txt']) files.push(await put(record, name, name));
    const [, second] = files;
    beforeOpening.set(second?.documentKey ?? '', () => remove(second?.id ?? ''));
    expect(await namesOf(await urlOf(record))).toEqual(['a.txt', 'c.txt']);
  });

  test('and a replacement gives the new content', async () => {
    const record = newRecord();
    const { id, documentKey } = await put(record, 'a.txt', 'the first');
    beforeOpening.set(documentKey, async () => {
      await client.ask(
        `mutation ($id: ID!) { replaceContent(input: { attachmentId: $id, content: { base64: "bmV3" } }) {
          attachment { id } } }`,
        { id },
      );
      while ((await versionOf(id)) < 2) await sleep(10);
      spoiled.set(documentKey, null);
    });
    expect((await fetchZip(await urlOf(record))).map(({ content }) => content.toString())).toEqual(['new']);
  });

  const versionOf = async (id: string) => {
    const query = 'query ($id: ID!) { attachment(id: $id) { version } }';
    return (await client.ask<{ attachment: { version: number } }>(query, { id })).attachment.version;
  };

  test('takes no bytes away from a client that rests', async () => {
    const record = newRecord();
    const content = randomBytes(12 * 2 ** 20);
    const { id, documentKey } = await put(record, 'large.bin', content);
    const response = await begin(await urlOf(record));
    // Closed after a second in which nothing is taken.
    while (open > 0) await sleep(20);
    await remove(id);
    const before = opened;
    const chunks: Buffer[] = [];
    for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
    const [file] = readZip(Buffer.concat(chunks));
    expect([file?.content.equals(content), opened > before]).toEqual([true, true]);
    const database = await openTestDatabase(service.dataDirectory);
    while ((await database.read.countBy(IntakeRow, { documentKey })) > 0) await sleep(10);
    expect([await files.size(documentKey), await removeDueBytes({ database, storage: files })]).toEqual([
      content.length,
      1,
    ]);
    expect(await files.size(documentKey)).toBeNull();
    await database.close();
  });
});

/** Node's own client, paused: `fetch` reads ahead. */
async function begin(url: string) {
  const request = get(url, { agent: false });
  const [response] = (await once(request, 'response')) as [Readable & { statusCode: number }];
  return response;
}

/** Fills ten fields of the record with copies of these files, which is quicker than uploads are. */
async function fill(
  record: RecordRef,
  count: number,
  content: Uint8Array<ArrayBuffer>,
  perField: number,
): Promise<void> {
  const few = newRecord();
  const puts = Array.from({ length: 10 * perField }, (_, index) =>
    put(few, 'same.txt', content, `field ${index % 10}`),
  );
  await Promise.all(puts);
  for (let made = 0; made < count; made += 10 * perField)
    await client.ask(
      `mutation ($from: RecordInput!, $to: RecordInput!) {
        copyRecordAttachments(input: { from: $from, to: $to }) { record { id } } }`,
      { from: few, to: record },
    );
}

test('a client that does not read holds few files and its place; one that goes frees both', async () => {
  const record = newRecord();
  await fill(record, 20, randomBytes(2 ** 20), 2);
  const url = await urlOf(record);
  const before = opened;
  const [first, second] = [await begin(url), await begin(url)];
  const third = await fetch(url);
  expect([third.status, await third.text()]).toEqual([429, expect.stringContaining('too_many_downloads')]);
  first.destroy();
  while ((await fetch(url, { method: 'GET', headers: { connection: 'close' } }).then(drop)) === 429)
    await sleep(10);
  // As much as the sockets take, of one that reads nothing.
  expect(opened - before).toBeLessThan(40);
  second.resume();
  await once(second, 'end');
  expect(await namesOf(url)).toHaveLength(20);
  while (open > 0) await sleep(10);
});

async function drop(answer: Response): Promise<number> {
  await answer.body?.cancel();
  return answer.status;
}

const count = Number(process.env['ARCHIVE_FILES'] ?? '400');

describeWithProgram('unzip', 'apt-get install unzip', (unzip) => {
  test('unzip and Python take an archive of many files for whole', async () => {
    const record = newRecord();
    await fill(record, count, Buffer.from('the same text'), 4);
    const file = join(directory, 'many.zip');
    const start = performance.now();
    const heap = process.memoryUsage().heapUsed;
    let most = 0;
    const chunks: Uint8Array[] = [];
    for await (const chunk of (await fetch(await urlOf(record))).body ?? []) {
      chunks.push(chunk);
      most = Math.max(most, process.memoryUsage().heapUsed - heap);
    }
    await writeFile(file, Buffer.concat(chunks));
    const ms = Math.round(performance.now() - start);
    report(`${count} files in ${ms} ms, heap at most ${Math.round(most / 2 ** 20)} MiB more`);
    expect(execFileSync(unzip, ['-tq', file]).toString()).toContain('No errors detected');
    const script =
      'import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); print(z.testzip(), len(set(z.namelist())))';
    expect(execFileSync('python3', ['-c', script, file]).toString()).toBe(`None ${count}\n`);
  });
});
