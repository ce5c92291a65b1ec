import type { Logger } from 'typeorm';
import type { Config } from '../config.js';
import { type Database, openDatabase } from '../database/database.js';
import { openPostgres } from '../database/postgres.js';
import { createLocalStorage } from '../storage/local.js';
import { createS3Storage } from '../storage/s3.js';
import type { Storage } from '../storage/storage.js';

/** Opens the database that the settings name, creating and migrating it as needed. */
export function openConfiguredDatabase(config: Config, statementLogger?: Logger): Promise<Database> {
  return config.postgres
    ? openPostgres(config.postgres, statementLogger)
    : openDatabase(config.dataDirectory, statementLogger);
}

/** Where the settings say that bytes are kept. */
export function createConfiguredStorage(config: Config): Storage {
  const { storage } = config;
  return typeof storage === 'string' ? createLocalStorage(storage) : createS3Storage(storage);
}
