import type { Faults, Loc } from '../errors.js';
import type { Digests } from './hash-content.js';

/** A digest that the client has computed of its bytes; `hash` is hexadecimal. */
export interface Digest {
  algorithm: 'MD5' | 'SHA256';
  hash: string;
}

const lengths = { MD5: 32, SHA256: 64 } as const;

/** Notes a fault if this is no digest, or not that of the bytes that came; null: there are none to compare it with. */
export function checkDigest(
  faults: Faults,
  { algorithm, hash }: Digest,
  actual: Digests | null,
  loc: Loc = ['input', 'digest', 'hash'],
): void {
  if (hash.length !== lengths[algorithm] || !/^[0-9a-f]+$/i.test(hash)) {
    const msg = `A ${algorithm} digest has ${lengths[algorithm]} hexadecimal digits.`;
    faults.add('invalid_digest', loc, msg);
    return;
  }
  if (actual === null) return;
  const found = algorithm === 'MD5' ? actual.md5 : actual.sha256;
  if (hash.toLowerCase() === found) return;
  faults.add('digest_mismatch', loc, `The ${algorithm} digest of the bytes that came is ${found}.`);
}

/** As a column has it; null without one. */
export const writeDigest = (digest: Digest | null): string | null =>
  digest && `${digest.algorithm}:${digest.hash.toLowerCase()}`;

/** Notes a fault if bytes do not have the digest that `writeDigest` has written. */
export function checkWritten(faults: Faults, written: string | null, actual: Digests): void {
  const [algorithm, hash = ''] = written?.split(':') ?? [];
  if (algorithm === 'MD5' || algorithm === 'SHA256') checkDigest(faults, { algorithm, hash }, actual);
}
