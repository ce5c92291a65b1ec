import type { Readable } from 'node:stream';
import { AttachmentError } from '../errors.js';

/**
 * A place for bytes. A storage knows keys and bytes and nothing of attachments.
 *
 * A key is `<yyyy-mm-dd>/<hh>/<organizationId>/<uuid>` (see document-key.ts); only the service makes keys, and every
 * implementation passes them through `assertDocumentKey` first. Faults of the medium (full, unreachable, permission) are
 * thrown as AttachmentError STORAGE_UNAVAILABLE with the medium's own error as `cause`.
 */
export interface Storage {
  /** How clients get at the bytes without us; null where they cannot. */
  readonly direct: DirectAccess | null;

  /** Objects whose bytes come in several requests. */
  readonly growing: GrowingObjects;

  /**
   * Opens a new object. Nothing is visible under `key` until `commit` has returned; from then on the object is whole and
   * survives a power cut. Two writers of one key: each writes its own bytes, the last `commit` wins, none is mixed. With `once`
   * the first wins, and the other's `commit` throws AlreadyStored. S3 cannot be told to do that: there the key is asked for right
   * before.
   */
  create(key: string, options?: CreateOptions): Promise<ObjectWriter>;

  /**
   * The object's bytes, or those of an inclusive range of them; null where there is no object. Destroying the stream closes it. Its
   * chunks are the reader's own, who may let them go.
   */
  read(key: string, range?: ByteRange, options?: ReadOptions): Promise<Readable | null>;

  /** The object's size in bytes; null where there is no object. */
  size(key: string): Promise<number | null>;

  /** Removes the object, and what has come of it where it is not whole. One that is not there is no fault. */
  remove(key: string): Promise<void>;

  /**
   * Keys of all whole objects of one partition, an hour (`yyyy-mm-dd/hh`) or a day (`yyyy-mm-dd`), in no particular order.
   * Unfinished writes are not listed.
   */
  list(partition: string): AsyncIterable<string>;

  /**
   * Removes what writers that never finished left in one partition more than `olderThanMs` ago, and what was sent directly
   * and never accepted, but for keys that are still on their way. Returns how many.
   */
  removeUnfinished(
    partition: string,
    olderThanMs: number,
    isOnItsWay?: (key: string) => Promise<boolean>,
  ): Promise<number>;

  /** Throws STORAGE_UNAVAILABLE when objects cannot be written at present. */
  check(): Promise<void>;
}

export interface CreateOptions {
  once?: boolean;
}

export interface ReadOptions {
  /** In bytes, 512 KiB by default. A chunk that comes over the network is as large as it came. */
  maxChunkSize?: number;
}

/** An object that was to be stored once is there already, whole. */
export class AlreadyStored extends Error {}

/** One object on its way in. Exactly one of `commit` and `abort` ends it; calling `abort` again, or after `commit`, does nothing. */
export interface ObjectWriter {
  /** Appends. The buffers may be reused by the caller once the promise has resolved. One call at a time. */
  write(buffers: readonly Uint8Array[]): Promise<void>;
  /** Makes the object durable and visible. */
  commit(): Promise<void>;
  /** Forgets every byte written. Never throws. */
  abort(): Promise<void>;
}

/** How far an object has grown: so many bytes, in a place that the storage has named. Null: nothing has come. */
export interface Growth {
  size: number;
  place: string | null;
}

/**
 * Objects whose bytes come bit by bit, to several processes perhaps, until they are whole. Their owner keeps their growth, and
 * changes it only to one that a writer has settled.
 */
export interface GrowingObjects {
  /**
   * Goes on behind the bytes of `from`; what lies behind them is dropped. With `isContested` another process may still be writing
   * there: from now on it changes none of these bytes. Null where not all of them are there.
   */
  append(key: string, from: Growth, isContested: boolean): Promise<GrowingWriter | null>;
  /** Whether all of these bytes are there. */
  holds(key: string, growth: Growth): Promise<boolean>;
  /**
   * All of these bytes, where `finish` would write them to the key: that cannot be called back, and may come late. Null where it gives
   * the key to what is there, or if they are gone.
   */
  beforeWriting(key: string, growth: Growth): Promise<Uint8Array | null>;
  /**
   * Makes these bytes the object of its key, whole and durable. Once more is as good. False: an object of that size was there already,
   * perhaps of other bytes.
   */
  finish(key: string, growth: Growth): Promise<boolean>;
  /** Removes these bytes, and no others however late it comes to that. */
  discardOnly(key: string, growth: Growth): Promise<void>;
  /** Removes the bytes of an object that is not whole. */
  discard(key: string): Promise<void>;
}

/** One process's work on a growing object. */
export interface GrowingWriter {
  /** Appends. If it fails, nothing of these buffers counts. One call at a time. */
  write(buffers: readonly Uint8Array[]): Promise<void>;
  /**
   * Makes durable what has been written, beside further writes. Without `all` the medium may leave out an end that it keeps only at
   * a price. Resolves with the growth that may be told from now on.
   */
  settle(all: boolean): Promise<Growth>;
  /**
   * Ends it, once nothing is under way. All that it has written beyond `counted` goes; where that is not given, bytes that were not
   * settled may go. Never throws.
   */
  close(counted?: Growth | null): Promise<void>;
}

/** Offsets in bytes; both ends are included. */
export interface ByteRange {
  start: number;
  end: number;
}

/**
 * Clients send to the store and fetch from it themselves, by URLs that it has been agreed with us to accept. What they send
 * waits apart until `accept` has made it the object of its key: from then on the URL it came by can change nothing.
 */
export interface DirectAccess {
  /** Bytes that can be sent so. */
  readonly maxSize: number;
  readonly parts: DirectParts;
  uploadTarget(key: string, upload: PresignedUpload): Promise<DirectUploadTarget>;
  /** The object that waits under the key; null if nothing has come. */
  incoming(key: string): Promise<IncomingObject | null>;
  /**
   * Makes what waits the object of its key. False where that is gone; stores that can compare also refuse so what has another
   * tag by now.
   */
  accept(key: string, tag: string, signal: AbortSignal): Promise<boolean>;
  downloadUrl(key: string, download: DirectDownload): Promise<string>;
}

/**
 * Objects that clients send to the store in parts, numbered from 1. Nothing is at the key until `complete` has made one object of
 * them: from then on the URLs of its parts can change nothing. `Storage.remove` gives up those that are not complete.
 */
export interface DirectParts {
  /** Bytes of each part of an object of `size`; the last may have fewer. */
  partSize(size: number): number;
  /** Begins an object. The result names it beside its key. */
  begin(key: string): Promise<string>;
  /** The URL that takes exactly so many bytes as a part, by PUT. */
  partUrl(key: string, upload: string, part: PresignedPart): Promise<string>;
  /** Those that have come, in the order of their numbers; null once the object is complete or given up. */
  list(key: string, upload: string): Promise<IncomingPart[] | null>;
  /** Makes one object of these parts. False if one of them is another by now, or if the object is complete or given up. */
  complete(
    key: string,
    upload: string,
    parts: readonly IncomingPart[],
    signal: AbortSignal,
  ): Promise<boolean>;
}

export interface PresignedPart {
  number: number;
  /** Bytes; no more and no fewer are taken. */
  size: number;
  validity: Validity;
}

export interface IncomingPart extends IncomingObject {
  number: number;
}

export interface IncomingObject {
  /** Bytes. */
  size: number;
  /** Other bytes under the same key have another. */
  tag: string;
}

export interface PresignedUpload {
  /** Bytes; no more and no fewer are taken. */
  size: number;
  /** Empty: any. */
  contentType: string;
  validity: Validity;
}

/** Not by this machine's clock, which may be wrong: a URL would then have expired before it is used. */
export interface Validity {
  from: Date;
  seconds: number;
}

/** To be sent by PUT, with these headers, and the Content-Length that every client sets itself. */
export interface DirectUploadTarget {
  url: string;
  headers: Record<string, string>;
}

/** Headers of the store's answer beside the bytes. */
export interface DirectDownload {
  contentType: string;
  contentDisposition: string;
  cacheControl: string;
  validity: Validity;
}

/** Faults of the medium become STORAGE_UNAVAILABLE; anything else, such as a mistake of ours, stays what it is. */
export function toStorageFault(error: unknown): Error {
  if (isSystemError(error)) return new AttachmentError('STORAGE_UNAVAILABLE', { cause: error });
  return error instanceof Error ? error : new Error('The storage failed.', { cause: error });
}

/** The system's name for what went wrong (`ENOENT`, `ENOSPC`), where `error` comes from the system. */
export function systemCode(error: unknown): string | null {
  return isSystemError(error) ? (error.code ?? null) : null;
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return typeof error === 'object' && error !== null && 'syscall' in error;
}
