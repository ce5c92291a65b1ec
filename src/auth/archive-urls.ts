import { createHmac } from 'node:crypto';
import { type AttachmentUrlsOptions, assertExpiresIn, isSameText, roundedEnd } from './attachment-urls.js';
import { readMaker, type UrlMaker, writeMaker } from './url-makers.js';

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

export function createArchiveUrls({ publicUrl, secrets, clock }: AttachmentUrlsOptions): ArchiveUrls {
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
      const query = new URLSearchParams({ ...terms, signature: sign(secrets[0], terms) });
      return `${publicUrl().replace(/\/+$/, '')}/records/archive?${query}`;
    },

    verifyArchive(query) {
      const read = readQuery(query);
      if (read === null) return 'invalid';
      const { signature, ...terms } = read;
      const secret = secrets.find((one) => isSameText(signature, sign(one, terms)));
      const maker = secret === undefined ? null : readMaker(secret, terms.by);
      if (!maker) return 'invalid';
      const { organization: organizationId, type, id, field = null, expires } = terms;
      const expiresAt = new Date(Number(expires) * 1000);
      if (clock() >= expiresAt) return 'expired';
      return { place: { organizationId, record: { type, id }, field }, expiresAt, maker };
    },
  };
}

interface Terms {
  organization: string;
  type: string;
  id: string;
  field?: string;
  /** In seconds since 1970. */
  expires: string;
  by: string;
}

/** The parameters of a signed URL; null unless exactly these are there, once each. */
function readQuery(query: Readonly<Record<string, unknown>>): (Terms & { signature: string }) | null {
  const { organization, type, id, field, expires, by, signature, ...others } = query;
  if (Object.keys(others).length > 0 || !(field === undefined || isText(field))) return null;
  if (!isText(organization) || !isText(type) || !isText(id)) return null;
  if (!isText(expires) || !isText(by) || !isText(signature)) return null;
  return { organization, type, id, ...(field === undefined ? {} : { field }), expires, by, signature };
}

const isText = (value: unknown): value is string => typeof value === 'string';

/** JSON keeps the parts apart whatever they contain; its first word keeps this use of the secret apart from every other. */
function sign(secret: string, { organization, type, id, field, expires, by }: Terms): string {
  const text = JSON.stringify(['archive-url', organization, type, id, field ?? null, expires, by]);
  return createHmac('sha256', secret).update(text).digest('base64url');
}
