import pg from 'pg';
import type { AttachmentData } from '../../support/client.js';
import { until } from '../../support/jobs-contract.js';
import type { PostgresReplica } from '../../support/postgres.js';
import { report } from '../../support/report.js';
import { roundsOf } from '../../support/seeded-random.js';
import type { SpawnedService } from '../../support/spawned-service.js';
import { Cluster } from './cluster.js';

let cluster: Cluster;
let replica: PostgresReplica;
let here: SpawnedService;
let there: SpawnedService;

beforeAll(async () => {
  cluster = await Cluster.open();
  replica = await cluster.postgres.addReplica();
  const settings = { DATABASE_READ_URL: replica.url, SCANNER: 'none' };
  [here, there] = await Promise.all([cluster.serve(settings), cluster.serve(settings)]);
}, 60_000);
afterAll(async () => {
  await replica.stop();
  await cluster[Symbol.asyncDispose]();
});

const file = (name = 'a.txt') => ({ content: 'nothing to see here', name });

async function read({ client }: SpawnedService, id: string): Promise<string | undefined> {
  const query = 'query ($id: ID!) { attachment(id: $id) { fileName } }';
  return (await client.ask<{ attachment: AttachmentData | null }>(query, { id })).attachment?.fileName;
}

/** How many of the service's connections to the replica have last looked for an attachment, and after this. */
async function countReads(since: Date): Promise<number> {
  const client = new pg.Client({ connectionString: replica.url });
  await client.connect();
  const { rows } = await client.query(
    `SELECT count(*)::int AS count FROM pg_stat_activity
     WHERE application_name = 'claimcheck' AND query LIKE 'SELECT "attachment".%' AND query_start > $1`,
    [since],
  );
  await client.end();
  return Number(rows[0].count);
}

/** Until a query is read from the replica. */
async function untilRead(service: SpawnedService, id: string): Promise<void> {
  await until(async () => {
    const before = new Date();
    expect(await read(service, id)).toEqual(expect.any(String));
    return (await countReads(before)) > 0;
  }, 30_000);
}

const refused = (log: string) => log.includes('the replica cannot be read, the primary is');

test('queries are read from the replica', async () => {
  const { id } = await here.client.upload(file());
  let count = 0;
  for (let round = 0; round < 20; round += 1) {
    const before = new Date();
    expect(await read(here, id)).toBe('a.txt');
    count += await countReads(before);
  }
  report(`of 20 queries ${count} were read from the replica`);
  expect(count).toBeGreaterThanOrEqual(10);
});

test('one process shows at once, each time, what the other has stored', async () => {
  const times = roundsOf(25);
  for (let round = 0; round < times; round += 1) {
    const { id } = await here.client.upload(file(`${round}.txt`));
    expect(await read(there, id)).toBe(`${round}.txt`);
    const update =
      'mutation ($input: UpdateAttachmentInput!) { updateAttachment(input: $input) { attachment { id } } }';
    await there.client.ask(update, { input: { attachmentId: id, fileName: `new-${round}.txt` } });
    expect(await read(here, id)).toBe(`new-${round}.txt`);
  }
});

test('a replica that lags is not read until it has caught up', async () => {
  await replica.pause();
  const { id } = await here.client.upload(file('late.txt'));
  const [before, started] = [new Date(), performance.now()];
  expect(await read(there, id)).toBe('late.txt');
  report(`read in ${Math.round(performance.now() - started)} ms beside a replica that lags`);
  expect(await countReads(before)).toBe(0);
  await replica.resume();
  await untilRead(there, id);
});

test('a replica that is gone is missed by nobody, and read again once it is back', async () => {
  const { id } = await here.client.upload(file('kept.txt'));
  expect(await read(here, id)).toBe('kept.txt');
  await replica.stop();
  for (let round = 0; round < 20; round += 1) expect(await read(here, id)).toBe('kept.txt');
  expect(refused(here.output().stderr)).toBe(true);
  await replica.start();
  await untilRead(here, id);
}, 60_000);

test('another database than the one that is written is never read', async () => {
  const another = replica.url.replace(/\/claimcheck$/, '/postgres');
  const service = await cluster.serve({ DATABASE_READ_URL: another, SCANNER: 'none' });
  const { id } = await service.client.upload(file());
  expect(await read(service, id)).toBe('a.txt');
  expect(service.output().stderr).toContain('names no replica of the database');
});

test('a service starts without its replica', async () => {
  const service = await cluster.serve({ DATABASE_READ_URL: 'postgres://127.0.0.1:1/none', SCANNER: 'none' });
  const { id } = await service.client.upload(file());
  expect(await read(service, id)).toBe('a.txt');
  expect(refused(service.output().stderr)).toBe(true);
});
