import { ClaimcheckError, errorOf, isPassing, pause } from './client-error.js';
import type { Connection } from './connection.js';
import type { Platform, Source } from './platform.js';
import type { RecordInput } from './schema-types.js';

/** An upload at the service. Its URL is a credential for its bytes. */
interface Begun {
  url: string;
  documentKey: string;
  idempotencyKey: string;
}

export interface LargeUpload {
  fileName: string;
  record?: RecordInput | undefined;
  recordType?: string | undefined;
  field?: string | undefined;
  policy?: string | undefined;
  idempotencyKey: string;
  signal: AbortSignal;
  onSent(bytes: number): void;
}

export interface Sent {
  documentKey: string;
  /** That of the first run, whose attachment may exist already. */
  idempotencyKey: string;
  /** Whether an earlier run has begun it. */
  isResumed: boolean;
  /** Once the attachment has been made, or refused: then the bytes go too, unless another attachment has them. */
  forget(isRefused: boolean): Promise<void>;
  /** If it failed before that: ends it unless it is remembered, since nobody can go on with it. Does not wait for that. */
  leave(): void;
}

const tusHeaders = { 'tus-resumable': '1.0.0' };

/** Two uploads of one file at a time do not share one at the service. */
const inUse = new Set<string>();

/** Brings the bytes of a large file to the service, as far as an earlier run has not, over as many requests as it takes. */
export async function sendLarge(connection: Connection, source: Source, options: LargeUpload): Promise<Sent> {
  const key = keyOf(connection, source, options);
  const isOwn = key !== '' && !inUse.has(key);
  const store = isOwn ? connection.store : null;
  const beginAndRemember = async () => {
    const begun = await begin(connection, source, options);
    await store?.set(key, JSON.stringify(begun));
    return begun;
  };
  if (isOwn) inUse.add(key);
  try {
    const earlier = read((await store?.get(key)) ?? '');
    let begun = earlier ?? (await beginAndRemember());
    const leave = () => store || void discard(begun, null);
    try {
      await sendAll(connection, source, begun, options);
    } catch (error) {
      leave();
      if (!earlier || !isGone(error)) throw error;
      begun = await beginAndRemember();
      await sendAll(connection, source, begun, options);
    }
    const forget = async (isRefused: boolean) => {
      await store?.remove(key);
      if (isRefused) await discard(begun, options.signal);
    };
    return { ...begun, isResumed: begun === earlier, forget, leave };
  } finally {
    if (isOwn) inUse.delete(key);
  }
}

/** Ends an upload, so that its bytes take no room. Those that an attachment has stay. */
async function discard({ url }: Begun, signal: AbortSignal | null): Promise<void> {
  await fetch(url, { method: 'DELETE', headers: tusHeaders, signal }).catch(() => undefined);
}

/** Empty for bytes without a name or an age: others could have the same. */
function keyOf({ base }: Connection, { name, size, lastModified }: Source, { policy }: LargeUpload): string {
  if (name === '' || lastModified === 0) return '';
  return `claimcheck:${JSON.stringify([base, name, size, lastModified, policy ?? null])}`;
}

/** Null for anything else than an upload: others may write to the store too. */
function read(text: string): Begun | null {
  try {
    const begun = JSON.parse(text) as Begun;
    const all: unknown[] = [begun.url, begun.documentKey, begun.idempotencyKey];
    return all.every((value) => typeof value === 'string') ? begun : null;
  } catch {
    return null;
  }
}

async function begin(connection: Connection, source: Source, options: LargeUpload): Promise<Begun> {
  const { fileName, idempotencyKey, signal } = options;
  const policy = await policyOf(connection, options);
  const input = { fileName, size: source.size, protocol: 'TUS', policy } as const;
  const { createUploadTarget } = await connection.ask('CreateTarget', { input }, signal);
  return { ...createUploadTarget.target, idempotencyKey };
}

/** The name of the policy that the attachment will have to satisfy. Bytes that are announced without one have to satisfy the default. */
async function policyOf(
  connection: Connection,
  { policy, record, recordType = record?.type, field, signal }: LargeUpload,
): Promise<string | undefined> {
  if (policy !== undefined || recordType === undefined) return policy;
  try {
    return (await connection.ask('Policy', { recordType, field }, signal)).uploadPolicy.name;
  } catch (error) {
    // To ask takes a permission that uploads do not need.
    if (error instanceof ClaimcheckError && error.code === 'FORBIDDEN') return undefined;
    throw error;
  }
}

/** Attempts that bring the upload further do not count. */
async function sendAll(
  { platform, repeats }: Connection,
  source: Source,
  { url }: Begun,
  { signal, onSent }: LargeUpload,
): Promise<void> {
  let known = -1;
  for (let failures = 0; ; failures += 1) {
    const onOffset = (offset: number) => {
      if (known >= 0 && offset > known) failures = 0;
      known = Math.max(known, offset);
    };
    try {
      return await sendRest({ platform, source, url, signal, onSent, onOffset });
    } catch (error) {
      signal.throwIfAborted();
      // Another request brings its bytes, or has brought them meanwhile.
      if (failures >= repeats || !(isPassing(error) || hasStatus(error, 409, 460))) throw error;
      await pause(error.retryAfterSeconds, failures, signal);
    }
  }
}

/** In bytes of the file. */
export interface Progress {
  sent: number;
  total: number;
}

export interface Transfer {
  platform: Platform;
  source: Source;
  /** An upload by tus that exists. */
  url: string;
  signal: AbortSignal;
  onSent(bytes: number): void;
  /** Told at the beginning: bytes that the service has durably, so that the rest is sent. */
  onOffset(bytes: number): void;
}

/**
 * Brings the rest of the bytes to an upload by tus 1.0.0, in one attempt. Rejects with ClaimcheckError; an upload that is gone has
 * the status 404 or 410.
 */
async function sendRest({ platform, source, url, signal, onSent, onOffset }: Transfer): Promise<void> {
  let target = url;
  const ask = async (method: string, given: Record<string, string>, body: Source | null, from: number) => {
    const headers = { ...tusHeaders, ...given };
    const told = (bytes: number) => onSent(from + bytes);
    const answer = await platform.send({ method, url: target, headers, body, signal, onSent: told });
    if (answer.status >= 300) throw errorOf(answer);
    // A body that is read as it goes out follows no redirect.
    target = answer.url ?? target;
    return Number(answer.header('upload-offset') ?? 0);
  };
  const offset = await ask('HEAD', {}, null, 0);
  onOffset(offset);
  onSent(offset);
  if (offset >= source.size) return;
  const headers = { 'upload-offset': String(offset), 'content-type': 'application/offset+octet-stream' };
  await ask('PATCH', headers, source.slice(offset, source.size), offset);
}

/** Whether the upload itself has ended, so that another one has to be made. */
function isGone(error: unknown): boolean {
  return hasStatus(error, 403, 404, 410);
}

function hasStatus(error: unknown, ...statuses: number[]): error is ClaimcheckError {
  return error instanceof ClaimcheckError && statuses.includes(error.status ?? 0);
}
