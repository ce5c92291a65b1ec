import type { EntityManager } from 'typeorm';
import type { Database } from '../../../src/database/database.js';
import { openPostgres } from '../../../src/database/postgres.js';
import { AttachmentError } from '../../../src/errors.js';
import { type Postgres, startPostgres } from '../../support/postgres.js';

let postgres: Postgres;
let database: Database;
beforeAll(async () => {
  postgres = await startPostgres();
  database = await openPostgres({ url: postgres.url, poolSize: 4, statementTimeoutMs: 300 });
});
afterAll(async () => {
  await database.close();
  await postgres.stop();
});

const search = (read: EntityManager) => read.query('SELECT pg_sleep(60)');
const answer = (read: EntityManager) => read.query<{ one: number }[]>('SELECT 1 AS one');
const list = <T>(organization: string, work: (read: EntityManager) => Promise<T>) =>
  database.list(organization, database.read, work);
const codeOf = (error: unknown) => (error instanceof AttachmentError ? error.code : error);

test('a list that takes too long is too complex; a write is to be tried again', async () => {
  expect(await list('a', search).catch(codeOf)).toBe('QUERY_TOO_COMPLEX');
  expect(await database.write(search).catch(codeOf)).toBe('STORAGE_UNAVAILABLE');
  expect(await list('a', answer)).toEqual([{ one: 1 }]);
});

test('an organization that fills its connections holds up no other, no read by a key, and no look at health', async () => {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const ended: string[] = [];
  const own = Array.from({ length: 6 }, () => list('a', () => opened).then(() => ended.push('own')));
  await list('b', answer).then(() => ended.push('other'));
  await answer(database.read).then(() => ended.push('key'));
  await database.check().then(() => ended.push('health'));
  expect(ended).toEqual(['other', 'key', 'health']);
  open();
  await Promise.all(own);
});

test('clients that hold every connection of the pool do not make it unready', async () => {
  const held = Array.from({ length: 4 }, () => database.write(() => blocked));
  await database.check();
  release();
  await Promise.all(held);
});

let release: () => void = () => undefined;
const blocked = new Promise<void>((resolve) => {
  release = resolve;
});

test('a database that takes no writes is not ready, and keeps nothing of the looks', async () => {
  await database.check();
  expect(await database.read.query('SELECT name FROM sweeps')).toEqual([]);
  await database.read.query('ALTER SYSTEM SET default_transaction_read_only = on');
  await database.read.query('SELECT pg_reload_conf()');
  await untilFailing(() => database.check());
  expect(await answer(database.read)).toEqual([{ one: 1 }]);
});

async function untilFailing(check: () => Promise<void>): Promise<void> {
  for (let round = 0; round < 500; round += 1) {
    const error: unknown = await check().then(
      () => null,
      (fault: unknown) => fault,
    );
    if (error !== null) {
      expect(error).toMatchObject({ code: '25006' });
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('It never failed.');
}
