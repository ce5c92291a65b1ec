import { CompactSign } from 'jose';
import { z } from 'zod';
import type { ReceiptKeys } from './receipt-keys.js';

/** The type of the JWS in its header. */
export const erasureType = 'claimcheck-erasure+jws';

export const erasureContents = z.object({
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

/** Signs a statement as a compact JWS (RFC 7515) by EdDSA. */
export function signErasure(
  { current: { kid, key } }: ReceiptKeys,
  contents: ErasureContents,
): Promise<string> {
  const payload = Buffer.from(JSON.stringify(contents));
  return new CompactSign(payload).setProtectedHeader({ alg: 'EdDSA', kid, typ: erasureType }).sign(key);
}
