import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import { entities } from '../../../src/database/entities/all.js';
import { AttachmentRow } from '../../../src/database/entities/attachment.js';
import { RemovalRow, SweepRow } from '../../../src/database/entities/stored-bytes.js';
import { createLocalStorage } from '../../../src/storage/local.js';
import { claim, faultsOf, link } from '../../service/doors/links.js';
import type { AttachmentData, Client } from '../../support/client.js';
import { until } from '../../support/jobs-contract.js';
import { report } from '../../support/report.js';
import { runCommand, startCommand } from '../../support/run-command.js';
import { roundsOf } from '../../support/seeded-random.js';
import { startService, type TestService } from '../../support/service.js';
import { storedFiles } from '../../support/stored-files.js';
import { newKey, put } from '../../support/stored-objects.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { openTestDatabase } from '../../support/test-database.js';
import { Ledger } from '../doors/ledger.js';

/** Sweeps while uploads run. */
const sweeps = roundsOf(2);
/** Attachments that a sweep and claims compete for. */
const count = 300;
const hourMs = 3_600_000;
const hoursAgo = (hours: number) => new Date(Date.now() - hours * hourMs);
const task = (id: string) => ({ type: 'Task', id });

let dataDirectory: string;
beforeEach(async () => {
  dataDirectory = await makeTemporaryDirectory();
});
afterEach(() => rm(dataDirectory, { recursive: true, force: true }));

const env = () => ({ DATA_DIR: dataDirectory, GRACE_PERIOD_MINUTES: '60', UNLINKED_RETENTION_DAYS: '1' });
const sweep = (...words: string[]) => runCommand(['sweep', ...words], env());

/** A service whose day is the one before the day before yesterday, so that nothing is due for itself. */
const startThen = () => startService(env(), { clock: () => hoursAgo(72) });

async function rowCounts(): Promise<Record<string, number>> {
  const database = await openTestDatabase(dataDirectory);
  const counts: Record<string, number> = {};
  // Whether the service has swept before it was stopped is a matter of its speed.
  for (const entity of entities.filter((entity) => entity !== SweepRow))
    counts[entity.name] = await database.read.count<object>(entity);
  await database.close();
  return counts;
}

async function organizationOf(client: Client): Promise<string> {
  const { viewer } = await client.ask<{ viewer: { organizationId: string } }>(
    '{ viewer { organizationId } }',
  );
  return viewer.organizationId;
}

async function addBytes(at: Date, organizationId: string): Promise<string> {
  const key = newKey(organizationId, at);
  await put(createLocalStorage(join(dataDirectory, 'files')), key, Buffer.from('nobody’s'));
  return key;
}

/** Leaves what a writer that never finished leaves of a key. */
async function addUnfinished(madeAt: Date, lastWriteAt: Date): Promise<string> {
  const key = newKey(undefined, madeAt);
  const name = `${dirname(key)}/.${uuidv7()}.${uuidv7()}.part`;
  const path = join(dataDirectory, 'files', name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, 'unfin');
  await utimes(path, lastWriteAt, lastWriteAt);
  return name;
}

async function addRemoval(organizationId: string): Promise<string> {
  const documentKey = await addBytes(hoursAgo(50), organizationId);
  const database = await openTestDatabase(dataDirectory);
  await database.write((manager) => manager.insert(RemovalRow, { documentKey, createdAt: hoursAgo(50) }));
  await database.close();
  return documentKey;
}

/** As earlier versions did to what was linked beside its unlinking elsewhere. */
async function giveEnd(id: string): Promise<void> {
  const database = await openTestDatabase(dataDirectory);
  await database.write((manager) => manager.update(AttachmentRow, { id }, { expiresAt: hoursAgo(50) }));
  await database.close();
}

interface Target {
  documentKey: string;
  url: string;
  expiresAt: string;
}

async function createTarget({ client }: TestService, content: string): Promise<Target> {
  const input = { fileName: 'a.txt', contentType: 'text/plain', size: content.length };
  const answer = await client.ask<{ createUploadTarget: { target: Target } }>(
    `mutation ($input: CreateUploadTargetInput!) {
      createUploadTarget(input: $input) { target { documentKey url expiresAt } } }`,
    { input },
  );
  return answer.createUploadTarget.target;
}

async function bring({ url }: Target, body: string): Promise<void> {
  const response = await fetch(url, { method: 'PUT', body, headers: { 'content-type': 'text/plain' } });
  expect(response.status).toBe(201);
}

/** One of everything that stays, and of everything that goes. */
async function fill(service: TestService) {
  const { client } = service;
  const ours = await organizationOf(client);
  const upload = (content: string, input: object = {}) => client.upload({ content, name: 'a.txt' }, input);
  const [unclaimed, claimed, keyed, linked, unlinked] = [
    await upload('unclaimed'),
    await upload('claimed', { record: task('1') }),
    await upload('keyed', { record: task('2'), idempotencyKey: 'offer 7' }),
    await upload('linked', { record: task('3'), field: 'files' }),
    await upload('unlinked', { record: task('4'), field: 'files' }),
  ];
  await link(client, { record: task('4'), field: 'files', attachmentIds: [unlinked.id], mode: 'REMOVE' });
  await giveEnd(linked.id);
  await createTarget(service, 'never');
  const brought = await createTarget(service, 'came');
  await bring(brought, 'came');
  const removal = await addRemoval(ours);
  const orphan = await addBytes(hoursAgo(50), ours);
  const oldOrphan = await addBytes(hoursAgo(24 * 30), ours);
  const [youngOrphan, foreign, lateWrite] = [
    await addBytes(hoursAgo(2), ours),
    await addBytes(hoursAgo(50), randomUUID()),
    await addUnfinished(hoursAgo(50), hoursAgo(2)),
  ];
  const oldWrite = await addUnfinished(hoursAgo(50), hoursAgo(30));
  const going = [
    unclaimed.documentKey,
    unlinked.documentKey,
    brought.documentKey,
    removal,
    orphan,
    oldOrphan,
    oldWrite,
  ];
  const staying = [claimed, keyed, linked].map(({ documentKey }) => documentKey);
  return {
    unclaimed,
    unlinked,
    removal,
    orphan,
    oldOrphan,
    going,
    staying: [...staying, youngOrphan, foreign, lateWrite],
  };
}

test('a service that has never swept begins at its oldest organization', async () => {
  const then = await startThen();
  const ours = await organizationOf(then.client);
  await then.close();
  const database = await openTestDatabase(dataDirectory);
  await database.write((manager) => manager.delete(SweepRow, { name: 'storage' }));
  await database.close();
  const [older, orphan] = [await addBytes(hoursAgo(80), ours), await addBytes(hoursAgo(50), ours)];
  await using service = await startService(env());
  await until(async () => !(await storedFiles(service.dataDirectory)).includes(orphan), 30_000);
  expect(await storedFiles(service.dataDirectory)).toEqual([older]);
});

test('a dry run says what would go, and why, and changes nothing; a real one removes exactly that', async () => {
  const service = await startThen();
  const { unclaimed, unlinked, removal, orphan, oldOrphan, going, staying } = await fill(service);
  await service.close();
  const [rows, files] = [await rowCounts(), await storedFiles(dataDirectory)];
  expect(files).toEqual([...going, ...staying].toSorted());
  const expected = [
    `attachment ${unclaimed.id}: neither claimed nor linked; expired at `,
    `attachment ${unlinked.id}: unlinked from its last field; expired at `,
    'upload target ',
    'upload target ',
    'idempotency key "offer 7": no retry is due any more; used at ',
    `bytes ${removal}: its last attachment was deleted`,
    `bytes ${oldOrphan}: no row names it`,
    `bytes ${orphan}: no row names it`,
  ].map((start) => expect.stringContaining(start));

  const dry = await sweep('--dry-run');
  expect([dry.status, dry.stderr, dry.lines]).toEqual([0, '', [...expected, '8 would go.']]);
  expect([await rowCounts(), await storedFiles(dataDirectory)]).toEqual([rows, files]);

  const real = await sweep();
  expect([real.status, real.lines]).toEqual([0, [...expected, '8 have gone.']]);
  expect(await storedFiles(dataDirectory)).toEqual(staying.toSorted());
  const after = await rowCounts();
  const changed = Object.keys(rows).filter((name) => rows[name] !== after[name]);
  expect(Object.fromEntries(changed.map((name) => [name, (after[name] ?? 0) - (rows[name] ?? 0)]))).toEqual({
    AttachmentRow: -2,
    BlobRow: -2,
    UploadTargetRow: -2,
    IdempotencyKeyRow: -1,
    RemovalRow: -1,
    // Uploads under way find their keys here.
    SweptKeyRow: 2,
    // That they were purged is remembered.
    AuditEventRow: 2,
  });
  const again = await sweep();
  expect(again.lines).toEqual(['0 have gone.']);
}, 30_000);

test('sweeps while uploads run lose nothing', async () => {
  await using service = await startService(env());
  const uploaded: AttachmentData[] = [];
  const ours = await organizationOf(service.client);
  let isOver = false;
  const uploading = Array.from({ length: 4 }, async () => {
    while (!isOver) {
      uploaded.push(await service.client.upload({ content: randomBytes(20_000) }));
      // There is a processor to be left for the sweep.
      await pause(20);
    }
  });
  for (let round = 0; round < sweeps; round += 1) {
    const orphan = await addBytes(hoursAgo(50 + round), ours);
    expect((await sweep()).status).toBe(0);
    expect(await storedFiles(dataDirectory)).not.toContain(orphan);
  }
  isOver = true;
  await Promise.all(uploading);
  report(`${sweeps} sweeps during ${uploaded.length} uploads`);
  expect(uploaded.length).toBeGreaterThan(20);
  const verified = await runCommand(['verify', '--rate', '0', '--all-orphans'], env());
  expect(verified.lines).toEqual([expect.stringContaining(`Verified ${uploaded.length} files`)]);
  expect(verified.status).toBe(0);
}, 60_000);

test('a claim at the last moment wins or loses, and nothing of what lost is left', async () => {
  await using service = await startThen();
  const { client } = service;
  const files: AttachmentData[] = [];
  while (files.length < count) {
    const some = Array.from({ length: 20 }, (_, index) => client.upload({ content: `late ${index}` }));
    files.push(...(await Promise.all(some)));
  }
  files.sort((one, other) => (one.id < other.id ? -1 : 1));
  const sweeping = startCommand(['sweep'], env());
  await new Promise((resolve) => sweeping.process.stdout?.once('data', resolve));
  // In the order in which they are purged, from the end: the two meet somewhere.
  const won = new Set<string>();
  let lost = 0;
  for (const { id } of files.toReversed()) {
    const answer = await claim(client, id, task('late'));
    if (!answer.errors) won.add(id);
    else lost += 1;
    expect(faultsOf(answer)?.code).toBe(won.has(id) ? undefined : 'NOT_FOUND');
  }
  expect((await sweeping.result).status).toBe(0);
  await using ledger = await Ledger.open(dataDirectory);
  const left = (await ledger.database.read.find(AttachmentRow)).map(({ id }) => id);
  report(`${won.size} claims won and ${lost} lost against a sweep of ${count}`);
  expect(left.toSorted()).toEqual([...won].toSorted());
  expect(await ledger.dangling()).toEqual([]);
  expect(Math.min(won.size, lost)).toBeGreaterThan(0);
}, 60_000);
