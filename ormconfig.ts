import 'reflect-metadata';
import { resolve } from 'node:path';
import { DataSource } from 'typeorm';
import { sqliteOptions } from './src/database/sqlite.js';

/** For the TypeORM command line (`npm run typeorm`) and the tests: the database that DATA_DIR names. */
export default new DataSource(sqliteOptions(resolve(process.env['DATA_DIR'] || './data')));
