import type { Database } from '../database/database.js';
import { SweepRow } from '../database/entities/sweep.js';
import { hourPartition } from '../storage/document-key.js';
import type { Storage } from '../storage/storage.js';
import { comeOfAge, findOrphans, hourMs, hoursBetween } from './find-orphans.js';

export interface SweepStorageDependencies {
  database: Database;
  storage: Pick<Storage, 'list' | 'size' | 'remove' | 'removeUnfinished'>;
  clock: () => Date;
}

export interface SweepOptions {
  /** Looks through at least so much of the past, in milliseconds, whether or not that was done before. */
  lookBackMs: number;
  /** Ends it before the next hour; what it has not come to is left for the next sweep. */
  signal?: AbortSignal;
}

/** A service that has never swept, or not for long, begins so far back. */
const longestGapMs = 31 * 24 * hourMs;
/** Less than objects' age, for an hour is looked at once, and what was begun late in it is younger than it then. */
const unfinishedAgeMs = 12 * hourMs;
const sweepName = 'storage';

/**
 * Removes objects that no row names, and what writers have left unfinished, from the hour partitions that have come of age
 * since the last sweep. The cost is that of those partitions, not of the whole storage. Returns the keys removed.
 */
export async function sweepStorage(deps: SweepStorageDependencies, options: SweepOptions): Promise<string[]> {
  const { storage, database, clock } = deps;
  const until = comeOfAge(clock());
  const removed: string[] = [];
  for (const hour of hoursBetween(await firstHour(deps, options), until)) {
    for await (const keys of findOrphans(deps, hour)) {
      for (const key of keys) await storage.remove(key);
      removed.push(...keys);
    }
    await storage.removeUnfinished(hourPartition(hour), unfinishedAgeMs);
    if (options.signal?.aborted) return removed;
  }
  await database.write((manager) =>
    manager.upsert(SweepRow, { name: sweepName, sweptUntil: until }, ['name']),
  );
  return removed;
}

/** What `sweepStorage` would remove now. */
export async function* listOrphans(
  deps: SweepStorageDependencies,
  options: SweepOptions,
): AsyncGenerator<string> {
  for (const hour of hoursBetween(await firstHour(deps, options), comeOfAge(deps.clock()))) {
    for await (const keys of findOrphans(deps, hour)) yield* keys;
  }
}

async function firstHour(
  { database, clock }: SweepStorageDependencies,
  { lookBackMs }: SweepOptions,
): Promise<Date> {
  const until = comeOfAge(clock()).getTime();
  const last = await database.read.findOneBy(SweepRow, { name: sweepName });
  const since = last?.sweptUntil.getTime() ?? until - longestGapMs;
  return new Date(Math.min(Math.max(since, until - longestGapMs), until - lookBackMs));
}
