import type { EntityManager, QueryRunner } from 'typeorm';
import { changeRows } from './read-rows.js';
import { hasRowLocks } from './row-locks.js';
import type { Write } from './write-queue.js';

const batchSize = 1_000;

/** PostgreSQL's own index of trigrams, made whenever the server lets us. */
const trigramIndex = 'ix_attachments_search_name';

export interface NamesDependencies {
  read: EntityManager;
  writeInBackground: Write;
}

interface Named {
  id: string;
  fileName: string;
}

/** Stores the forms of all names that have none, in batches by id: those of an earlier version. */
export async function fillNames(manager: EntityManager): Promise<void> {
  for (let last = ''; ; ) {
    const rows = await findUnnamed(manager, last);
    await storeForms(manager, rows);
    last = rows.at(-1)?.id ?? last;
    if (rows.length < batchSize) return;
  }
}

function findUnnamed(manager: EntityManager, after: string): Promise<Named[]> {
  const parameter = hasRowLocks(manager) ? '$1' : '?';
  return manager.query<Named[]>(
    `SELECT id, file_name AS "fileName" FROM attachments
     WHERE search_name = '' AND id > ${parameter} ORDER BY id LIMIT ${batchSize}`,
    [after],
  );
}

/** Unless the name has changed, and so has its forms, meanwhile. */
async function storeForms(manager: EntityManager, rows: readonly Named[]): Promise<void> {
  if (rows.length === 0) return;
  const forms = rows.map(({ id, fileName }) => {
    const { searchName, sortName } = nameForms(fileName);
    return [id, fileName, searchName, sortName];
  });
  await changeRows(
    manager,
    (sql) => `UPDATE attachments SET search_name = forms.search_name, sort_name = forms.sort_name
      FROM (SELECT value ->> 0 AS id, value ->> 1 AS file_name, value ->> 2 AS search_name, value ->> 3 AS sort_name
            FROM ${sql.rowsOf(forms)}) AS forms
      WHERE attachments.id = forms.id AND attachments.file_name = forms.file_name`,
  );
}

/**
 * Keeps what names are found by: forms that a process of an earlier version has left out, and on SQLite the index of trigrams.
 * Costs one or two looks at an index if there is nothing to do.
 */
export async function keepNames(
  { read, writeInBackground }: NamesDependencies,
  signal: AbortSignal,
): Promise<void> {
  for (let rows = await findUnnamed(read, ''); rows.length > 0 && !signal.aborted; ) {
    const batch = rows;
    await writeInBackground((manager) => storeForms(manager, batch));
    rows = await findUnnamed(read, rows.at(-1)?.id ?? '');
  }
  if (hasRowLocks(read)) return;
  while (!signal.aborted) {
    const changes = await read.query<{ id: number }[]>(
      `SELECT id FROM name_changes ORDER BY id LIMIT ${batchSize}`,
    );
    const last = changes.at(-1)?.id;
    if (last === undefined) return;
    await writeInBackground((manager) => indexNames(manager, last));
    if (changes.length < batchSize) return;
  }
}

/** Takes changes into the index of trigrams: row by row, for going back to an earlier row writes out what there is so far. */
async function indexNames(manager: EntityManager, last: number): Promise<void> {
  await manager.query(
    `INSERT INTO name_trigrams (name_trigrams, rowid, name)
     SELECT CASE WHEN is_new THEN NULL ELSE 'delete' END, row_id, name FROM name_changes WHERE id <= ? ORDER BY row_id, id`,
    [last],
  );
  await manager.query('DELETE FROM name_changes WHERE id <= ?', [last]);
}

/** Makes PostgreSQL's index of trigrams unless it is there; false if the extension is not, and may not be installed. */
export async function indexTrigrams(runner: QueryRunner): Promise<boolean> {
  // CREATE INDEX IF NOT EXISTS would wait for all who write, and they for it, although there is nothing to make.
  if (await isIndexed(runner)) return true;
  await runner.query(`DO $$ BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
  EXCEPTION WHEN insufficient_privilege OR undefined_file OR feature_not_supported OR invalid_schema_name THEN
    NULL;
  END $$`);
  // It may have been installed in a schema that is not searched.
  const [extension]: { schema: string }[] = await runner.query(
    `SELECT quote_ident(nspname) AS schema FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace
     WHERE extname = 'pg_trgm'`,
  );
  if (!extension) return false;
  await runner.query(
    `CREATE INDEX IF NOT EXISTS ${trigramIndex} ON attachments USING gin (search_name ${extension.schema}.gin_trgm_ops)`,
  );
  return true;
}

async function isIndexed(runner: Pick<EntityManager, 'query'> | QueryRunner): Promise<boolean> {
  const sql = 'SELECT 1 FROM pg_indexes WHERE schemaname = current_schema() AND indexname = $1';
  const found: object[] = await runner.query(sql, [trigramIndex]);
  return found.length > 0;
}

const trigramsOf = new WeakMap<object, Promise<boolean>>();

/** Whether names are indexed by their trigrams. PostgreSQL is asked once. */
export function hasTrigrams(manager: EntityManager): Promise<boolean> {
  if (!hasRowLocks(manager)) return Promise.resolve(true);
  const known = trigramsOf.get(manager.connection);
  if (known) return known;
  const asked = isIndexed(manager);
  trigramsOf.set(manager.connection, asked);
  asked.catch(() => trigramsOf.delete(manager.connection));
  return asked;
}

/** A file name as searches and orders see it. */
export interface NameForms {
  /** The name in one normal form and without case. A text is in the name if the text's form is in this. */
  searchName: string;
  /** Compared by its bytes, this sorts without case or accents, and numbers by their value. */
  sortName: string;
}

/** In bytes of UTF-8. Longer keys are cut: names that differ only behind that sort by their ids. */
const maxSortBytes = 255;

const accents = /[\u0300-\u036F]/g;

/** Marks of direction, which names do not keep. */
const marks = /[\u061C\u200E\u200F]/g;

/** Most names: they have one form, and no accents. */
const isAscii = (text: string): boolean => Buffer.byteLength(text) === text.length;

/** The forms of a name; made once, when the name is given. */
export function nameForms(fileName: string): NameForms {
  return { searchName: foldName(fileName), sortName: sortKey(fileName) };
}

/** A text in the form in which names are searched: `Ä`, `ä` and `a` with a combining diaeresis are one. */
export function foldName(text: string): string {
  if (isAscii(text)) return text.toLowerCase();
  // By way of upper case, which is one for letters with several lower ones, such as the two sigmas.
  const folded = text.replace(marks, '').normalize('NFKC').toLowerCase().toUpperCase().toLowerCase();
  return folded.replaceAll('ς', 'σ').replaceAll('i\u0307', 'i').normalize('NFKC');
}

function sortKey(fileName: string): string {
  const folded = foldName(fileName);
  const letters = isAscii(folded) ? folded : folded.normalize('NFKD').replace(accents, '').normalize('NFC');
  return cut(letters.replace(/\d+/g, numberKey));
}

/** A number behind its count of digits, so that `10` comes after `9`. A count of 9 or more is a 9 and the rest of the count. */
function numberKey(digits: string): string {
  const number = digits.replace(/^0+/, '');
  return '9'.repeat(Math.floor(number.length / 9)) + (number.length % 9) + number;
}

function cut(key: string): string {
  const bytes = Buffer.from(key);
  if (bytes.length <= maxSortBytes) return key;
  let end = maxSortBytes;
  // Back to where a character begins.
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}
