import pg from 'pg';
import { KeyRevocations } from '../../../src/auth/api-keys.js';
import { loadConfig } from '../../../src/config/config.js';
import { type Change, Changes } from '../../../src/model/changes.js';
import { relayConfiguredChanges } from '../../../src/wiring/background-work.js';
import { until } from '../../support/jobs-contract.js';
import { type Postgres, startPostgres } from '../../support/postgres.js';
import { report } from '../../support/report.js';

let postgres: Postgres;
let client: pg.Client;
beforeAll(async () => {
  postgres = await startPostgres();
  client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await postgres.stop();
});

/** The changes of one process. */
async function join() {
  const changes = new Changes();
  const revocations = new KeyRevocations();
  const heard: Change[] = [];
  const faults: unknown[] = [];
  const config = loadConfig({ DATABASE_URL: postgres.url });
  const stop = await relayConfiguredChanges(
    config,
    { changes, revocations },
    { warn: (fault: unknown) => faults.push(fault) },
  );
  changes.listen((more) => heard.push(...more));
  return { changes, revocations, heard, faults, [Symbol.asyncDispose]: stop };
}

const change = (attachmentId: string, records: Change['records'] = []): Change => ({
  organizationId: 'acme',
  attachmentId,
  records,
});

test('every process hears once, in order, what one process publishes', async () => {
  await using one = await join();
  await using other = await join();
  await using third = await join();
  const published = Array.from({ length: 1_200 }, (_, index) => change(`a-${index}`));
  for (const each of published) one.changes.publish([each]);
  await until(() => other.heard.length >= 1_200 && third.heard.length >= 1_200);
  for (const { heard } of [one, other, third]) expect(heard).toEqual(published);
});

test('a key that one process revokes is known to be revoked in all', async () => {
  await using one = await join();
  await using other = await join();
  const told: string[] = [];
  other.revocations.listen((keyId) => told.push(keyId));
  one.revocations.publish('key-1');
  one.changes.publish([change('a')]);
  await until(() => other.heard.length >= 1 && told.length >= 1);
  expect(told).toEqual(['key-1']);
  expect([one, other].map(({ revocations }) => revocations.has('key-1'))).toEqual([true, true]);
});

test('a change about more records than a notice has room for comes in several, with each record once', async () => {
  await using one = await join();
  await using other = await join();
  const records = Array.from({ length: 700 }, (_, index) => ({
    type: 'Event',
    id: `${'ü'.repeat(100)}-${index}`,
  }));
  one.changes.publish([change('shared', records)]);
  await until(() => other.heard.flatMap((each) => each.records).length >= records.length);
  expect(new Set(other.heard.map(({ attachmentId }) => attachmentId))).toEqual(new Set(['shared']));
  expect(other.heard.flatMap((each) => each.records)).toEqual(records);
});

test('a notification that is no change of ours is not heard, and hurts nothing', async () => {
  await using one = await join();
  await using other = await join();
  for (const text of ['', '{', 'null', '{"organizationId":1}', '[]', 'x'.repeat(7_000)]) {
    await client.query('SELECT pg_notify($1, $2)', ['claimcheck_changes', text]);
  }
  one.changes.publish([change('after')]);
  await until(() => other.heard.length > 0);
  expect(other.heard).toEqual([change('after')]);
});

test('a lost connection is made anew, and what was published meanwhile goes out then', async () => {
  await using one = await join();
  await using other = await join();
  const { rowCount } = await client.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN %' OR query LIKE '%pg_notify%' AND pid <> pg_backend_pid()`,
  );
  await until(() => one.faults.length > 0 && other.faults.length > 0);
  const since = performance.now();
  const publish = setInterval(() => one.changes.publish([change(`a-${one.heard.length}`)]), 50);
  await until(() => other.heard.length > 5);
  clearInterval(publish);
  report(`${rowCount} connections ended; heard again after ${Math.round(performance.now() - since)} ms`);
});
