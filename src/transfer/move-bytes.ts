import type { EntityManager } from 'typeorm';
import type { Database } from '../database/database.js';
import { BlobRow } from '../database/entities/blob.js';
import { JobRow } from '../database/entities/job.js';
import { UploadTargetRow } from '../database/entities/upload-target.js';
import type { Jobs } from '../jobs/jobs.js';
import type { Storage } from '../storage/storage.js';
import { type MovedObject, moveObject, type ObjectToMove } from './move-object.js';
import { readBatches } from './read-rows.js';

export interface MoveBytesDependencies {
  /** Says which objects there are. */
  rows: EntityManager;
  source: Pick<Storage, 'read'>;
  target: Pick<Storage, 'read' | 'create'>;
  /** Called before each object; ends the move if it throws. */
  assertUnused(): Promise<void>;
  onProgress(bytes: number): void;
  /** Told of every object that the source has not as its row says. */
  onFault(documentKey: string, fault: 'missing' | 'damaged'): void;
}

export type MovedBytes = Record<MovedObject, number>;

const concurrency = 4;

/** Copies every object that a row names. A faulty one is told of and left out; what the target has whole already is only read. */
export async function moveBytes(deps: MoveBytesDependencies): Promise<MovedBytes> {
  const moved: MovedBytes = { copied: 0, present: 0, missing: 0, damaged: 0 };
  const objects = objectsOf(deps.rows);
  const moveInTurn = async () => {
    for (let next = await objects.next(); !next.done; next = await objects.next()) {
      await deps.assertUnused();
      const result = await moveObject(deps.source, deps.target, next.value);
      moved[result] += 1;
      if (result === 'missing' || result === 'damaged') deps.onFault(next.value.documentKey, result);
      deps.onProgress(next.value.size);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, moveInTurn));
  return moved;
}

/** How many bytes a move has to look at. */
export async function countBytes(rows: EntityManager): Promise<number> {
  return (await rows.sum(BlobRow, 'size')) ?? 0;
}

/** Those of blobs, and those that were sent directly and wait for their attachment. */
async function* objectsOf(rows: EntityManager): AsyncGenerator<ObjectToMove> {
  for await (const batch of readBatches(rows, rows.connection.getMetadata(BlobRow))) {
    for (const { documentKey, size, sha256 } of batch as BlobRow[]) yield { documentKey, size, sha256 };
  }
  for await (const batch of readBatches(rows, rows.connection.getMetadata(UploadTargetRow))) {
    for (const { documentKey, size, state } of batch as UploadTargetRow[]) {
      const isLoose = state === 'FINISHED' && !(await rows.existsBy(BlobRow, { documentKey }));
      if (isLoose) yield { documentKey, size, sha256: null };
    }
  }
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
