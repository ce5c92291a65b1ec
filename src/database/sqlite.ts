import { join } from 'node:path';
import sqlite3 from 'sqlite3';
import type { DataSourceOptions, Logger } from 'typeorm';
import { entities } from './entities/all.js';
import { Foundation1763600000000 } from './migrations/1763600000000-foundation.js';
import { Jobs1763700000000 } from './migrations/1763700000000-jobs.js';
import { Webhooks1763700000001 } from './migrations/1763700000001-webhooks.js';
import { ApiKeys1763700000002 } from './migrations/1763700000002-api-keys.js';
import { Verdicts1763700000003 } from './migrations/1763700000003-verdicts.js';
import { Sweeps1763700000004 } from './migrations/1763700000004-sweeps.js';
import { PreparingDatabase } from './prepared-statements.js';

/** TypeORM calls `verbose()` on the driver, which captures a stack trace for every statement. This one declines. */
const quietDriver = { ...sqlite3, Database: PreparingDatabase, verbose: () => quietDriver };

export const migrations = [
  Foundation1763600000000,
  Jobs1763700000000,
  Webhooks1763700000001,
  ApiKeys1763700000002,
  Verdicts1763700000003,
  Sweeps1763700000004,
];

/** How TypeORM reaches the embedded database: one WAL file in the data directory. */
export function sqliteOptions(dataDirectory: string, logger?: Logger): DataSourceOptions {
  return {
    type: 'sqlite',
    driver: quietDriver,
    database: join(dataDirectory, 'claimcheck.sqlite'),
    enableWAL: true,
    busyTimeout: 5_000,
    entities,
    migrations,
    migrationsTransactionMode: 'each',
    ...(logger ? { logger, logging: true } : {}),
  };
}
