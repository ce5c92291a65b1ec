import type { EntityManager } from 'typeorm';
import { BlobRow } from '../database/entities/blob.js';
import { UploadTargetRow } from '../database/entities/upload-target.js';
import type { Storage } from '../storage/storage.js';
import { type MovedObject, moveObject, type ObjectToMove } from './move-object.js';
import { readBatches } from './read-rows.js';

export interface MoveBytesDependencies {
  /** Says which objects there are. */
  rows: EntityManager;
  source: Pick<Storage, 'read'>;
  target: Pick<Storage, 'read' | 'create'>;
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
