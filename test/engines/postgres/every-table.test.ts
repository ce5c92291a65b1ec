import { rm } from 'node:fs/promises';
import { loadConfig } from '../../../src/config/config.js';
import { openConfiguredDatabase } from '../../../src/wiring/open-stores.js';
import { usageOf } from '../../service/quotas/quota-stage.js';
import { countTables, type Filled, fillTables } from '../../support/fill-tables.js';
import { type Postgres, startPostgres } from '../../support/postgres.js';
import { startCommand } from '../../support/run-command.js';
import { randomKey, startService } from '../../support/service.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

/** Tables of the engine or of a process that runs, which a move leaves behind. */
const left = ['IntakeRow', 'ReservationRow'];

let postgres: Postgres | undefined;
let directory: string;
let env: Record<string, string>;
let filled: Filled;
let usage: object;
beforeAll(async () => {
  postgres = await startPostgres();
  directory = await makeTemporaryDirectory();
  env = {
    ...{ DATA_DIR: directory, DATABASE_URL: '', STORAGE_URL: '', BOOTSTRAP_API_KEY: randomKey() },
    ...{ SCANNER: 'eicar', TRASH_DAYS: '1', INLINE_MAX_BYTES: '100' },
    ...{
      SIGNING_SECRET: 'the same before and after',
      WEBHOOK_SECRET: `whsec_${Buffer.alloc(32).toString('base64')}`,
    },
  };
  const service = await startService(env);
  filled = await fillTables(service);
  usage = await usageOf(service.client);
  await service.close();
});
afterAll(async () => {
  await postgres?.stop();
  await rm(directory, { recursive: true, force: true });
});

const run = (...words: string[]) => startCommand(words, env).result;

async function countRows(settings: Record<string, string> = {}): Promise<Record<string, number>> {
  const database = await openConfiguredDatabase(loadConfig({ ...env, ...settings }));
  const counts = await countTables(database);
  await database.close();
  return counts;
}

test('every table has rows, and a verification and a dry sweep change none', async () => {
  const before = await countRows();
  expect(Object.entries(before).filter(([, count]) => count === 0)).toEqual([]);
  const verified = await run('verify', '--rate', '0');
  expect([verified.status, verified.stdout]).toEqual([
    0,
    expect.stringMatching(/^Verified \d+ files of \d+ bytes: 0 missing, 0 damaged, 0 orphaned/),
  ]);
  expect(await run('sweep', '--dry-run')).toMatchObject({ status: 0, stderr: '' });
  expect(await countRows()).toEqual(before);
});

test('a move brings all rows along, and what they stand for works there', async () => {
  const DATABASE_URL = (await postgres?.createDatabase()) ?? '';
  const before = await countRows();
  const moved = await run('move', '--to-database', DATABASE_URL);
  expect([moved.status, moved.stderr]).toEqual([0, '']);
  const none = Object.fromEntries(left.map((name) => [name, 0]));
  expect(await countRows({ DATABASE_URL })).toEqual({ ...before, ...none });
  await using service = await startService({ ...env, DATABASE_URL });
  const { client } = service;
  expect(await usageOf(client)).toEqual(usage);
  const here = (address: string) => new URL(new URL(address).pathname + new URL(address).search, service.url);
  const { attachment } = await client.ask<{
    attachment: { version: number; versions: { nodes: { downloadUrl: string }[] } };
  }>('query ($id: ID!) { attachment(id: $id) { version versions { nodes { downloadUrl } } } }', {
    id: filled.picture,
  });
  const versions = attachment.versions.nodes.map(({ downloadUrl }) => downloadUrl);
  expect([attachment.version, versions.length]).toEqual([2, 2]);
  for (const address of [...versions, filled.shareUrl, filled.previewUrl])
    expect((await fetch(here(address))).status).toBe(200);
  await client.ask('mutation ($id: ID!) { restoreAttachment(input: { attachmentId: $id }) { __typename } }', {
    id: filled.trashed,
  });
  expect((await client.download(`/attachments/${filled.trashed}`)).status).toBe(200);
});
