import { Readable } from 'node:stream';
import { AttachmentError } from '../errors.js';
import { idAt } from '../new-id.js';
import type { ByteRange, Storage } from './storage.js';

const uuidPattern = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
const partitionPattern = /^\d{4}-\d{2}-\d{2}(?:\/\d{2})?$/;
/** A whole path part that needs no escaping anywhere; never `.` or `..`, nor hidden. */
const organizationIdPattern = '[A-Za-z0-9][A-Za-z0-9._-]{0,35}';
const wholeOrganizationIdPattern = new RegExp(`^${organizationIdPattern}$`);
const documentKeyPattern = new RegExp(
  `^\\d{4}-\\d{2}-\\d{2}/\\d{2}/${organizationIdPattern}/${uuidPattern}$`,
);

/** The organization in a key: a UUID, or a short name that a token's issuer has given it. */
export function isOrganizationId(text: string): boolean {
  return wholeOrganizationIdPattern.test(text);
}

/** The end of keys whose bytes are kept with their row. One in 256 of older keys has it too. */
const inlinedEnd = '00';

/**
 * A fresh key `<yyyy-mm-dd>/<hh>/<organizationId>/<uuid v7>` (UTC) of an object in a storage; no user text is ever part of one.
 */
export function createDocumentKey(organizationId: string, now: Date): string {
  const key = freshKey(organizationId, now);
  return mayBeInlined(key) ? `${key.slice(0, -1)}1` : key;
}

/** A fresh key, as `createDocumentKey` makes it, for bytes that are kept with their row. */
export function createInlinedKey(organizationId: string, now: Date): string {
  return `${freshKey(organizationId, now).slice(0, -inlinedEnd.length)}${inlinedEnd}`;
}

/** The end of keys whose bytes come in several requests. One in 128 of other keys has it too. */
const growingEnd = '01';

/** A fresh key, as `createDocumentKey` makes it, for an object whose bytes come in several requests. */
export function createGrowingKey(organizationId: string, now: Date): string {
  return `${freshKey(organizationId, now).slice(0, -growingEnd.length)}${growingEnd}`;
}

/** False for the key of an object that has come at once. */
export function mayBeGrowing(key: string): boolean {
  return key.endsWith(growingEnd);
}

/** False for the key of an object in a storage, but for some older ones. */
export function mayBeInlined(key: string): boolean {
  return key.endsWith(inlinedEnd);
}

function freshKey(organizationId: string, now: Date): string {
  return `${hourPartition(now)}/${organizationId}/${idAt(now.getTime())}`;
}

/** The uuid at the end of the key, which is the blob's id. */
export function blobIdOf(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1);
}

/** The organization that the object of this key belongs to. */
export function organizationOf(key: string): string {
  return key.split('/')[2] ?? '';
}

const hourMs = 60 * 60 * 1_000;
/** Nearly all keys are made in the hour of the one before. */
let last = { hour: Number.NaN, partition: '' };

/** The partition `yyyy-mm-dd/hh` (UTC) that keys made at `now` lie in. */
export function hourPartition(now: Date): string {
  const hour = Math.floor(now.getTime() / hourMs);
  if (hour !== last.hour) {
    const iso = now.toISOString();
    last = { hour, partition: `${iso.slice(0, 10)}/${iso.slice(11, 13)}` };
  }
  return last.partition;
}

/** The partition `yyyy-mm-dd` (UTC), which is all hour partitions of a day. */
export function dayPartition(day: Date): string {
  return day.toISOString().slice(0, 10);
}

/** The hour partition that the object of this key lies in. */
export function partitionOf(key: string): string {
  return key.split('/').slice(0, 2).join('/');
}

export function isDocumentKey(key: string): boolean {
  return documentKeyPattern.test(key);
}

/** The one gate in front of every storage: refuses whatever `createDocumentKey` cannot have made. */
export function assertDocumentKey(key: string): void {
  if (!isDocumentKey(key)) throw new AttachmentError('DOCUMENT_KEY_UNKNOWN');
}

export function isPartition(path: string): boolean {
  return partitionPattern.test(path);
}

/** The gate for partitions of an hour or a day, which are made here alone: anything else is a mistake of ours. */
export function assertPartition(partition: string): void {
  if (!isPartition(partition)) throw new RangeError(`No partition: ${partition}`);
}

/** Bytes that are kept with the row of their blob. */
export interface InlinedBodies {
  /** Null where there are none. */
  read(blobId: string): Promise<Uint8Array | null>;
  /** In bytes; null where there are none. */
  size(blobId: string): Promise<number | null>;
}

/**
 * A storage that also reads bytes which are kept with their rows. They come and go with the rows, so nothing else of it knows
 * them: neither listing nor removing. Keys of objects in `store` are asked for there at once.
 */
export function withInlined(store: Storage, bodies: InlinedBodies): Storage {
  return {
    direct: store.direct,
    growing: store.growing,
    create: (key, options) => store.create(key, options),
    read: async (key, range, options) => {
      assertDocumentKey(key);
      const body = mayBeInlined(key) ? await bodies.read(blobIdOf(key)) : null;
      return body === null ? store.read(key, range, options) : streamOf(body, range);
    },
    size: async (key) => {
      assertDocumentKey(key);
      const size = mayBeInlined(key) ? await bodies.size(blobIdOf(key)) : null;
      return size ?? store.size(key);
    },
    remove: (key) => store.remove(key),
    list: (partition) => store.list(partition),
    removeUnfinished: (...unfinished) => store.removeUnfinished(...unfinished),
    check: () => store.check(),
  };
}

function streamOf(
  body: Uint8Array,
  { start, end }: ByteRange = { start: 0, end: body.byteLength - 1 },
): Readable {
  return Readable.from([body.subarray(start, end + 1)], { objectMode: false });
}
