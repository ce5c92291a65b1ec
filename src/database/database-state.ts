import sqlite3 from 'sqlite3';
import { migrations } from './migrations/all.js';
import { databaseFile, withDatabaseFile } from './sqlite.js';

/** A database as it is found: without our tables, with those of an older version, or with ours. */
export type DatabaseState = 'missing' | 'older' | 'current';

/** By the names of the migrations that it has had. */
export function stateOf(applied: readonly { name: string }[]): DatabaseState {
  const names = new Set(applied.map(({ name }) => name));
  return migrations.every(({ name }) => names.has(name)) ? 'current' : 'older';
}

/** The state of the embedded database, which is there. Changes nothing, and waits for nobody who writes. */
export function sqliteState(dataDirectory: string): Promise<DatabaseState> {
  return readState(dataDirectory).catch((error: unknown) => {
    throw withDatabaseFile(error, dataDirectory);
  });
}

async function readState(dataDirectory: string): Promise<DatabaseState> {
  const connection = await openToRead(databaseFile(dataDirectory));
  connection.configure('busyTimeout', 5_000);
  try {
    return await new Promise((resolve, reject) => {
      connection.all<{ name: string }>('SELECT name FROM migrations', (error, rows) => {
        if (!error) resolve(stateOf(rows));
        else if (/no such table/.test(error.message)) resolve('older');
        else reject(error);
      });
    });
  } finally {
    await new Promise((resolve) => connection.close(resolve));
  }
}

function openToRead(path: string): Promise<sqlite3.Database> {
  return new Promise((resolve, reject) => {
    const connection = new sqlite3.Database(path, sqlite3.OPEN_READONLY, (error) =>
      error ? reject(error) : resolve(connection),
    );
  });
}
