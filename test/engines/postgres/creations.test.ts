import { randomBytes } from 'node:crypto';
import type { Database } from '../../../src/database/database.js';
import type { AttachmentRow } from '../../../src/database/entities/attachment.js';
import { BlobRow } from '../../../src/database/entities/blob.js';
import { SweptKeyRow } from '../../../src/database/entities/stored-bytes.js';
import { insertRow } from '../../../src/database/insert-row.js';
import { openPostgres } from '../../../src/database/postgres.js';
import { lockTable } from '../../../src/database/row-locks.js';
import { condemnKeys } from '../../../src/intake/intake.js';
import { describeCreations } from '../../support/creations-contract.js';
import { until } from '../../support/jobs-contract.js';
import { createIn, insertOne, type Made, make, now } from '../../support/made-creations.js';
import { report } from '../../support/report.js';
import { StatementCounter } from '../../support/statement-counter.js';
import { Cluster } from './cluster.js';

let cluster: Cluster;
let database: Database;
let url: string;
const statements = new StatementCounter();

beforeAll(async () => {
  cluster = await Cluster.open();
});
afterAll(() => cluster[Symbol.asyncDispose]());
beforeEach(async () => {
  url = await cluster.postgres.createDatabase();
  database = await openPostgres({ url, poolSize: 10, statementTimeoutMs: 30_000 }, statements);
});
afterEach(() => database.close());

const create = (made: Made, onAlone?: () => void) => createIn(database, made, onAlone);
const count = (table: string) =>
  database.read.query<{ n: number }[]>(`SELECT count(*)::int AS n FROM ${table}`).then(([row]) => row?.n);
// 40, then 14 of the 20 that are left, then 6.
describeCreations(() => ({ database, statements }), { together: /^WITH given /, groups: 3 });

test('every column has the same value as by statements of their own', async () => {
  const kinds: Partial<AttachmentRow>[] = [
    {},
    { metadataAttributes: null, description: null, shared: false, claimedAt: null, expiresAt: now },
    { description: '', recordType: null, recordId: null, fileName: '1e5' },
  ];
  const made = kinds.flatMap((changes) => [make(randomBytes(9), changes), make(null, changes)]);
  made.push(make(Buffer.alloc(0)));
  const cells = () =>
    Promise.all(
      Object.entries({ blobs: 'id', attachments: 'id', audit_events: 'id', blob_bodies: 'blob_id' }).map(
        ([table, key]) => database.read.query(`SELECT to_jsonb(t) AS cells FROM ${table} t ORDER BY ${key}`),
      ),
    );
  await Promise.all(made.map((one) => create(one)));
  const together = await cells();
  await database.write(async (manager) => {
    for (const table of ['audit_events', 'attachments', 'blobs']) await manager.query(`DELETE FROM ${table}`);
  });
  for (const one of made) await insertOne(database, one);
  expect(together).toEqual(await cells());
  expect(together.map((rows) => rows.length)).toEqual([7, 7, 7, 4]);
});

test('text that PostgreSQL does not keep goes alone, and is refused by type', async () => {
  const described = (description: string) => make(null, { description, metadataAttributes: null });
  const made = [described('zero \u0000 here'), described('half \ud83c here'), described('whole 🍐 here')];
  const alone: number[] = [];
  let outcomes: unknown[] = [];
  const caused = await statements.during(async () => {
    outcomes = await Promise.allSettled(made.map((one, index) => create(one, () => alone.push(index))));
  });
  expect(outcomes).toMatchObject([
    { status: 'rejected', reason: { details: [{ type: 'nul_character' }] } },
    { status: 'fulfilled' },
    { status: 'fulfilled' },
  ]);
  expect(alone).toEqual([0, 1]);
  expect(caused.filter((sql) => sql.startsWith('WITH'))).toHaveLength(1);
});

test('a server that isolates more by default takes each alone', async () => {
  const name = new URL(url).pathname.slice(1);
  await database.read.query(`ALTER DATABASE ${name} SET default_transaction_isolation = 'repeatable read'`);
  const strict = await openPostgres({ url, poolSize: 10, statementTimeoutMs: 30_000 });
  try {
    const made = [make(null), make(randomBytes(9))];
    const alone: number[] = [];
    await Promise.all(made.map((one, index) => createIn(strict, one, () => alone.push(index))));
    expect(alone).toEqual([0, 1]);
    expect(await count('attachments')).toBe(2);
  } finally {
    await strict.close();
  }
});

test('one that begins while the sweep is taking its bytes waits, and is refused', async () => {
  const made = make(null);
  let creating: Promise<unknown> = Promise.resolve();
  await database.write(async (manager) => {
    await lockTable(manager, BlobRow);
    creating = create(made).then(
      () => 'made',
      ({ code }) => code,
    );
    const waiting = `SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'blobs'::regclass`;
    while ((await database.read.query<unknown[]>(waiting)).length === 0);
    await insertRow(manager, SweptKeyRow, { documentKey: made.blob.documentKey, sweptAt: now });
  });
  expect(await creating).toBe('STORAGE_UNAVAILABLE');
  expect(await database.read.count(BlobRow)).toBe(0);
});

test('in a race with the sweep either has the bytes, and never both', async () => {
  const outcomes = { made: 0, swept: 0 };
  for (let round = 0; round < 40; round += 1) {
    const made = make(null);
    const creating = create(made).then(
      () => true,
      () => false,
    );
    const condemned = await condemnKeys(database.write, [made.blob.documentKey], now);
    const isMade = await creating;
    expect([isMade, condemned.length]).toEqual(isMade ? [true, 0] : [false, 1]);
    expect(await database.read.countBy(BlobRow, { id: made.blob.id })).toBe(isMade ? 1 : 0);
    outcomes[isMade ? 'made' : 'swept'] += 1;
  }
  report(`40 races: ${JSON.stringify(outcomes)}`);
  expect(await count('attachments')).toBe(outcomes.made);
});

test('their statement is parsed once for a connection', async () => {
  for (let left = 8; left > 0; left -= 1) await create(make(randomBytes(10)));
  const prepared = await database.read.query<{ statement: string; runs: number }[]>(
    `SELECT statement, (generic_plans + custom_plans)::int AS runs FROM pg_prepared_statements WHERE name <> ''`,
  );
  expect(prepared).toEqual([{ statement: expect.stringMatching(/^WITH given /), runs: 8 }]);
});

test('keys are looked for by the index also once many have been swept since the first creations', async () => {
  const swept = 50_000;
  await database.read.query('ALTER TABLE swept_keys SET (autovacuum_enabled = false)');
  const createSome = async () => {
    for (let left = 8; left > 0; left -= 1) await create(make(null));
  };
  const readings = async () => {
    const [row] = await database.read.query<{ one_by_one: number; by_index: number }[]>(
      `SELECT seq_tup_read::int AS one_by_one, idx_scan::int AS by_index
         FROM pg_stat_user_tables WHERE relname = 'swept_keys'`,
    );
    return row ?? { one_by_one: 0, by_index: 0 };
  };
  await createSome();
  await database.read.query(
    `INSERT INTO swept_keys (document_key, swept_at) SELECT 'key ' || n, 0 FROM generate_series(1, ${swept}) n`,
  );
  const before = await readings();
  await createSome();
  // The server counts late.
  await until(async () => {
    const { one_by_one, by_index } = await readings();
    return one_by_one >= swept || by_index >= before.by_index + 8;
  });
  expect((await readings()).one_by_one).toBeLessThan(swept);
});
