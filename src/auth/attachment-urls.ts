import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto';
import { parse, stringify } from 'uuid';
import { createBoundedCache } from '../bounded-cache.js';
import { Faults, type Loc } from '../errors.js';
import type { Viewer } from './viewer.js';

/** Longest life of a signed URL, in seconds: a week. */
export const maxExpiresIn = 604_800;

/** In seconds. */
const maxWindow = 3_600;

/** How many signed queries are remembered: an answer may ask for the same one many times. */
const maxRemembered = 2_000;

export type Disposition = 'ATTACHMENT' | 'INLINE';

/** `fileName` is a cleaned one: well-formed Unicode, no slash, neither `.` nor `..`. It is for people: the id alone decides. */
export interface NamedFile {
  id: string;
  fileName: string;
  /** Greater than 1 gives signed URLs of an attachment's later contents addresses of their own, which no cache mixes up. */
  version?: number;
}

export interface SigningOptions {
  /** Seconds, a whole number from 1 to 604800. The URL lives at least so long, and a quarter of that or an hour longer at most. */
  expiresIn: number;
  disposition: Disposition;
  maker: UrlMaker;
  /** Id of the one content that the URL leads to; left out: whichever is current. */
  contentId?: string;
}

/** A request for a file: the id in its path, and its parsed query. */
export interface SignedRequest {
  id: string;
  query: Readonly<Record<string, unknown>>;
}

/** The download that a good signature permits. */
export interface SignedAccess {
  disposition: Disposition;
  expiresAt: Date;
  /** The content that it permits; undefined: the current one. */
  contentId: string | undefined;
  /** Whoever asks must see that its credential is still good. */
  maker: UrlMaker;
}

/** Makes the addresses attachments are downloaded from, and tells which signed ones are good. */
export interface AttachmentUrls {
  /** The stable address, `<publicUrl>/attachments/<id>/<fileName>`; good only with a credential. */
  url(file: NamedFile): string;
  /**
   * The same with a signature, good without a credential for a while. Calls at about the same time get the same URL, so that
   * it can be cached. Throws BAD_USER_INPUT where `expiresIn` is out of bounds.
   */
  signedUrl(file: NamedFile, options: SigningOptions): string;
  /** Whether the query carries a signature; where it does, `verify` alone decides. */
  isSigned(query: SignedRequest['query']): boolean;
  /** Never throws. Only a URL that was once good is called `expired`. */
  verify(request: SignedRequest): SignedAccess | 'invalid' | 'expired';
}

export interface SignedUrlsOptions {
  /** Asked anew each time: with PORT=0 it is known only once the service listens. */
  publicUrl: () => string;
  /** The first one signs, every one verifies. */
  secrets: readonly [string, ...string[]];
  clock: () => Date;
}

/** A base without slashes at its end. */
export const withoutSlash = (url: string): string => (url.endsWith('/') ? url.replace(/\/+$/, '') : url);

const needsNoEncoding = /^[\w.-]*$/;

/** Encodes most names by leaving them as they are. */
const encoded = (part: string): string => (needsNoEncoding.test(part) ? part : encodeURIComponent(part));

export function createAttachmentUrls({ publicUrl, secrets, clock }: SignedUrlsOptions): AttachmentUrls {
  const made = createBoundedCache<string>(maxRemembered);
  const base = () => withoutSlash(publicUrl());
  const address = (id: string, names: readonly string[]) =>
    names.reduce((path, name) => `${path}/${encoded(name)}`, `${base()}/attachments/${encoded(id)}`);

  return {
    url: ({ id, fileName }) => address(id, [fileName]),

    signedUrl({ id, fileName, version = 1 }, { expiresIn, disposition, maker, contentId }) {
      assertExpiresIn(expiresIn);
      const expires = String(roundedEnd(clock(), expiresIn));
      const parts = JSON.stringify([id, disposition, expires, maker, contentId]);
      let query = made.get(parts);
      if (query === undefined) {
        const by = writeMaker(secrets[0], maker);
        const signature = sign(secrets[0], id, { disposition, expires, by, content: contentId });
        const content = contentId === undefined ? '' : `content=${contentId}&`;
        query = `${content}expires=${expires}&disposition=${disposition}&by=${by}&signature=${signature}`;
        made.set(parts, query);
      }
      return `${address(id, version > 1 ? [String(version), fileName] : [fileName])}?${query}`;
    },

    isSigned: (query) => 'signature' in query,

    verify(request) {
      const query = readSignedQuery(request.query);
      if (query === null) return 'invalid';
      const { signature, ...terms } = query;
      const maker = findMaker(secrets, { signature, by: terms.by }, (secret) =>
        sign(secret, request.id, terms),
      );
      if (!maker) return 'invalid';
      const expiresAt = new Date(Number(terms.expires) * 1000);
      const { disposition, content: contentId } = terms;
      return clock() < expiresAt ? { disposition, expiresAt, contentId, maker } : 'expired';
    },
  };
}

/**
 * When a URL ends that is to live so many seconds, in seconds since 1970: rounded up, by a quarter of them and an hour at most,
 * so that all that are made within that time end together.
 */
export function roundedEnd(now: Date, expiresIn: number): number {
  const window = Math.min(maxWindow, Math.max(1, Math.floor(expiresIn / 4)));
  return Math.ceil((now.getTime() / 1000 + expiresIn) / window) * window;
}

/** Notes a life that no URL can have. */
export function checkExpiresIn(faults: Faults, expiresIn: number, loc: Loc): void {
  if (Number.isInteger(expiresIn) && expiresIn >= 1 && expiresIn <= maxExpiresIn) return;
  const msg = `expiresIn must be a whole number of seconds from 1 to ${maxExpiresIn}.`;
  faults.add('out_of_bounds', loc, msg, { limit: maxExpiresIn });
}

/** Throws BAD_USER_INPUT for a life that no URL can have. */
export function assertExpiresIn(expiresIn: number): void {
  const faults = new Faults();
  checkExpiresIn(faults, expiresIn, ['expiresIn']);
  faults.throwIfAny();
}

/** The parameters of a signed URL; null unless exactly these are there, once each. `expires` is in seconds since 1970. */
function readSignedQuery(query: SignedRequest['query']) {
  const { expires, disposition, by, signature, content, ...others } = query;
  if (Object.keys(others).length > 0) return null;
  if (typeof expires !== 'string' || typeof by !== 'string' || typeof signature !== 'string') return null;
  if (content !== undefined && typeof content !== 'string') return null;
  return isDisposition(disposition) ? { expires, disposition, by, signature, content } : null;
}

interface Terms {
  disposition: Disposition;
  expires: string;
  by: string;
  content: string | undefined;
}

function isDisposition(value: unknown): value is Disposition {
  return value === 'ATTACHMENT' || value === 'INLINE';
}

/**
 * JSON keeps the parts apart whatever they contain; its first word keeps this use of the secret apart from every other. The name
 * is no part of it: a URL outlives a rename.
 */
function sign(secret: string, id: string, { disposition, expires, by, content }: Terms): string {
  const pinned = content === undefined ? [] : [content];
  const text = JSON.stringify(['attachment-url', id, disposition, expires, by, ...pinned]);
  return createHmac('sha256', secret).update(text).digest('base64url');
}

/** Compares as text, so that no second spelling of the same bytes passes; takes the same time wherever they differ. */
function isSameText(given: string, expected: string): boolean {
  const [left, right] = [Buffer.from(given), Buffer.from(expected)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/** The credential that made a signed URL: an API key, or a user's JSON Web Token. */
export type UrlMaker = { keyId: string } | { userId: string };

export function makerOf({ keyId, principal }: Viewer): UrlMaker {
  return keyId === null ? { userId: principal.id } : { keyId };
}

/** Bytes of a digest that begin the counter; the other four count blocks. */
const nonceBytes = 12;

/**
 * The maker as a URL names it, the same each time: `k` and the key's id, or `u` and the user's id, encrypted, since a user's
 * id may be an address of theirs and URLs are handed on.
 */
export function writeMaker(secret: string, maker: UrlMaker): string {
  if ('keyId' in maker) return `k${Buffer.from(parse(maker.keyId)).toString('base64url')}`;
  const text = Buffer.from(maker.userId);
  // The nonce depends on the text: one text is written one way, and two never under the same nonce.
  const nonce = digest(secret, 'nonce', text).subarray(0, nonceBytes);
  const cipher = createCipheriv('aes-256-ctr', digest(secret, 'key'), counterOf(nonce));
  return `u${Buffer.concat([nonce, cipher.update(text), cipher.final()]).toString('base64url')}`;
}

/** The maker of a URL whose signature is one that `sign` gives; null if no secret gives it. */
export function findMaker(
  secrets: readonly string[],
  { signature, by }: { signature: string; by: string },
  sign: (secret: string) => string,
): UrlMaker | null {
  const secret = secrets.find((one) => isSameText(signature, sign(one)));
  return secret === undefined ? null : readMaker(secret, by);
}

/** For what `writeMaker` has written under this secret, which a signature vouches for; null for what is of no such form. */
function readMaker(secret: string, written: string): UrlMaker | null {
  const bytes = Buffer.from(written.slice(1), 'base64url');
  if (written.startsWith('k') && bytes.length === 16) return { keyId: stringify(bytes) };
  if (!written.startsWith('u') || bytes.length <= nonceBytes) return null;
  const decipher = createDecipheriv(
    'aes-256-ctr',
    digest(secret, 'key'),
    counterOf(bytes.subarray(0, nonceBytes)),
  );
  return {
    userId: Buffer.concat([decipher.update(bytes.subarray(nonceBytes)), decipher.final()]).toString(),
  };
}

/** The first words keep these uses of the secret apart from every other. */
const digest = (secret: string, use: 'key' | 'nonce', text: Uint8Array = Buffer.of()) =>
  createHmac('sha256', secret).update(`attachment-url-maker\n${use}\n`).update(text).digest();
const counterOf = (nonce: Uint8Array) => Buffer.concat([nonce], 16);
