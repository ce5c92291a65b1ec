import type { DataSourceOptions, Logger, QueryRunner } from 'typeorm';
import { BackgroundWrites } from './background-writes.js';
import { created, type Database, inTime } from './database.js';
import { toDatabaseFault } from './database-faults.js';
import { entities } from './entities/all.js';
import { FairTurns } from './fair-turns.js';
import { migrations } from './migrations/all.js';
import { type DatabaseClock, followClock } from './postgres-clock.js';
import { CreationGroups } from './postgres-creations.js';
import { applicationName, guardedDriver, keepAlive } from './postgres-pool.js';
import { commitStatement, writeUntilHeld } from './postgres-transactions.js';
import { Replica } from './replica.js';
import { readLimits } from './sqlite-readers.js';
import { indexTrigrams } from './stored-names.js';
import { DataSource, silentLogger } from './typeorm.js';
import type { Write } from './write-queue.js';

export interface PostgresOptions {
  /** Such as `postgres://user:password@host:5432/database`. */
  url: string;
  /** The URL of a streaming replica, if there is one. */
  readUrl?: string | null;
  /** Connections of this process. */
  poolSize: number;
  /** Statements that take longer are cancelled; with 0 none is. */
  statementTimeoutMs: number;
  /** As others see it on the server; that of a service if left out. */
  name?: string;
}

const connectTimeoutMs = 5_000;
/** How much longer than a statement may take its answer is waited for. */
const answerMarginMs = 5_000;
/** While a transaction waits for nothing but us, it holds locks: a process that hangs must let go of them. */
const idleTransactionTimeoutMs = 30_000;
/** Any number will do as long as it is always the same: whoever migrates holds this lock. */
const migrationLock = 4_277_009_102;
/** Connections of the pool that no list takes. */
const notForLists = 2;
/** Connections beside the pool, for what the service asks itself; a statement may take so long there. */
const aside = { poolSize: 2, statementTimeoutMs: 2_000 };

/** After which a connection is lost; 0 is never. */
export const longestAnswerMs = (statementTimeoutMs: number) =>
  statementTimeoutMs === 0 ? 0 : statementTimeoutMs + answerMarginMs;

/** How TypeORM reaches PostgreSQL. */
export function postgresOptions(options: PostgresOptions, logger?: Logger): DataSourceOptions {
  return {
    type: 'postgres',
    driver: guardedDriver,
    url: options.url,
    applicationName: options.name ?? applicationName,
    poolSize: options.poolSize,
    connectTimeoutMS: connectTimeoutMs,
    entities,
    migrations,
    migrationsTransactionMode: 'each',
    extra: {
      statement_timeout: options.statementTimeoutMs,
      idle_in_transaction_session_timeout: idleTransactionTimeoutMs,
      ...keepAlive,
      query_timeout: longestAnswerMs(options.statementTimeoutMs),
    },
    ...(logger ? { logger, logging: true } : { logger: silentLogger }),
  };
}

export interface PostgresObservers {
  /** Told when the replica cannot be read, once until it can be again. */
  onReplicaLost?: ((error: unknown) => void) | undefined;
  /** Told if the server does not let us have its index for searches in names. */
  onNamesUnindexed?: (() => void) | undefined;
}

/** Opens a database on PostgreSQL and migrates it as needed, once although several processes start together. */
export async function openPostgres(
  options: PostgresOptions,
  logger?: Logger,
  { onReplicaLost = () => undefined, onNamesUnindexed = () => undefined }: PostgresObservers = {},
): Promise<Database> {
  if (!(await migrate(options, logger))) onNamesUnindexed();
  const source = await new DataSource(postgresOptions(options, logger)).initialize().catch(rethrow);
  const own = new DataSource({
    ...postgresOptions({ ...options, ...aside }, logger),
    entities: [],
    migrations: [],
  });
  try {
    await own.initialize().catch(rethrow);
    const replica = options.readUrl
      ? await Replica.open({
          primary: source.manager,
          replica: postgresOptions({ ...options, url: options.readUrl }, logger),
          longestReadMs: options.statementTimeoutMs,
          onLost: onReplicaLost,
        })
      : null;
    return connect(options, { source, own, replica, clock: await followClock(source) });
  } catch (error) {
    await source.destroy();
    if (own.isInitialized) await own.destroy();
    throw error;
  }
}

interface Parts {
  source: DataSource;
  own: DataSource;
  replica: Replica | null;
  clock: DatabaseClock;
}

function connect(options: PostgresOptions, { source, own, replica, clock }: Parts): Database {
  const turns = listTurns(options);
  const write: Write = (work) => writeUntilHeld(source, work);
  const commit: Write = (work) => commitStatement(source, work);
  const groups = new CreationGroups({ entities: created, commit, write });
  const background = new BackgroundWrites(write, { groupSize: 1, isYielding: false });
  return {
    read: source.manager,
    reader: async () => replica?.reader() ?? source.manager,
    list: (organizationId, from, work, isUrgent) =>
      turns.run(organizationId, () => inTime(work, options.statementTimeoutMs)(from), isUrgent),
    aside: own.manager,
    check: () => checkWritable(own),
    write,
    create: (creation, work) => groups.add(creation, work),
    writeInBackground: background.add,
    shrink: async () => undefined,
    clock: () => clock.now(),
    close: async () => {
      await background.close();
      clock.stop();
      await replica?.close();
      await own.destroy();
      await source.destroy();
    },
  };
}

function listTurns({ poolSize }: PostgresOptions): FairTurns<number> {
  const count = Math.max(1, poolSize - notForLists);
  return new FairTurns({
    seats: Array.from({ length: count }, (_, seat) => seat),
    seatsOfOneKey: Math.max(1, Math.floor((count * 3) / 4)),
    patienceMs: readLimits.patience,
  });
}

/** A server that follows another one, a read-only one and one without room for a row refuse this. Nothing is kept of it. */
async function checkWritable(own: DataSource): Promise<void> {
  const runner = own.createQueryRunner();
  try {
    await runner.startTransaction();
    await runner.query(`INSERT INTO sweeps (name, swept_until) VALUES ('check ' || pg_backend_pid(), 0)`);
  } finally {
    await runner.rollbackTransaction().catch(() => undefined);
    await runner.release().catch(() => undefined);
  }
}

function rethrow(error: unknown): never {
  throw toDatabaseFault(error);
}

/** On connections of its own: of many rows an index takes longer than any statement of a request may. False if names have none. */
async function migrate(options: PostgresOptions, logger?: Logger): Promise<boolean> {
  const patient = { ...options, poolSize: 2, statementTimeoutMs: 0 };
  const source = await new DataSource(postgresOptions(patient, logger)).initialize().catch(rethrow);
  try {
    const keeper = source.createQueryRunner();
    try {
      // Goes with its connection.
      await keeper.query('SELECT pg_advisory_lock($1)', [migrationLock]);
      await source.runMigrations();
      await compareByBytes(keeper);
      return await indexTrigrams(keeper);
    } finally {
      await keeper.release();
    }
  } finally {
    await source.destroy();
  }
}

/** Texts are ordered by their bytes, as on SQLite and as pages are merged, whatever the language of the database. */
async function compareByBytes(runner: QueryRunner): Promise<void> {
  const columns: { table: string; columns: string }[] = await runner.query(
    `SELECT quote_ident(table_name) AS "table",
            string_agg(format('ALTER COLUMN %I TYPE %s COLLATE "C"', column_name,
              CASE WHEN character_maximum_length IS NULL THEN 'text'
                   ELSE format('varchar(%s)', character_maximum_length) END), ', ') AS columns
     FROM information_schema.columns
     WHERE table_schema = current_schema() AND table_name = ANY($1)
       AND data_type IN ('text', 'character varying') AND collation_name IS DISTINCT FROM 'C'
     GROUP BY table_name`,
    [runner.connection.entityMetadatas.map(({ tableName }) => tableName)],
  );
  for (const { table, columns: changes } of columns) await runner.query(`ALTER TABLE ${table} ${changes}`);
}
