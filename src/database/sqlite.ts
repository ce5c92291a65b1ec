import { join } from 'node:path';
import sqlite3 from 'sqlite3';
import type { DataSourceOptions, Logger } from 'typeorm';
import { entities } from './entities/all.js';
import { migrations } from './migrations/all.js';
import { PreparingDatabase } from './prepared-statements.js';

/** TypeORM calls `verbose()` on the driver, which captures a stack trace for every statement. This one declines. */
const quietDriver = { ...sqlite3, Database: PreparingDatabase, verbose: () => quietDriver };

/** The file of the embedded database; SQLite adds `-wal` and `-shm` beside it. */
export const databaseFile = (dataDirectory: string) => join(dataDirectory, 'claimcheck.sqlite');

/** How TypeORM reaches the embedded database: one WAL file in the data directory. */
export function sqliteOptions(dataDirectory: string, logger?: Logger) {
  return {
    type: 'sqlite',
    driver: quietDriver as object,
    database: databaseFile(dataDirectory),
    enableWAL: true,
    busyTimeout: 5_000,
    entities,
    migrations,
    migrationsTransactionMode: 'each',
    ...(logger ? { logger, logging: true } : {}),
  } satisfies DataSourceOptions;
}
