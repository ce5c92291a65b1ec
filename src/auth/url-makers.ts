import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import { parse, stringify } from 'uuid';
import type { Viewer } from './viewer.js';

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

/** For what `writeMaker` has written under this secret, which a signature vouches for; null for what is of no such form. */
export function readMaker(secret: string, written: string): UrlMaker | null {
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
