import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { get } from 'node:http';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { removeDueBytes } from '../../../src/attachments/delete-rows.js';
import { loadConfig } from '../../../src/config/config.js';
import type { Database } from '../../../src/database/database.js';
import { IntakeLeases } from '../../../src/intake/intake-leases.js';
import { createLocalStorage } from '../../../src/storage/local.js';
import { openConfiguredDatabase } from '../../../src/wiring/open-stores.js';
import { readZip } from '../../support/read-zip.js';
import { report } from '../../support/report.js';
import { roundsOf } from '../../support/seeded-random.js';
import { Cluster } from './cluster.js';

const rounds = roundsOf(100);
let cluster: Cluster;
let database: Database;
beforeAll(async () => {
  cluster = await Cluster.open();
  database = await openConfiguredDatabase(loadConfig(cluster.env()));
});
afterAll(async () => {
  await database?.close();
  await cluster[Symbol.asyncDispose]();
});

/** Node's own client, paused: `fetch` reads ahead. */
async function begin(url: URL): Promise<Readable> {
  const [response] = (await once(get(url, { agent: false }), 'response')) as [Readable];
  return response;
}

async function readAll(response: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const beats = async () =>
  (await cluster.query<{ beat: number }>('SELECT beat FROM intakes')).map(({ beat }) => beat);

test('the end of an archive in one process leaves a slow client of the other the bytes of a deleted file', async () => {
  const env = { SCANNER: 'none', INLINE_MAX_BYTES: '0' };
  const [here, there] = await Promise.all([
    cluster.serve(env, ['--no-work']),
    cluster.serve(env, ['--no-work']),
  ]);
  const content = randomBytes(12 * 2 ** 20);
  const record = { type: 'Case', id: '1' };
  const { id, documentKey } = await here.client.upload(
    { content, name: 'large.bin' },
    { record, field: 'files' },
  );
  const answer = await here.client.ask<{ record: { archiveUrl: string } }>(
    '{ record(type: "Case", id: "1") { archiveUrl } }',
  );
  const { pathname, search } = new URL(answer.record.archiveUrl);
  const slow = await begin(new URL(pathname + search, here.url));
  while ((await beats()).length < 1) await sleep(20);
  const other = await begin(new URL(pathname + search, there.url));
  const held = await (async () => {
    for (;;) {
      const found = await beats();
      if (found.reduce((sum, beat) => sum + beat, 0) >= 2) return found.length;
      await sleep(20);
    }
  })();
  expect(readZip(await readAll(other))).toHaveLength(1);
  while ((await beats()).length === held) await sleep(20);
  await there.client.ask(
    'mutation ($id: ID!) { deleteAttachment(input: { attachmentId: $id }) { __typename } }',
    { id },
  );
  const storage = createLocalStorage(`${cluster.directory}/files`);
  await removeDueBytes({ database, storage });
  const [file] = readZip(await readAll(slow));
  expect(file?.content.equals(content)).toBe(true);
  while ((await beats()).length > 0) await sleep(20);
  await removeDueBytes({ database, storage });
  expect(await storage.size(documentKey)).toBeNull();
});

test('an archive that comes to a file as another ends has a lease on it', async () => {
  const leases = new IntakeLeases(database);
  let withoutRow = 0;
  for (let round = 0; round < rounds; round += 1) {
    const key = `key ${round}`;
    await leases.holdStored(key);
    const ending = leases.release(key);
    await leases.holdStored(key);
    await ending;
    if ((await beats()).length === 0) withoutRow += 1;
    await leases.release(key);
  }
  report(`${rounds} ends of a lease beside the next: ${withoutRow} of these without a row`);
  expect([withoutRow, await beats()]).toEqual([0, []]);
});
