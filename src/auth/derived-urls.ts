import { createHmac } from 'node:crypto';
import { createBoundedCache } from '../bounded-cache.js';
import {
  assertExpiresIn,
  findMaker,
  roundedEnd,
  type SignedUrlsOptions,
  type UrlMaker,
  withoutSlash,
  writeMaker,
} from './attachment-urls.js';

/** All that an archive is made of: a record of an organization, or one field of it. */
export interface ArchivedPlace {
  organizationId: string;
  record: { type: string; id: string };
  /** Null: all of the record. */
  field: string | null;
}

/** The archive that a good signature permits. Whoever asks must see that its maker's credential is still good. */
export interface ArchiveAccess {
  place: ArchivedPlace;
  expiresAt: Date;
  maker: UrlMaker;
}

/** Makes the addresses of archives, and tells which are good. */
export interface ArchiveUrls {
  /** Good without a credential for `expiresIn` seconds, as signed URLs of attachments are. Throws BAD_USER_INPUT if that is out of bounds. */
  archiveUrl(place: ArchivedPlace, options: { expiresIn: number; maker: UrlMaker }): string;
  /** Never throws. Only a URL that was once good is called `expired`. */
  verifyArchive(query: Readonly<Record<string, unknown>>): ArchiveAccess | 'invalid' | 'expired';
}

export function createArchiveUrls({ publicUrl, secrets, clock }: SignedUrlsOptions): ArchiveUrls {
  return {
    archiveUrl({ organizationId, record, field }, { expiresIn, maker }) {
      assertExpiresIn(expiresIn);
      const terms = {
        organization: organizationId,
        ...record,
        ...(field === null ? {} : { field }),
        expires: String(roundedEnd(clock(), expiresIn)),
        by: writeMaker(secrets[0], maker),
      };
      const query = new URLSearchParams({ ...terms, signature: signArchive(secrets[0], terms) });
      return `${withoutSlash(publicUrl())}/records/archive?${query}`;
    },

    verifyArchive(query) {
      const read = readArchiveQuery(query);
      if (read === null) return 'invalid';
      const { signature, ...terms } = read;
      const maker = findMaker(secrets, { signature, by: terms.by }, (secret) => signArchive(secret, terms));
      if (!maker) return 'invalid';
      const { organization: organizationId, type, id, field = null, expires } = terms;
      const expiresAt = new Date(Number(expires) * 1000);
      if (clock() >= expiresAt) return 'expired';
      return { place: { organizationId, record: { type, id }, field }, expiresAt, maker };
    },
  };
}

interface ArchiveTerms {
  organization: string;
  type: string;
  id: string;
  field?: string;
  /** In seconds since 1970. */
  expires: string;
  by: string;
}

/** The parameters of a signed URL; null unless exactly these are there, once each. */
function readArchiveQuery(
  query: Readonly<Record<string, unknown>>,
): (ArchiveTerms & { signature: string }) | null {
  const { organization, type, id, field, expires, by, signature, ...others } = query;
  if (Object.keys(others).length > 0 || !(field === undefined || isText(field))) return null;
  if (!isText(organization) || !isText(type) || !isText(id)) return null;
  if (!isText(expires) || !isText(by) || !isText(signature)) return null;
  return { organization, type, id, ...(field === undefined ? {} : { field }), expires, by, signature };
}

const isText = (value: unknown): value is string => typeof value === 'string';

/** JSON keeps the parts apart whatever they contain; its first word keeps this use of the secret apart from every other. */
function signArchive(secret: string, { organization, type, id, field, expires, by }: ArchiveTerms): string {
  const text = JSON.stringify(['archive-url', organization, type, id, field ?? null, expires, by]);
  return createHmac('sha256', secret).update(text).digest('base64url');
}

/** How many signed queries are remembered: a page asks for those of its files again and again. */
const maxRemembered = 2_000;

/** A preview: of which attachment, of which content of it, and the name of the variant. */
export interface NamedPreview {
  id: string;
  blobId: string;
  name: string;
}

export interface SignedPreview {
  blobId: string;
  expiresAt: Date;
  /** Whoever asks must see that its credential is still good. */
  maker: UrlMaker;
}

/** Makes the addresses of previews, and tells which are good. There are none without a signature. */
export interface PreviewUrls {
  /**
   * Good without a credential for `expiresIn` seconds, a whole number from 1 to 604800, and a quarter of that or an hour longer
   * at most. Calls at about the same time get the same URL. Throws BAD_USER_INPUT if `expiresIn` is out of bounds.
   */
  signedUrl(preview: NamedPreview, options: { expiresIn: number; maker: UrlMaker }): string;
  /** Never throws. Only a URL that was once good is called `expired`. */
  verify(
    id: string,
    name: string,
    query: Readonly<Record<string, unknown>>,
  ): SignedPreview | 'invalid' | 'expired';
}

export function createPreviewUrls({ publicUrl, secrets, clock }: SignedUrlsOptions): PreviewUrls {
  const made = createBoundedCache<string>(maxRemembered);
  return {
    signedUrl(preview, { expiresIn, maker }) {
      assertExpiresIn(expiresIn);
      const expires = String(roundedEnd(clock(), expiresIn));
      const { id, blobId: content, name } = preview;
      const parts = JSON.stringify([id, content, name, expires, maker]);
      let query = made.get(parts);
      if (query === undefined) {
        const by = writeMaker(secrets[0], maker);
        const signature = signPreview(secrets[0], id, name, { content, expires, by });
        query = `content=${content}&expires=${expires}&by=${by}&signature=${signature}`;
        made.set(parts, query);
      }
      return `${withoutSlash(publicUrl())}/previews/${id}/${name}?${query}`;
    },

    verify(id, name, query) {
      const read = readPreviewQuery(query);
      if (read === null) return 'invalid';
      const { signature, ...terms } = read;
      const maker = findMaker(secrets, { signature, by: terms.by }, (secret) =>
        signPreview(secret, id, name, terms),
      );
      if (!maker) return 'invalid';
      const expiresAt = new Date(Number(terms.expires) * 1_000);
      return clock() < expiresAt ? { blobId: terms.content, expiresAt, maker } : 'expired';
    },
  };
}

interface PreviewTerms {
  content: string;
  expires: string;
  by: string;
}

/** The parameters of a signed URL; null unless exactly these are there, once each. `expires` is in seconds since 1970. */
function readPreviewQuery(
  query: Readonly<Record<string, unknown>>,
): (PreviewTerms & { signature: string }) | null {
  const { content, expires, by, signature, ...others } = query;
  if (Object.keys(others).length > 0 || typeof content !== 'string' || typeof expires !== 'string')
    return null;
  return typeof by === 'string' && typeof signature === 'string' ? { content, expires, by, signature } : null;
}

/** JSON keeps the parts apart; its first word keeps this use of the secret apart from every other. */
function signPreview(
  secret: string,
  id: string,
  name: string,
  { content, expires, by }: PreviewTerms,
): string {
  const text = JSON.stringify(['preview-url', id, name, content, expires, by]);
  return createHmac('sha256', secret).update(text).digest('base64url');
}
