import { createHmac, timingSafeEqual } from 'node:crypto';
import { AttachmentError } from '../errors.js';

/** Longest life of a signed URL, in seconds: a week. */
export const maxExpiresIn = 604_800;

export type Disposition = 'ATTACHMENT' | 'INLINE';

/** `fileName` is a cleaned one: well-formed Unicode, no slash, neither `.` nor `..`. */
export interface NamedFile {
  id: string;
  fileName: string;
}

export interface SigningOptions {
  /** Seconds, a whole number from 1 to 604800. */
  expiresIn: number;
  disposition: Disposition;
}

/** A request for a file: the decoded parts of its path, and its parsed query. */
export interface SignedRequest extends NamedFile {
  query: Readonly<Record<string, unknown>>;
}

/** What a good signature permits. */
export interface SignedAccess {
  disposition: Disposition;
  expiresAt: Date;
}

/** Makes the addresses attachments are downloaded from, and tells which signed ones are good. */
export interface AttachmentUrls {
  /** The stable address, `<publicUrl>/attachments/<id>/<fileName>`; good only with a credential. */
  url(file: NamedFile): string;
  /** The same with a signature, good without a credential for a while. Throws BAD_USER_INPUT where `expiresIn` is out of bounds. */
  signedUrl(file: NamedFile, options: SigningOptions): string;
  /** Whether the query carries a signature; where it does, `verify` alone decides. */
  isSigned(query: SignedRequest['query']): boolean;
  /** Never throws. Only a URL that was once good is called `expired`. */
  verify(request: SignedRequest): SignedAccess | 'invalid' | 'expired';
}

interface AttachmentUrlsOptions {
  /** Asked anew each time: with PORT=0 it is known only once the service listens. */
  publicUrl: () => string;
  /** The first one signs, every one verifies. */
  secrets: readonly [string, ...string[]];
  clock: () => Date;
}

export function createAttachmentUrls({ publicUrl, secrets, clock }: AttachmentUrlsOptions): AttachmentUrls {
  const base = () => publicUrl().replace(/\/+$/, '');
  const url = ({ id, fileName }: NamedFile) =>
    `${base()}/attachments/${encodeURIComponent(id)}/${encodeURIComponent(fileName)}`;

  return {
    url,

    signedUrl(file, { expiresIn, disposition }) {
      assertExpiresIn(expiresIn);
      const expires = String(clock().getTime() + expiresIn * 1000);
      const signature = sign(secrets[0], file, disposition, expires);
      return `${url(file)}?${new URLSearchParams({ expires, disposition, signature })}`;
    },

    isSigned: (query) => 'signature' in query,

    verify(request) {
      const query = readSignedQuery(request.query);
      if (query === null) return 'invalid';
      const { expires, disposition, signature } = query;
      const genuine = secrets.some((secret) =>
        isSameText(signature, sign(secret, request, disposition, expires)),
      );
      if (!genuine) return 'invalid';
      const expiresAt = new Date(Number(expires));
      return clock() < expiresAt ? { disposition, expiresAt } : 'expired';
    },
  };
}

function assertExpiresIn(expiresIn: number): void {
  if (Number.isInteger(expiresIn) && expiresIn >= 1 && expiresIn <= maxExpiresIn) return;
  const msg = `expiresIn must be a whole number of seconds from 1 to ${maxExpiresIn}.`;
  throw new AttachmentError('BAD_USER_INPUT', {
    details: [{ loc: ['expiresIn'], msg, type: 'out_of_bounds' }],
    limit: maxExpiresIn,
  });
}

/** The parameters of a signed URL; null unless exactly these are there, once each. `expires` is in milliseconds since 1970. */
function readSignedQuery(query: SignedRequest['query']) {
  const { expires, disposition, signature, ...others } = query;
  if (Object.keys(others).length > 0) return null;
  if (typeof expires !== 'string' || typeof signature !== 'string' || !isDisposition(disposition))
    return null;
  return { expires, disposition, signature };
}

function isDisposition(value: unknown): value is Disposition {
  return value === 'ATTACHMENT' || value === 'INLINE';
}

/** JSON keeps the parts apart whatever they contain; its first word keeps this use of the secret apart from every other. */
function sign(
  secret: string,
  { id, fileName }: NamedFile,
  disposition: Disposition,
  expires: string,
): string {
  const text = JSON.stringify(['attachment-url', id, fileName, disposition, expires]);
  return createHmac('sha256', secret).update(text).digest('base64url');
}

/** Compares as text, so that no second spelling of the same bytes passes; takes the same time wherever they differ. */
function isSameText(given: string, expected: string): boolean {
  const [left, right] = [Buffer.from(given), Buffer.from(expected)];
  return left.length === right.length && timingSafeEqual(left, right);
}
