import type { Faults } from '../faults.js';
import type { Intake } from './intake.js';

/** What a client has computed of the bytes it sends; `hash` is hexadecimal. */
export interface Digest {
  algorithm: 'MD5' | 'SHA256';
  hash: string;
}

const lengths = { MD5: 32, SHA256: 64 } as const;

/** Notes a fault if `input.digest` is no digest, or not that of the bytes that came; null: there are none to compare it with. */
export function checkDigest(faults: Faults, { algorithm, hash }: Digest, intake: Intake | null): void {
  const loc = ['input', 'digest', 'hash'];
  if (hash.length !== lengths[algorithm] || !/^[0-9a-f]+$/i.test(hash)) {
    const msg = `A ${algorithm} digest has ${lengths[algorithm]} hexadecimal digits.`;
    faults.add('BAD_USER_INPUT', loc, 'invalid_digest', msg);
    return;
  }
  if (intake === null) return;
  const actual = algorithm === 'MD5' ? intake.md5 : intake.sha256;
  if (hash.toLowerCase() === actual) return;
  faults.add(
    'DIGEST_MISMATCH',
    loc,
    'digest_mismatch',
    `The ${algorithm} digest of the bytes that came is ${actual}.`,
  );
}
