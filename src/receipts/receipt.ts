import { createPublicKey } from 'node:crypto';
import { CompactSign, compactVerify, decodeProtectedHeader, errors } from 'jose';
import * as z from 'zod';
import type { StoredAttachment } from '../model/stored-attachment.js';
import type { PublicKey, ReceiptKeys } from './receipt-keys.js';

const type = 'claimcheck-receipt+jws';

const contents = z.object({
  /** The service's public URL. */
  iss: z.string(),
  /** Seconds since 1970 at which the receipt was signed. */
  iat: z.number(),
  /** `stored`: it was kept then. `deleted`: it was kept until then. `trashed`: it can be restored until `expiresAt`. */
  event: z.enum(['stored', 'deleted', 'trashed']),
  attachment: z.object({
    id: z.string(),
    organizationId: z.string(),
    fileName: z.string(),
    /** Bytes. */
    size: z.number(),
    contentType: z.string(),
    /** Lowercase hexadecimal, as is `md5`. */
    sha256: z.string(),
    md5: z.string(),
    createdAt: z.string(),
  }),
  /** Only a deletion has these; the second is the id of a principal. */
  deletedAt: z.string().optional(),
  deletedBy: z.string().optional(),
  expiresAt: z.string().optional(),
});

/** The claims of a receipt; times are ISO 8601 in UTC. */
export type ReceiptContents = z.infer<typeof contents>;

export interface ReceiptSigner {
  stored(stored: StoredAttachment): Promise<string>;
  deleted(stored: StoredAttachment, deletion: SignedDeletion): Promise<string>;
}

interface SignedDeletion {
  at: Date;
  /** The end of its days in the trash; null if it is gone. */
  expiresAt: Date | null;
  /** The id of a principal. */
  by: string;
}

interface SignerOptions {
  keys: ReceiptKeys;
  publicUrl: () => string;
  clock: () => Date;
}

/** Signs receipts as compact JWS (RFC 7515) by EdDSA. */
export function createReceiptSigner({ keys, publicUrl, clock }: SignerOptions): ReceiptSigner {
  const { kid, key } = keys.current;
  const sign = async (claims: Omit<ReceiptContents, 'iss' | 'iat'>) => {
    const iat = Math.floor(clock().getTime() / 1_000);
    const payload = Buffer.from(JSON.stringify({ iss: publicUrl(), iat, ...claims }));
    return new CompactSign(payload).setProtectedHeader({ alg: 'EdDSA', kid, typ: type }).sign(key);
  };
  return {
    stored: (stored) => sign({ event: 'stored', attachment: describe(stored) }),
    deleted: (stored, { at, expiresAt, by }) =>
      sign({
        event: expiresAt === null ? 'deleted' : 'trashed',
        attachment: describe(stored),
        deletedAt: at.toISOString(),
        deletedBy: by,
        expiresAt: expiresAt?.toISOString(),
      }),
  };
}

function describe({ attachment, blob }: StoredAttachment): ReceiptContents['attachment'] {
  const { id, organizationId, fileName, size, contentType, createdAt } = attachment;
  const { sha256, md5 } = blob;
  return {
    id,
    organizationId,
    fileName,
    size,
    contentType,
    sha256,
    md5,
    createdAt: createdAt.toISOString(),
  };
}

export type ReceiptVerdict =
  | { verdict: 'valid'; contents: ReceiptContents | ErasureContents }
  /** The signature is not of what is signed, or the text is no receipt. */
  | { verdict: 'tampered' }
  /** None of the keys has the name that the receipt says. */
  | { verdict: 'unknown'; kid: string };

/** Verifies a receipt, or the statement about an erasure, by these keys alone, without the service. Never throws for what the text holds. */
export async function verifyReceipt(text: string, known: readonly PublicKey[]): Promise<ReceiptVerdict> {
  const header = readHeader(text);
  if (header === null) return { verdict: 'tampered' };
  const { kid, form } = header;
  const key = known.find((one) => one.kid === kid);
  if (!key) return { verdict: 'unknown', kid };
  try {
    const { payload } = await compactVerify(text, createPublicKey({ key: { ...key }, format: 'jwk' }), {
      algorithms: ['EdDSA'],
    });
    const parsed = form.safeParse(JSON.parse(Buffer.from(payload).toString('utf8')));
    return parsed.success ? { verdict: 'valid', contents: parsed.data } : { verdict: 'tampered' };
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof SyntaxError) return { verdict: 'tampered' };
    throw error;
  }
}

/** The type of the JWS in its header. */
const erasureType = 'claimcheck-erasure+jws';

const erasureContents = z.object({
  /** The service's public URL, if it has a fixed one. */
  iss: z.string(),
  /** Seconds since 1970 at which the statement was signed. */
  iat: z.number(),
  event: z.literal('erased'),
  organization: z.object({ id: z.string(), name: z.string() }),
  /** The id of the principal, and what stands in its place from then on. */
  principal: z.string(),
  pseudonym: z.string(),
  /** Deleted for good. Their bytes are removed within minutes, unless other attachments share them. */
  gone: z.object({
    attachments: z.array(z.object({ id: z.string(), size: z.number(), sha256: z.string() })),
    uploads: z.number(),
    idempotencyKeys: z.number(),
  }),
  /** Revoked: they open nothing any more. */
  ended: z.object({ shareLinks: z.number(), apiKeys: z.number() }),
  /** Rows that stay under the pseudonym, and why. */
  stays: z.array(z.object({ kind: z.string(), count: z.number(), because: z.string() })),
});

/** The claims of a statement about an erasure. */
export type ErasureContents = z.infer<typeof erasureContents>;

const forms = new Map<string, typeof contents | typeof erasureContents>([
  [type, contents],
  [erasureType, erasureContents],
]);

/** The name of the key, and the form of the claims by what the text says it is. */
function readHeader(text: string) {
  try {
    const { kid, typ } = decodeProtectedHeader(text);
    const form = forms.get(typ ?? '');
    return form && typeof kid === 'string' ? { kid, form } : null;
  } catch {
    return null;
  }
}

/** Signs a statement as a compact JWS (RFC 7515) by EdDSA. */
export function signErasure(
  { current: { kid, key } }: ReceiptKeys,
  contents: ErasureContents,
): Promise<string> {
  const payload = Buffer.from(JSON.stringify(contents));
  return new CompactSign(payload).setProtectedHeader({ alg: 'EdDSA', kid, typ: erasureType }).sign(key);
}
