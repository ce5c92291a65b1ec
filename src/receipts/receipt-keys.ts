import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import * as z from 'zod';
import { keepSecret, replaceSecret } from '../auth/secrets.js';
import { ConfigError } from '../config/config.js';
import { readSmallFile } from '../config/files.js';
import { whileLocked } from '../database/file-lock.js';

/** The name of the file in DATA_DIR. */
export const receiptKeysFile = 'receipt-keys.json';

/** A JSON Web Key of Ed25519 (RFC 8037); `d`, the private part, only where it signs. */
const jsonWebKey = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: z.string().regex(/^[\w-]{43}$/),
  d: z
    .string()
    .regex(/^[\w-]{43}$/)
    .optional(),
});

const keySet = z.object({ keys: z.array(jsonWebKey).min(1).max(1_000) });

type JsonWebKey = z.infer<typeof jsonWebKey>;

/** A key that verifies receipts, as `/.well-known/jwks.json` shows it. */
export interface PublicKey {
  kty: 'OKP';
  crv: 'Ed25519';
  x: string;
  kid: string;
  use: 'sig';
  alg: 'EdDSA';
}

export interface ReceiptKeys {
  /** The private key that signs, and its name. */
  current: { kid: string; key: KeyObject };
  /** All that verify, the current one first. */
  known: readonly PublicKey[];
}

/** The keys of this JWK set. The first signs and must have its private part. Throws for anything else. */
function parseReceiptKeys(text: string): ReceiptKeys {
  const { keys } = keySet.parse(JSON.parse(text));
  const [key] = keys;
  if (key?.d === undefined) throw new Error('The first key has no private part.');
  const { kty, crv, x, d } = key;
  const privateKey = createPrivateKey({ key: { kty, crv, x, d }, format: 'jwk' });
  return { current: { kid: thumbprint(key), key: privateKey }, known: keys.map(toPublic) };
}

/** The public keys in a file with a JWK set, as this service or another one shows it. Throws an Error that names the file. */
export async function readPublicKeys(path: string): Promise<PublicKey[]> {
  const text = await readSmallFile(path);
  try {
    return keySet.parse(JSON.parse(text)).keys.map(toPublic);
  } catch (cause) {
    throw new Error(`${path} is no JWK set of Ed25519 keys`, { cause });
  }
}

/** The keys kept in the data directory; made the first time. Throws, naming the file, for one that is damaged. */
export async function keepReceiptKeys(dataDirectory: string): Promise<ReceiptKeys> {
  const make = () => JSON.stringify({ keys: [createKey()] });
  return parseReceiptKeys(await keepSecret(dataDirectory, receiptKeysFile, { make, isGood }));
}

/** The keys in a file of the operator's. Throws ConfigError, naming the file. */
export async function readReceiptKeys(path: string): Promise<ReceiptKeys> {
  const text = await readSmallFile(path).catch((cause: Error) => {
    throw new ConfigError([`RECEIPT_KEYS_FILE: ${cause.message}`], { cause });
  });
  try {
    return parseReceiptKeys(text);
  } catch (cause) {
    const fault = 'is no JWK set of Ed25519 keys whose first one has its private part';
    throw new ConfigError([`RECEIPT_KEYS_FILE: ${path} ${fault}`], { cause });
  }
}

/**
 * Puts a new key before those in the file. Of the others only the public part stays: they verify and sign no more. Rotations at
 * once, in any number of processes, come one after the other. Resolves with the new key's name.
 */
export async function rotateReceiptKeys(dataDirectory: string): Promise<string> {
  const busy = 'Another rotation does not come to its end.';
  return whileLocked(join(dataDirectory, `${receiptKeysFile}.lock`), { waitMs: 60_000, busy }, async () => {
    const { known } = await keepReceiptKeys(dataDirectory);
    const key = createKey();
    await replaceSecret(dataDirectory, receiptKeysFile, JSON.stringify({ keys: [key, ...known] }));
    return thumbprint(key);
  });
}

function isGood(text: string): boolean {
  try {
    parseReceiptKeys(text);
    return true;
  } catch {
    return false;
  }
}

function createKey(): JsonWebKey {
  return jsonWebKey.parse(generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }));
}

function toPublic({ kty, crv, x }: JsonWebKey): PublicKey {
  return { kty, crv, x, kid: thumbprint({ kty, crv, x }), use: 'sig', alg: 'EdDSA' };
}

/** RFC 7638: the same key has the same name everywhere. */
function thumbprint({ crv, kty, x }: Pick<JsonWebKey, 'crv' | 'kty' | 'x'>): string {
  return createHash('sha256').update(JSON.stringify({ crv, kty, x })).digest('base64url');
}
