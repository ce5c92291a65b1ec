import { removeBytes } from '../attachments/delete-rows.js';
import { allEnded } from '../database/background-writes.js';
import type { Database } from '../database/database.js';
import { OrganizationRow } from '../database/entities/organization.js';
import { IntakeRow, SweepRow } from '../database/entities/stored-bytes.js';
import { UploadTargetRow } from '../database/entities/upload-target.js';
import { In, Not } from '../database/typeorm.js';
import { condemnDeadIntake, condemnKeys, withoutRow } from '../intake/intake.js';
import type { IntakeLeases } from '../intake/intake-leases.js';
import { dayPartition, hourPartition, organizationOf, partitionOf } from '../storage/document-key.js';
import type { Storage } from '../storage/storage.js';

export interface SweepStorageDependencies {
  database: Database;
  storage: Pick<Storage, 'list' | 'size' | 'remove' | 'removeUnfinished'>;
  clock: () => Date;
  leases: Pick<IntakeLeases, 'isHeld'>;
}

export interface SweepOptions {
  /** Looks through at least so much of the past, in milliseconds, whether or not that was done before. */
  lookBackMs: number;
  /** Ends it before the next partitions; what it has not come to is left for the next sweep. */
  signal?: AbortSignal;
}

export const hourMs = 3_600_000;
/** A service that has not swept for long begins so far back. */
const longestGapMs = 31 * 24 * hourMs;
/** Less than objects' age, for an hour is looked at once, and what was begun late in it is younger than it then. */
const unfinishedAgeMs = 12 * hourMs;
/** Most of them are empty, and to be told so by a store takes longer than anything else about them. */
const partitionsAtOnce = 16;
/** Creations wait while keys are condemned, and a statement names all of a batch. */
const batchSize = 200;
const sweepName = 'storage';

/**
 * Removes objects of known organizations that no row names, and what writers have left unfinished, from the hours that have come of age since the
 * last sweep, whole days at once. The cost is that of those hours, not of the whole storage. Returns the keys removed.
 */
export async function sweepStorage(deps: SweepStorageDependencies, options: SweepOptions): Promise<string[]> {
  const { database, clock } = deps;
  const until = comeOfAge(clock());
  const removed: string[] = [];
  for await (const keys of ofPartitions(await firstHour(deps, options), until, (each) =>
    sweepPartition(deps, each),
  )) {
    for (const key of keys) removed.push(key);
    if (options.signal?.aborted) return removed;
  }
  await database.write((manager) =>
    manager.upsert(SweepRow, { name: sweepName, sweptUntil: until }, ['name']),
  );
  return removed;
}

/** The keys that `sweepStorage` would remove now. */
export async function* listOrphans(
  deps: SweepStorageDependencies,
  options: SweepOptions,
): AsyncGenerator<string> {
  const until = comeOfAge(deps.clock());
  const orphans = ofPartitions(await firstHour(deps, options), until, (each) => orphansOf(deps, each));
  for await (const keys of orphans) yield* keys;
}

/** The results of `work` for each partition, several at a time. If one fails, those under way have ended before this throws. */
async function* ofPartitions(
  from: Date,
  until: Date,
  work: (partition: string) => Promise<string[]>,
): AsyncGenerator<string[]> {
  const partitions = [...partitionsBetween(from, until)];
  for (let start = 0; start < partitions.length; start += partitionsAtOnce) {
    yield (await allEnded(partitions.slice(start, start + partitionsAtOnce).map(work))).flat();
  }
}

async function sweepPartition(deps: SweepStorageDependencies, partition: string): Promise<string[]> {
  const found = await orphansOf(deps, partition);
  const removed: string[] = [];
  for (let start = 0; start < found.length; start += batchSize) {
    const keys = found.slice(start, start + batchSize);
    const condemned = await condemnKeys(deps.database.writeInBackground, keys, deps.clock());
    await removeBytes(deps, condemned, deps.database.writeInBackground);
    removed.push(...condemned);
  }
  await removeUnfinished(deps, partition);
  return removed;
}

async function removeUnfinished(
  { database, storage, leases }: SweepStorageDependencies,
  partition: string,
): Promise<void> {
  await storage.removeUnfinished(
    partition,
    unfinishedAgeMs,
    async (documentKey) =>
      leases.isHeld(documentKey) ||
      (await database.read.existsBy(IntakeRow, { documentKey })) ||
      // Such bytes go with their row.
      (await database.read.existsBy(UploadTargetRow, {
        documentKey,
        protocol: Not('PUT'),
        state: Not('FINISHED'),
      })),
  );
}

/** Removes what processes that have died had on its way: its hour may have been swept while their leases were still good. */
export async function sweepDeadIntakes(
  deps: SweepStorageDependencies & { leases: Pick<IntakeLeases, 'dead'> },
): Promise<void> {
  for (const intake of await deps.leases.dead()) {
    const partition = partitionOf(intake.documentKey);
    const condemned = await condemnDeadIntake(deps.database, intake, deps.clock());
    await removeBytes(deps, condemned, deps.database.writeInBackground);
    // However new: no later sweep may come to this hour.
    for (const key of condemned)
      await deps.storage.removeUnfinished(partition, 0, async (other) => other !== key);
    await removeUnfinished(deps, partition);
  }
}

async function orphansOf(deps: SweepStorageDependencies, partition: string): Promise<string[]> {
  const orphans: string[] = [];
  for await (const keys of findOrphans(deps, partition)) orphans.push(...(await ours(deps, keys)));
  return orphans.filter((key) => !deps.leases.isHeld(key));
}

/**
 * Keys of organizations that the database knows. Objects of others are left alone: the database may be new, and the
 * storage one that has long been in use.
 */
async function ours({ database }: SweepStorageDependencies, keys: string[]): Promise<string[]> {
  if (keys.length === 0) return [];
  const ids = [...new Set(keys.map(organizationOf))];
  const known = await database.read.findBy(OrganizationRow, { id: In(ids) });
  const knownIds = new Set(known.map(({ id }) => id));
  return keys.filter((key) => knownIds.has(organizationOf(key)));
}

async function firstHour(
  { database, clock }: SweepStorageDependencies,
  { lookBackMs }: SweepOptions,
): Promise<Date> {
  const until = comeOfAge(clock()).getTime();
  const last = await database.read.findOneBy(SweepRow, { name: sweepName });
  const since = last?.sweptUntil ?? startOfHour((await oldestOrganizationAt(database)) ?? new Date(until));
  return new Date(Math.min(Math.max(since.getTime(), until - longestGapMs), until - lookBackMs));
}

/** When the first organization was made: nothing that is ours is older, unless a clock has been set. */
export async function oldestOrganizationAt(database: Database): Promise<Date | null> {
  const [oldest] = await database.read.find(OrganizationRow, { order: { createdAt: 'ASC' }, take: 1 });
  return oldest?.createdAt ?? null;
}

export interface FindOrphansDependencies {
  database: Database;
  storage: Pick<Storage, 'list' | 'size'>;
}

const dayMs = 24 * hourMs;
/** Only to keep away from what is new: what is on its way, whatever its age, has a lease (see `IntakeLeases`). */
const orphanAgeMs = dayMs;
const lookupSize = 500;

/** The beginning of the first hour that has not wholly come of age. */
export function comeOfAge(now: Date): Date {
  return startOfHour(new Date(now.getTime() - orphanAgeMs));
}

export function startOfHour(instant: Date): Date {
  return new Date(Math.floor(instant.getTime() / hourMs) * hourMs);
}

/** The beginnings of the hours from `from`, itself one, up to `until`. */
export function* hoursBetween(from: Date, until: Date): Generator<Date> {
  for (let hour = from.getTime(); hour < until.getTime(); hour += hourMs) yield new Date(hour);
}

/** The fewest partitions from the beginning of an hour up to that of another: days, and hours beside them. */
function* partitionsBetween(from: Date, until: Date): Generator<string> {
  for (let at = from.getTime(); at < until.getTime(); ) {
    const isDay = at % dayMs === 0 && at + dayMs <= until.getTime();
    yield isDay ? dayPartition(new Date(at)) : hourPartition(new Date(at));
    at += isDay ? dayMs : hourMs;
  }
}

/**
 * Keys of objects of a partition that no row names, in batches. What comes to its row, or is removed with it, in the
 * meantime is none of them: the storage is listed before the rows are read, and asked again after it.
 */
export async function* findOrphans(
  { database, storage }: FindOrphansDependencies,
  partition: string,
): AsyncGenerator<string[]> {
  let batch: string[] = [];
  for await (const key of storage.list(partition)) {
    batch.push(key);
    if (batch.length < lookupSize) continue;
    yield await stillStored(storage, await withoutRow(database.read, batch));
    batch = [];
  }
  yield await stillStored(storage, await withoutRow(database.read, batch));
}

async function stillStored(storage: Pick<Storage, 'size'>, keys: string[]): Promise<string[]> {
  const stored: string[] = [];
  for (const key of keys) if ((await storage.size(key)) !== null) stored.push(key);
  return stored;
}
