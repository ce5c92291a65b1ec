import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { listDue } from '../../../src/cleaning/list-due.js';
import { storedFiles } from '../../support/stored-files.js';
import { attach, TusClient } from '../targets/tus-client.js';
import { day, minute, PurgeStage } from './purge-stage.js';

const hour = 60 * minute;

let purge: PurgeStage;
let tus: TusClient;
beforeEach(async () => {
  purge = await PurgeStage.open({ RESUMABLE_HOURS: '48' });
  tus = new TusClient(purge.stage.service, purge.stage.owner.key);
});
afterEach(() => purge.expectNothingDangling());
afterEach(() => purge[Symbol.asyncDispose]());

const dataDirectory = () => purge.stage.service.dataDirectory;
const unfinished = async () =>
  (await storedFiles(dataDirectory())).filter((name) => name.includes('.growing/'));

async function due(): Promise<string[]> {
  const { database } = purge.stage.ledger;
  const leases = { isHeld: () => false };
  const deps = { database, storage: purge.storage, clock: () => new Date(purge.now), leases };
  const kinds: string[] = [];
  for await (const { kind } of listDue(
    { ...deps, auditRetentionMs: 0, webhookRetentionMs: 1 },
    { lookBackMs: 0 },
  ))
    kinds.push(kind);
  return kinds;
}

test('an unfinished upload goes with its bytes once its time is over, and a finished one a day after its end', async () => {
  const open = await tus.create(8);
  await tus.patch(open, 0, 'abcd');
  purge.now += 47 * hour;
  const { headers } = await tus.post({ 'upload-length': '4' }, 'abcd');
  const key = headers.get('upload-document-key') ?? '';
  purge.now += hour;
  expect(await due()).toEqual([]);
  await purge.cleanUp();
  expect(await unfinished()).toHaveLength(1);
  purge.now += 1;
  expect(await due()).toEqual(['upload target']);
  await purge.cleanUp();
  expect([await unfinished(), (await tus.head(open)).status]).toEqual([[], 410]);
  expect(await purge.stored(key)).toEqual([true]);
  purge.now += day;
  await purge.cleanUp();
  expect(await purge.stored(key)).toEqual([false]);
  expect(await attach({ client: purge.stage.owner }, key)).toBe('DOCUMENT_KEY_UNKNOWN');
});

test('the sweep leaves old bytes of an upload that still may go on', async () => {
  const url = await tus.create(8);
  await tus.patch(url, 0, 'abcd');
  const old = new Date(Date.now() - 13 * hour);
  for (const name of await unfinished()) await utimes(join(dataDirectory(), 'files', name), old, old);
  purge.now += 30 * hour;
  await purge.cleanUp();
  expect(await tus.offset(url)).toBe(4);
  const { headers } = await tus.patch(url, 4, 'efgh');
  const stored = await attach({ client: purge.stage.owner }, headers.get('upload-document-key') ?? '');
  expect(stored).toMatchObject({ size: 8 });
});
