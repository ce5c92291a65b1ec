import { open } from 'node:fs/promises';
import sqlite3 from 'sqlite3';
import { giveToOwner, privateFile } from '../config/files.js';

interface LockOptions {
  /** How long to wait for another process. */
  waitMs: number;
  /** The message of the error if that goes on. */
  busy: string;
}

/**
 * Does work while no other process does any under the lock of this file, which stays and is empty. SQLite locks it, also for processes
 * in other containers, and the system frees it if the process dies.
 */
export async function whileLocked<Result>(
  path: string,
  { waitMs, busy }: LockOptions,
  work: () => Promise<Result>,
): Promise<Result> {
  await makeFile(path);
  await giveToOwner(path);
  const file = await new Promise<sqlite3.Database>((resolve, reject) => {
    const opened = new sqlite3.Database(path, sqlite3.OPEN_READWRITE, (error) =>
      error
        ? reject(new Error(`${path} cannot be opened: ${error.message}`, { cause: error }))
        : resolve(opened),
    );
  });
  try {
    file.configure('busyTimeout', waitMs);
    await new Promise<void>((resolve, reject) =>
      file.exec('BEGIN EXCLUSIVE', (error) => (error ? reject(explain(error, busy)) : resolve())),
    );
    return await work();
  } finally {
    await new Promise<void>((resolve) => file.close(() => resolve()));
  }
}

/** Makes an empty file, unless there is one. It is not made where a link leads, which another user's folder may have. */
async function makeFile(path: string): Promise<void> {
  const file = await open(path, 'wx', privateFile).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST') return null;
    throw error;
  });
  await file?.close();
}

const explain = (error: Error & { code?: string }, busy: string): Error =>
  error.code === 'SQLITE_BUSY' ? new Error(busy, { cause: error }) : error;
