import { isDeepStrictEqual } from 'node:util';
import type { EntityManager, EntityMetadata, ObjectLiteral } from 'typeorm';
import { allBodies, readBodies, writeBody } from '../database/blob-bodies.js';
import type { Database } from '../database/database.js';
import { entities } from '../database/entities/all.js';
import { JobRow } from '../database/entities/job.js';
import { ReservationRow } from '../database/entities/organization.js';
import { IntakeRow } from '../database/entities/stored-bytes.js';
import { addEvents, dropEvents, readEvents } from '../database/webhook-events.js';
import type { Jobs } from '../jobs/jobs.js';

export interface MovedRows {
  /** Rows that are in the target and the same in both. */
  rows: number;
  /** Rows among them that had to be written. */
  written: number;
}

/** Each may have as many bytes as INLINE_MAX_BYTES. */
const bodyBatchSize = 50;

type Target = Pick<Database, 'read' | 'write'>;

/** Jobs belong to the engine that runs them, intakes and reservations to the processes that hold them. */
const ownTables: readonly unknown[] = [IntakeRow, JobRow, ReservationRow];

/**
 * Makes the target's tables the same as the source's, which must not change meanwhile. Only what differs is written, so that
 * a move that was broken off goes on where it was, and one that is repeated takes in what has changed.
 */
export async function moveRows(
  source: EntityManager,
  target: Database,
  assertUnused: () => Promise<void>,
): Promise<MovedRows> {
  // Looks before each batch, whether others have begun to write there too.
  const watched: Target = {
    read: target.read,
    write: async (work) => {
      await assertUnused();
      return target.write(work);
    },
  };
  // In the order of the list, keys before attachments: TypeORM's own depends on which file is loaded first.
  const tables = tableOrder(entities.map((entity) => source.connection.getMetadata(entity))).filter(
    ({ target: row }) => !ownTables.includes(row),
  );
  for (const table of [...tables].reverse()) await removeOthers(source, watched, table);
  const moved = { rows: 0, written: 0 };
  for (const table of tables) {
    for await (const batch of readBatches(source, table)) {
      moved.written += await writeDifferent(watched, table, batch);
      moved.rows += batch.length;
    }
  }
  await moveBodies(source, watched);
  await moveEvents(source, watched);
  return moved;
}

/**
 * Hands what is still to be done to the target's engine, and returns how many jobs that are. Exhausted ones stay behind.
 * A job without a key gets its id for one, so that a repeated move does not add it twice.
 */
export async function moveJobs(
  source: EntityManager,
  target: Database,
  jobs: Pick<Jobs, 'enqueue'>,
): Promise<number> {
  let count = 0;
  for await (const batch of readBatches(source, source.connection.getMetadata(JobRow))) {
    const open = (batch as JobRow[]).filter(({ state }) => state !== 'EXHAUSTED');
    await target.write(async (manager) => {
      for (const { id, kind, key, payload, runAt } of open) {
        await jobs.enqueue(manager, { kind, payload, key: key ?? id, runAt });
      }
    });
    count += open.length;
  }
  return count;
}

/** Also without those that moved audit events have made in the target, which the source has told already. */
async function moveEvents(source: EntityManager, target: Target): Promise<void> {
  await target.write(dropEvents);
  for await (const batch of readEvents(source)) await target.write((manager) => addEvents(manager, batch));
}

/** They count as a part of their blobs' rows, with which others have gone already. */
async function moveBodies(source: EntityManager, target: Target): Promise<void> {
  for await (const batch of allBodies(source, bodyBatchSize)) {
    const there = await readBodies(
      target.read,
      batch.map(({ blobId }) => blobId),
    );
    const known = new Map(there.map(({ blobId, body }) => [blobId, body]));
    const different = batch.filter(({ blobId, body }) => !isDeepStrictEqual(known.get(blobId), body));
    if (different.length === 0) continue;
    await target.write(async (manager) => {
      for (const body of different) await writeBody(manager, body);
    });
  }
}

/** Rows that an earlier attempt has brought and that have gone since. */
async function removeOthers(source: EntityManager, target: Target, table: EntityMetadata): Promise<void> {
  for await (const batch of readBatches(target.read, table)) {
    const known = await readSame(source, table, batch);
    const others = batch.filter((row) => !known.has(keyOf(table, row)));
    if (others.length === 0) continue;
    await target.write(async (manager) => {
      for (const row of others) await manager.delete(table.target, keyWhere(table, row));
    });
  }
}

async function writeDifferent(target: Target, table: EntityMetadata, rows: Row[]): Promise<number> {
  const known = await readSame(target.read, table, rows);
  const different = rows.filter((row) => !isSame(row, known.get(keyOf(table, row))));
  if (different.length === 0) return 0;
  const keys = table.primaryColumns.map(({ propertyName }) => propertyName);
  // TypeORM writes into rows what the database has put in by default, as the driver hands it over.
  const copies = different.map((row) => ({ ...row }));
  await target.write((manager) => manager.upsert(table.target, copies, keys));
  const written = await readSame(target.read, table, different);
  const lost = different.find((row) => !isSame(row, written.get(keyOf(table, row))));
  if (lost) throw new Error(`A row of ${table.tableName} is not in the target as it is in the source.`);
  return different.length;
}

function isSame(one: Row, other: Row | undefined): boolean {
  return other !== undefined && JSON.stringify(one) === JSON.stringify(other);
}

/** The tables in an order in which each comes after those that its rows refer to. */
function tableOrder(tables: readonly EntityMetadata[]): EntityMetadata[] {
  const ordered = new Set<EntityMetadata>();
  const visit = (table: EntityMetadata): void => {
    if (ordered.has(table)) return;
    for (const { referencedEntityMetadata } of table.foreignKeys) {
      if (referencedEntityMetadata !== table) visit(referencedEntityMetadata);
    }
    ordered.add(table);
  };
  for (const table of tables) visit(table);
  return [...ordered];
}

/** A row, with the names of its class. */
export type Row = ObjectLiteral;

/** Few enough that a statement may name all their keys. */
const batchSize = 200;

/** All of them, also those that other queries read only by name. */
const columnNames = (table: EntityMetadata) => table.columns.map(({ propertyName }) => propertyName);

const keyNames = (table: EntityMetadata) => table.primaryColumns.map(({ propertyName }) => propertyName);

/** Every row of a table in batches, by its primary key: no batch costs more than another, however many there are. */
export async function* readBatches(manager: EntityManager, table: EntityMetadata): AsyncGenerator<Row[]> {
  const names = keyNames(table);
  const columns = names.map((name) => `row.${name}`);
  let last: Row | undefined;
  for (;;) {
    const query = manager
      .createQueryBuilder(table.target, 'row')
      .select(columnNames(table).map((name) => `row.${name}`))
      .limit(batchSize);
    for (const column of columns) query.addOrderBy(column, 'ASC');
    if (last !== undefined) {
      const row = last;
      const parameters = Object.fromEntries(names.map((name) => [name, row[name]]));
      query.where(`(${columns.join(', ')}) > (${names.map((name) => `:${name}`).join(', ')})`, parameters);
    }
    const rows: Row[] = await query.getMany();
    if (rows.length > 0) yield rows;
    if (rows.length < batchSize) return;
    last = rows.at(-1);
  }
}

/** Those rows of `manager`'s that have the keys of `rows`, by `keyOf`. */
async function readSame(
  manager: EntityManager,
  table: EntityMetadata,
  rows: readonly Row[],
): Promise<Map<string, Row>> {
  const where = rows.map((row) => keyWhere(table, row));
  const select = columnNames(table);
  const found: Row[] = await manager.find(table.target, { where, select });
  return new Map(found.map((row) => [keyOf(table, row), row]));
}

function keyOf(table: EntityMetadata, row: Row): string {
  return JSON.stringify(keyNames(table).map((name) => row[name]));
}

function keyWhere(table: EntityMetadata, row: Row): Row {
  return Object.fromEntries(keyNames(table).map((name) => [name, row[name]]));
}
