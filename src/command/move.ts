import { type Config, ConfigError } from '../config/config.js';
import { assertOwnUser } from '../config/files.js';
import type { Database } from '../database/database.js';
import { AttachmentRow, TrashedAttachmentRow } from '../database/entities/attachment.js';
import { OrganizationRow } from '../database/entities/organization.js';
import { databaseFile } from '../database/sqlite.js';
import { countBytes, moveBytes } from '../transfer/move-object.js';
import { moveJobs, moveRows } from '../transfer/move-rows.js';
import {
  assertCurrent,
  openConfiguredDatabase,
  openConfiguredJobs,
  openConfiguredStorage,
  silentLog,
} from '../wiring/open-stores.js';
import { createProgressBar } from './output.js';

/** The place of rows and bytes now, and the place to move them to. Whichever is the same in both stays. */
export interface Move {
  from: Config;
  to: Config;
}

/**
 * Copies bytes, and then rows, to where they are to be, while the source takes no writes: a service that runs on it goes on
 * reading. Prints which files the source itself lacks; resolves with whether there were none. May be repeated.
 */
export async function move({ from, to }: Move): Promise<boolean> {
  if (from.postgres) throw new ConfigError(['DATABASE_URL: a move starts at the embedded database']);
  await assertCurrent(from);
  if (typeof to.storage === 'string') await assertOwnUser(databaseFile(from.dataDirectory));
  const source = await openConfiguredDatabase(from);
  try {
    // The transaction does nothing but keep other writers out until everything has been copied.
    return await source.write(() => moveAll(source, { from, to }));
  } finally {
    await source.close();
  }
}

async function moveAll(source: Database, { from, to }: Move): Promise<boolean> {
  if (!to.postgres) return moveStorage(source, { from, to }, async () => undefined);
  const { isInUse, isInUseNow } = await import('../database/postgres-state.js');
  if (await isInUse(to.postgres))
    throw new Error('A service runs on the database to move to: stop it first.');
  const own = { ...to, postgres: { ...to.postgres, name: 'claimcheck move' } };
  const target = await openConfiguredDatabase(own);
  try {
    await assertOurs(source, target);
    const assertUnused = async () => {
      if (await isInUseNow(target.aside)) throw new Error(startedMidway);
    };
    const isWhole = await moveStorage(source, { from, to }, assertUnused);
    await assertOurs(source, target);
    await moveDatabase(source, { config: own, target, assertUnused });
    return isWhole;
  } finally {
    await target.close();
  }
}

/** A service that runs there takes bytes whose rows have not come yet for nobody's, and rows that it makes would be removed. */
const startedMidway =
  'A service has been started on the database to move to, and the move has stopped. Stop the service, and move again.';

type Check = () => Promise<void>;

function isSameStorage(from: Config, to: Config): boolean {
  return JSON.stringify(from.storage) === JSON.stringify(to.storage);
}

async function moveStorage(source: Database, { from, to }: Move, assertUnused: Check): Promise<boolean> {
  if (isSameStorage(from, to)) {
    process.stdout.write('Files: all stay where they are, which is the storage to move to.\n');
    return true;
  }
  const bar = await createProgressBar(() => countBytes(source.read));
  try {
    const { copied, present, missing, damaged } = await moveBytes({
      rows: source.read,
      source: await openConfiguredStorage(from, source),
      // Bytes that rows keep move with the rows: as far as this move of objects is concerned, they are there.
      target: await openConfiguredStorage(to, source),
      assertUnused,
      onProgress: (bytes) => bar.advance(bytes),
      onFault: (documentKey, fault) => bar.print(`${fault} ${documentKey}`),
    });
    bar.print(`Files: ${copied} copied, ${present} there before, ${missing} missing, ${damaged} damaged.`);
    return missing + damaged === 0;
  } finally {
    bar.end();
  }
}

interface Target {
  config: Config;
  target: Database;
  assertUnused: Check;
}

async function moveDatabase(source: Database, { config, target, assertUnused }: Target): Promise<void> {
  const { rows, written } = await moveRows(source.read, target, assertUnused);
  await assertUnused();
  const jobs = await openConfiguredJobs(config, { database: target, clock: target.clock, log: silentLog });
  const queued = await moveJobs(source.read, target, jobs);
  process.stdout.write(
    `Rows: ${rows} the same in both, ${written} of them written now. Jobs: ${queued} queued.\n`,
  );
}

/** A move removes rows that it does not bring, so the database of another service is no target. */
async function assertOurs(source: Database, target: Database): Promise<void> {
  const inUse = 'The database to move to is in use';
  for (const { id, name, createdAt } of await target.read.find(OrganizationRow, { take: 100 })) {
    const here = await source.read.findOneBy(OrganizationRow, { id });
    if (!here) throw new Error(`${inUse}: it has organizations that are not here.`);
    // Commands and tokens name organizations by their ids, in other services too. One that was moved is as old as here.
    if (here.createdAt.getTime() === createdAt.getTime() || !(await hasAttachments(target, id))) continue;
    throw new Error(`${inUse}: its organization ${name} is that of another service.`);
  }
}

/** An organization without any is one that nobody has used. */
async function hasAttachments({ read }: Database, organizationId: string): Promise<boolean> {
  const tables = [AttachmentRow, TrashedAttachmentRow];
  const found = await Promise.all(tables.map((table) => read.existsBy(table, { organizationId })));
  return found.includes(true);
}
