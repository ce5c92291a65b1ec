import { Readable } from 'node:stream';
import type { Viewer } from '../auth/viewer.js';
import { UploadTargetRow } from '../database/entities/upload-target.js';
import { In } from '../database/typeorm.js';
import { Faults, fault, type Loc } from '../errors.js';
import { findPolicy } from '../policies/choose-policy.js';
import type { Storage } from '../storage/storage.js';
import { appendToUpload } from './append-upload.js';
import { checkInput, insertTarget, type Places, type TargetFacts } from './create-upload-target.js';
import { openObject } from './from-stream.js';
import { isExpired, type ResumableDependencies, terminateUpload } from './resumable.js';
import type { Digest } from './running-digests.js';
import { isPartial, shortenTarget } from './upload-target.js';

/** An upload that its client makes itself. */
export interface CreateResumable {
  /** Null where the client names none: only a part of another upload needs no name. */
  fileName: string | null;
  contentType: string | null;
  policy: string | null;
  /** Bytes; null where the client will say so later, or where they are those of others. */
  size: number | null;
  /** As it was sent, to be told again. */
  metadata: string | null;
  concat: ConcatTerms | null;
  /** The digest that all bytes must have; null if the client tells none. */
  digest: Digest | null;
  /** By Resumable Uploads for HTTP, not by tus. */
  isHttp: boolean;
  /** The places in the request that tell them. */
  places: Omit<Places, 'size'>;
}

export type ConcatTerms =
  /** A part of another upload. */
  | { kind: 'partial' }
  /** The bytes of these, one after the other. `text` is how the client has said so. */
  | { kind: 'final'; targetIds: string[]; text: string };

/** The place that tells how long an upload is. */
const locOfLength: Loc = ['headers', 'upload-length'];

/** Parts that have been made use of live so long, for a client that has not heard of it. */
const usedPartMs = 60 * 60 * 1_000;

/**
 * Makes an upload that needs the credential of its maker. One that is made of others is finished with that. Throws, with every
 * fault at once, INVALID_FILE_NAME, BAD_USER_INPUT, FILE_TOO_LARGE, CONTENT_TYPE_NOT_ALLOWED; of the parts UPLOAD_NOT_FINISHED.
 */
export async function createResumable(
  deps: ResumableDependencies,
  viewer: Viewer,
  input: CreateResumable,
): Promise<UploadTargetRow> {
  const { policy, metadata, concat, size, digest, isHttp } = input;
  if (concat?.kind === 'final') return createFinal(deps, viewer, { ...input, concat });
  const terms = {
    policy,
    metadata,
    keyId: viewer.keyId,
    needsCredential: true,
    concat: concat?.kind ?? null,
    ...(isHttp ? { isHttp } : {}),
  };
  const file = concat ? checkPart(deps, size) : checkFile(deps, input, locOfLength);
  const deferred = size === null;
  const facts = { ...file, protocol: 'TUS' as const, digest, deferred, terms };
  return insertTarget(deps, viewer, facts, locOfLength);
}

type FileFacts = Pick<TargetFacts, 'fileName' | 'contentType' | 'size'>;

function checkFile({ policies }: ResumableDependencies, input: CreateResumable, locOfSize: Loc): FileFacts {
  const { policy, contentType, size, digest } = input;
  const fileName = input.fileName ?? '';
  const terms = { fileName, contentType, size: size ?? 0, policy, digest };
  const file = checkInput(policies, terms, { ...input.places, size: locOfSize });
  return { ...file, size: size ?? findPolicy(policies, { policy }).maxFileSize };
}

function checkPart({ maxFileSize: limit }: ResumableDependencies, size: number | null): FileFacts {
  const faults = new Faults();
  if ((size ?? 0) > limit)
    faults.add('file_too_large', locOfLength, `At most ${limit} bytes are allowed.`, {
      limit,
    });
  faults.throwIfAny();
  return { fileName: '', contentType: '', size: size ?? limit };
}

type CreateFinal = CreateResumable & { concat: ConcatTerms & { kind: 'final' } };

async function createFinal(
  deps: ResumableDependencies,
  viewer: Viewer,
  input: CreateFinal,
): Promise<UploadTargetRow> {
  const parts = await findParts(deps, viewer, input.concat.targetIds);
  const size = parts.reduce((sum, part) => sum + part.received, 0);
  const locOfParts = ['headers', 'upload-concat'];
  const file = checkFile(deps, { ...input, size }, locOfParts);
  const { policy, metadata, concat } = input;
  const terms = { policy, metadata, keyId: viewer.keyId, needsCredential: true, concat: concat.text };
  const facts = { ...file, protocol: 'TUS' as const, digest: null, deferred: null, terms };
  const target = await insertTarget(deps, viewer, facts, locOfParts);
  const content = Readable.from(bytesOf(deps.storage, parts), { objectMode: false });
  const ours = { isClients: false, isLast: false, onDurable: null };
  const all = { offset: 0, length: null, checksum: null, contentLength: size, content, ...ours };
  try {
    const finished = await appendToUpload(deps, target, all);
    await shortenLives(deps, parts);
    return finished;
  } catch (error) {
    await terminateUpload(deps, target).catch(() => undefined);
    // If a part was terminated meanwhile, nothing is wrong with the storage.
    await findParts(deps, viewer, input.concat.targetIds);
    throw error;
  } finally {
    content.destroy();
  }
}

/** In the order that they are named in; one may be named several times. */
async function findParts(
  { database, clock }: ResumableDependencies,
  { organizationId, principal }: Viewer,
  ids: readonly string[],
): Promise<UploadTargetRow[]> {
  const rows = await database.read.findBy(UploadTargetRow, { id: In([...ids]), organizationId });
  const byId = new Map(rows.map((row) => [row.id, row]));
  return ids.map((id, index) => {
    const part = byId.get(id);
    const isTheirs = part && part.principalId === principal.id && isPartial(part);
    const loc = ['headers', 'upload-concat', index];
    if (!isTheirs || isExpired(part, clock())) {
      const msg = 'There is no such partial upload.';
      throw fault('upload_concat', loc, msg, { message: msg });
    }
    if (part.state !== 'FINISHED')
      throw fault('upload_not_finished', loc, 'The bytes of this part have not all come yet.');
    return part;
  });
}

async function* bytesOf(storage: Storage, parts: readonly UploadTargetRow[]): AsyncGenerator<Uint8Array> {
  for (const { documentKey, size } of parts)
    if (size > 0) yield* (await openObject(storage, documentKey)) as AsyncIterable<Uint8Array>;
}

/** A finished target is kept for a day after it has expired: then most of that day is over. */
async function shortenLives(
  { database, clock }: ResumableDependencies,
  parts: readonly UploadTargetRow[],
): Promise<void> {
  const expiresAt = new Date(clock().getTime() + usedPartMs - 24 * 60 * 60 * 1_000);
  await database.write(async (manager) => {
    for (const part of parts) await shortenTarget(manager, part, expiresAt);
  });
}
