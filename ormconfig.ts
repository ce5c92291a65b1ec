import 'reflect-metadata';
import { DataSource } from 'typeorm';
import { loadConfig } from './src/config/config.js';
import { postgresOptions } from './src/database/postgres.js';
import { sqliteOptions } from './src/database/sqlite.js';

const { postgres, dataDirectory } = loadConfig(process.env);

/** For the TypeORM command line (`npm run typeorm`) and the tests: the database that DATABASE_URL or DATA_DIR names. */
export default new DataSource(postgres ? postgresOptions(postgres) : sqliteOptions(dataDirectory));
