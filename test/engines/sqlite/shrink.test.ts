import { randomBytes } from 'node:crypto';
import { rm, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import sqlite3 from 'sqlite3';
import { writeBody } from '../../../src/database/blob-bodies.js';
import { type Database, openDatabase } from '../../../src/database/database.js';
import { BlobRow } from '../../../src/database/entities/blob.js';
import { insertRow } from '../../../src/database/insert-row.js';
import { databaseFile } from '../../../src/database/sqlite.js';
import { createInlinedKey } from '../../../src/storage/document-key.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

const count = 1_000;
const size = 16_384;
const now = new Date();

let directory: string;
let database: Database;
beforeEach(async () => {
  directory = await makeTemporaryDirectory();
  database = await openDatabase(directory);
});
afterEach(async () => {
  await database.close();
  await rm(directory, { recursive: true, force: true });
});

async function fill(): Promise<void> {
  await database.write(async (manager) => {
    for (let index = 0; index < count; index += 1) {
      const documentKey = createInlinedKey('org', now);
      const id = `blob-${index}`;
      const digests = { md5: '', sha256: '', charset: null };
      const verdict = 'APPROVED' as const;
      const blob = { id, organizationId: 'org', documentKey, size, ...digests, verdict, createdAt: now };
      await insertRow(manager, BlobRow, Object.assign(new BlobRow(), blob));
      await writeBody(manager, { blobId: id, body: randomBytes(size) });
    }
  });
}

async function fileSize(): Promise<number> {
  const [row] = await database.read.query<{ size: number }[]>(
    'SELECT page_count * page_size AS size FROM pragma_page_count, pragma_page_size',
  );
  return row?.size ?? 0;
}

test('the file of a new database gives back what deleted bytes have taken, but for a reserve', async () => {
  await fill();
  const full = await fileSize();
  expect(full).toBeGreaterThan(count * size);
  await database.write((manager) => manager.query('DELETE FROM blobs'));
  expect(await fileSize()).toBe(full);
  await database.shrink();
  const left = await fileSize();
  expect(left).toBeLessThan(6_000_000);
  await database.shrink();
  expect(await fileSize()).toBe(left);
  await database.close();
  expect((await stat(databaseFile(directory))).size).toBeLessThan(6_000_000);
  database = await openDatabase(directory);
});

test('while little is free, nothing is given back', async () => {
  await fill();
  const full = await fileSize();
  await database.write((manager) => manager.query(`DELETE FROM blobs WHERE id < 'blob-2'`));
  await database.shrink();
  expect(await fileSize()).toBe(full);
});

/** Bytes of a page, and of the log that is copied into the file. */
async function sizes(): Promise<[number, number]> {
  const read = (pragma: string) =>
    database.write(async (manager) => {
      const [row] = await manager.query<Record<string, number>[]>(`PRAGMA ${pragma}`);
      return Number(Object.values(row ?? {})[0]);
    });
  const page = await read('page_size');
  return [page, page * (await read('wal_autocheckpoint'))];
}

test('a new database has pages of 8 KiB, an older one keeps its own, and the log of both grows to 16 MiB', async () => {
  expect(await sizes()).toEqual([8_192, 16_777_216]);
  await database.close();
  await rm(directory, { recursive: true });
  directory = await makeTemporaryDirectory();
  const older = new sqlite3.Database(databaseFile(directory));
  await promisify(older.exec.bind(older))('PRAGMA journal_mode = WAL; CREATE TABLE older (id INTEGER)');
  await promisify(older.close.bind(older))();
  database = await openDatabase(directory);
  expect(await sizes()).toEqual([4_096, 16_777_216]);
});
