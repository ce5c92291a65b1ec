import { createHmac } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { assertExpiresIn, isSameText, roundedEnd } from './attachment-urls.js';
import { readMaker, type UrlMaker, writeMaker } from './url-makers.js';

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

export interface PreviewUrlsOptions {
  /** Asked anew each time: with PORT=0 it is known only once the service listens. */
  publicUrl: () => string;
  /** The first one signs, every one verifies. */
  secrets: readonly [string, ...string[]];
  clock: () => Date;
}

export function createPreviewUrls({ publicUrl, secrets, clock }: PreviewUrlsOptions): PreviewUrls {
  const made = new LRUCache<string, string>({ max: maxRemembered });
  return {
    signedUrl(preview, { expiresIn, maker }) {
      assertExpiresIn(expiresIn);
      const expires = String(roundedEnd(clock(), expiresIn));
      const { id, blobId: content, name } = preview;
      const parts = JSON.stringify([id, content, name, expires, maker]);
      let query = made.get(parts);
      if (query === undefined) {
        const by = writeMaker(secrets[0], maker);
        const signature = sign(secrets[0], id, name, { content, expires, by });
        query = `content=${content}&expires=${expires}&by=${by}&signature=${signature}`;
        made.set(parts, query);
      }
      return `${publicUrl().replace(/\/+$/, '')}/previews/${id}/${name}?${query}`;
    },

    verify(id, name, query) {
      const read = readQuery(query);
      if (read === null) return 'invalid';
      const { signature, ...terms } = read;
      const secret = secrets.find((one) => isSameText(signature, sign(one, id, name, terms)));
      const maker = secret === undefined ? null : readMaker(secret, terms.by);
      if (!maker) return 'invalid';
      const expiresAt = new Date(Number(terms.expires) * 1_000);
      return clock() < expiresAt ? { blobId: terms.content, expiresAt, maker } : 'expired';
    },
  };
}

interface Terms {
  content: string;
  expires: string;
  by: string;
}

/** The parameters of a signed URL; null unless exactly these are there, once each. `expires` is in seconds since 1970. */
function readQuery(query: Readonly<Record<string, unknown>>): (Terms & { signature: string }) | null {
  const { content, expires, by, signature, ...others } = query;
  if (Object.keys(others).length > 0 || typeof content !== 'string' || typeof expires !== 'string')
    return null;
  return typeof by === 'string' && typeof signature === 'string' ? { content, expires, by, signature } : null;
}

/** JSON keeps the parts apart; its first word keeps this use of the secret apart from every other. */
function sign(secret: string, id: string, name: string, { content, expires, by }: Terms): string {
  const text = JSON.stringify(['preview-url', id, name, content, expires, by]);
  return createHmac('sha256', secret).update(text).digest('base64url');
}
