import type { DetectedContent } from '../content-types/content-formats.js';
import type { Reservation } from '../quotas/reservations.js';

/** Content that was taken in: its bytes are stored and durable, or in `body`, and no attachment uses them yet. */
export interface Intake {
  /** A UUID version 7: the last part of the document key. */
  blobId: string;
  documentKey: string;
  /** In bytes. */
  size: number;
  /** Lowercase hexadecimal, like `sha256`. */
  md5: string;
  sha256: string;
  /** The format of its bytes. */
  content: DetectedContent;
  /** All bytes of small content, which become durable with their row; nothing of them is in the storage. */
  body?: Uint8Array;
  /** As sent, not cleaned; null where the content came without one. */
  fileName: string | null;
  /** The media type that the sender gave: with a file part no more than a hint, with all else a claim. */
  declaredType: string | null;
  /** True where the bytes came in a data URL, whose type belongs to the content and cannot be overruled. */
  fromDataUrl?: boolean;
  /** True where the bytes came by way of an upload target, so that others may be using them too. */
  fromUploadTarget?: boolean;
  /** Then: the principal who has brought them. */
  broughtById?: string;
  /** When its first byte came: by the service's clock, and in milliseconds by one that nobody can set. */
  begun?: { at: Date; tick: number };
  /** Room for it, in an organization that has bounds. */
  reservation?: Reservation;
  /** Set once an attachment has been made of it: from then on the bytes belong to that. */
  used: boolean;
}
