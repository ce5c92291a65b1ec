import type { Readable } from 'node:stream';
import type { Viewer } from '../auth/viewer.js';
import type { Database } from '../database/database.js';
import { BlobRow } from '../database/entities/blob.js';
import { AttachmentError } from '../errors.js';
import type { StoredAttachment } from '../model/stored-attachment.js';
import { blobIdOf } from '../storage/document-key.js';
import type { Storage } from '../storage/storage.js';
import { finishUpload } from './finish.js';
import type { Hasher } from './hash-content.js';
import type { Intake } from './intake.js';
import type { IntakeLeases } from './intake-leases.js';
import { headSize, meterContent } from './meter-content.js';
import { assertMayUse, findFinished } from './upload-target.js';

export interface FromTargetDependencies {
  database: Database;
  storage: Storage;
  hasher: Hasher;
  clock: () => Date;
  leases: Pick<IntakeLeases, 'hold' | 'release'>;
  /** Whether the viewer may see one of these now. Never called inside a transaction. */
  seesAny(stored: readonly StoredAttachment[]): Promise<boolean>;
}

/**
 * Takes in an object that an upload target has brought: reads it once, to measure, hash and sniff it as any other. If
 * attachments use it already, it is known. Throws DOCUMENT_KEY_UNKNOWN, also for a viewer who may not use the key,
 * UPLOAD_NOT_FINISHED, STORAGE_UNAVAILABLE.
 */
export async function intakeFromTarget(
  deps: FromTargetDependencies,
  viewer: Viewer,
  documentKey: string,
): Promise<Intake> {
  const { database, storage, hasher } = deps;
  await assertMayUse(deps, viewer, documentKey);
  await finishUpload(deps, viewer, documentKey);
  const target = await findFinished(database.read, viewer, documentKey);
  const { fileName, contentType: declaredType, size } = target;
  const { organizationId } = viewer;
  const blob = await database.read.findOneBy(BlobRow, { documentKey, organizationId });
  const reading = blob
    ? readHead(storage, blob).then((head) => ({ ...blob, head }))
    : open(storage, documentKey).then((content) => measure(hasher, content, size));
  const facts = await reading.catch(async (error: unknown) => {
    // A deletion takes the target along before the bytes: then nothing is wrong with the storage.
    await findFinished(database.read, viewer, documentKey);
    throw error;
  });
  const { md5, sha256, head } = facts;
  const blobId = blobIdOf(documentKey);
  // Whether or not an attachment comes of it, the bytes are the target's to keep.
  const bytesStay = { used: true, fromUploadTarget: true, broughtById: target.principalId };
  return { blobId, documentKey, size: facts.size, md5, sha256, head, fileName, declaredType, ...bytesStay };
}

async function measure(hasher: Hasher, content: Readable, maxSize: number) {
  const hash = hasher.start();
  try {
    const { size, head, lastBatch } = await meterContent(content, maxSize, (batch) => hash.update(batch));
    return { size, head, ...(await hash.finish(lastBatch)) };
  } finally {
    hash.forget();
    content.destroy();
  }
}

async function readHead(storage: Storage, { documentKey, size }: BlobRow): Promise<Uint8Array> {
  if (size === 0) return new Uint8Array();
  const content = await open(storage, documentKey, { start: 0, end: Math.min(size, headSize) - 1 });
  return Buffer.concat(await content.toArray());
}

async function open(storage: Storage, documentKey: string, range?: { start: number; end: number }) {
  const content = await storage.read(documentKey, range);
  if (content) return content;
  throw new AttachmentError('STORAGE_UNAVAILABLE', {
    cause: new Error(`${documentKey} is not in the storage.`),
  });
}
