import { stat } from 'node:fs/promises';
import type { EntityManager } from 'typeorm';
import { VerifiedNotes } from '../cleaning/note-verified.js';
import { comeOfAge, findOrphans, hourMs, hoursBetween, startOfHour } from '../cleaning/sweep-storage.js';
import { createPace, verifyBlobs } from '../cleaning/verify-blobs.js';
import type { Config } from '../config/config.js';
import type { Database } from '../database/database.js';
import { BlobRow } from '../database/entities/blob.js';
import { OrganizationRow } from '../database/entities/organization.js';
import { And, LessThanOrEqual, MoreThan } from '../database/typeorm.js';
import { Changes } from '../model/changes.js';
import { hourPartition } from '../storage/document-key.js';
import type { Storage } from '../storage/storage.js';
import { openConfiguredDatabase, openConfiguredStorage } from '../wiring/open-stores.js';
import { createProgressBar, type ProgressBar } from './output.js';
import { type VerifyState, VerifyStateFile } from './verify-state.js';

export interface VerifyOptions {
  /** Bytes a second; 0 is without a bound. */
  bytesPerSecond: number;
  /** Goes on where the last verification has stopped. */
  resume: boolean;
  /** Counts bytes without a row as orphaned whatever their age. */
  allOrphans: boolean;
  /** Looks for orphans from then on; null: from the first organization's creation. */
  since: Date | null;
  /** Prints findings and the summary as JSON, an object a line. */
  json: boolean;
}

/** A stored file that is not as it should be. */
interface Finding {
  kind: 'missing' | 'damaged' | 'orphaned';
  documentKey: string;
  reason: string;
}

interface Verification {
  database: Database;
  storage: Storage;
  signal: AbortSignal;
  state: VerifyState;
  bar: ProgressBar;
  tell(finding: Finding): void;
  pace(byteCount: number): Promise<void>;
  save(): Promise<void>;
}

/** After a kill, what this last while has found is found again. */
const saveIntervalMs = 500;

/**
 * Compares the stored bytes with the rows that name them, and prints a line for each that is missing, damaged or orphaned. The rows
 * say from then on which are damaged, and when each was read. Resolves with whether all is well; once the signal is aborted, throws what to do about it.
 */
export async function verify(config: Config, options: VerifyOptions, signal: AbortSignal): Promise<boolean> {
  await assertFolder(config.dataDirectory);
  const file = new VerifyStateFile(config.dataDirectory);
  return file.whileOwn(() => verifyInto(file, config, options, signal));
}

async function verifyInto(
  file: VerifyStateFile,
  config: Config,
  options: VerifyOptions,
  signal: AbortSignal,
): Promise<boolean> {
  const database = await openConfiguredDatabase(config);
  try {
    const state = (options.resume ? await file.load() : null) ?? (await begin(database, options));
    await file.save(state);
    const storage = await openConfiguredStorage(config, database);
    const bar = await createProgressBar(() => sumOfSizes(database.read, state));
    const pace = createPace(options.bytesPerSecond, signal);
    const save = () => file.save(state);
    const tell = (finding: Finding) => bar.print(options.json ? JSON.stringify(finding) : describe(finding));
    await runToEnd({ database, storage, signal, state, bar, tell, pace, save });
    await file.remove();
    process.stdout.write(`${options.json ? JSON.stringify(summaryOf(state)) : summarize(state)}\n`);
    return state.missing + state.damaged + state.orphaned === 0;
  } finally {
    await database.close();
  }
}

/** The state is kept there also where database and bytes are elsewhere. */
async function assertFolder(dataDirectory: string): Promise<void> {
  const found = await stat(dataDirectory).catch(() => null);
  if (!found?.isDirectory()) {
    throw new Error(`There is no folder ${dataDirectory}: DATA_DIR must be that of the service.`);
  }
}

/** The run covers what is stored and named at this moment, so that it ends however much is uploaded meanwhile. */
async function begin({ read, clock }: Database, { allOrphans, since }: VerifyOptions): Promise<VerifyState> {
  const [organization] = await read.find(OrganizationRow, { order: { createdAt: 'ASC' }, take: 1 });
  if (!organization) throw new Error('The database is empty: is DATA_DIR the one of the service?');
  const [oldest] = await read.find(BlobRow, { order: { id: 'ASC' }, take: 1 });
  const [newest] = await read.find(BlobRow, { order: { id: 'DESC' }, take: 1 });
  const first = Math.min(organization.createdAt.getTime(), oldest?.createdAt.getTime() ?? Infinity);
  const now = clock();
  return {
    afterBlobId: '',
    lastBlobId: newest?.id ?? '',
    orphansFrom: startOfHour(since ?? new Date(first)),
    orphansUntil: allOrphans ? now : comeOfAge(now),
    ...{ files: 0, bytes: 0, missing: 0, damaged: 0, orphaned: 0 },
  };
}

async function runToEnd(verification: Verification): Promise<void> {
  const { signal, bar, save } = verification;
  try {
    await readBlobs(verification);
    await lookForOrphans(verification);
  } catch (error) {
    const unkept = await save().then(
      () => null,
      (fault: Error) => fault.message,
    );
    if (unkept === null && !signal.aborted) throw error;
    const stopped = 'Stopped before the end';
    const msg = unkept
      ? `${stopped}, but this place cannot be kept (${unkept}): --resume goes on from an earlier one.`
      : `${stopped}; claimcheck verify --resume goes on from here.`;
    throw new Error(msg, { cause: error });
  } finally {
    bar.end();
  }
}

async function readBlobs(verification: Verification): Promise<void> {
  const { database } = verification;
  const notes = new VerifiedNotes({ database, clock: database.clock, changes: new Changes() });
  try {
    await readInto(notes, verification);
  } finally {
    await notes.flush();
  }
}

async function readInto(
  notes: VerifiedNotes,
  { state, bar, tell, save, signal, ...deps }: Verification,
): Promise<void> {
  const pace = async (byteCount: number) => {
    await deps.pace(byteCount);
    bar.advance(byteCount);
  };
  const range = { after: state.afterBlobId, upTo: state.lastBlobId };
  let savedAt = performance.now();
  for await (const verified of verifyBlobs({ ...deps, pace }, range)) {
    const { blob, fault } = verified;
    await notes.add(verified);
    state.afterBlobId = blob.id;
    state.files += 1;
    state.bytes += blob.size;
    if (fault) {
      state[fault.kind] += 1;
      tell({ kind: fault.kind, documentKey: blob.documentKey, reason: fault.reason });
    }
    if (performance.now() - savedAt > saveIntervalMs) {
      // Otherwise a kill would leave out what no later run reads.
      await notes.flush();
      await save();
      savedAt = performance.now();
    }
    signal.throwIfAborted();
  }
}

async function lookForOrphans({ state, tell, save, signal, ...deps }: Verification): Promise<void> {
  for (const hour of hoursBetween(state.orphansFrom, state.orphansUntil)) {
    let found = 0;
    for await (const keys of findOrphans(deps, hourPartition(hour))) {
      signal.throwIfAborted();
      for (const documentKey of keys) tell({ kind: 'orphaned', documentKey, reason: 'no row names it' });
      found += keys.length;
    }
    state.orphansFrom = new Date(hour.getTime() + hourMs);
    state.orphaned += found;
    if (found > 0) await save();
  }
}

async function sumOfSizes(read: EntityManager, { afterBlobId, lastBlobId }: VerifyState): Promise<number> {
  const id = And(MoreThan(afterBlobId), LessThanOrEqual(lastBlobId));
  return (await read.sum(BlobRow, 'size', { id })) ?? 0;
}

const describe = ({ kind, documentKey, reason }: Finding): string => `${kind} ${documentKey}: ${reason}`;

const summaryOf = ({ files, bytes, missing, damaged, orphaned }: VerifyState) => {
  return { files, bytes, missing, damaged, orphaned };
};

function summarize({ files, bytes, missing, damaged, orphaned }: VerifyState): string {
  return `Verified ${files} files of ${bytes} bytes: ${missing} missing, ${damaged} damaged, ${orphaned} orphaned.`;
}
