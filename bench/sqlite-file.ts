import { promisify } from 'node:util';
import sqlite3 from 'sqlite3';

/** The embedded database of a service, opened behind its back. */
export interface SqliteFile {
  exec(sql: string): Promise<void>;
  all<T>(sql: string): Promise<T[]>;
}

export async function withSqliteFile<T>(path: string, work: (file: SqliteFile) => Promise<T>): Promise<T> {
  const database = new sqlite3.Database(path);
  try {
    return await work({
      exec: promisify(database.exec.bind(database)) as SqliteFile['exec'],
      all: promisify(database.all.bind(database)) as SqliteFile['all'],
    });
  } finally {
    await promisify(database.close.bind(database))();
  }
}
