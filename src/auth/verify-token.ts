import {
  createRemoteJWKSet,
  decodeProtectedHeader,
  type JWTPayload,
  type JWTVerifyOptions,
  jwtVerify,
} from 'jose';
import { type AttachmentError, fault } from '../errors.js';
import { TokenRefusal, toTokenRefusal } from './token-refusal.js';

/** How the tokens that are taken are signed, by whom, and for whom. */
export interface TokenSettings {
  /** One shared secret (HS256), or the address of public keys. */
  key: { secret: string } | { jwksUrl: string };
  /** Null: not looked at. */
  issuer: string | null;
  audience: string | null;
}

export interface TokenDependencies {
  clock: () => Date;
  /** Told where the public keys could not be used, so that no token can be verified. */
  onKeysUnusable(error: unknown): void;
}

/** Seconds that an issuer's clock may differ from ours. */
export const clockSkewSeconds = 60;

/** When a token is worth another try while the keys cannot be fetched. */
const retryAfterSeconds = 5;

/** Never both kinds at once: a public key must not be taken for a shared secret. */
const algorithms = { secret: ['HS256'], jwks: ['RS256', 'PS256', 'ES256', 'EdDSA'] };

/** Members of a header that would choose the key, or ask for what is not done here. */
const refusedMembers = ['crit', 'jwk', 'jku', 'x5u', 'b64'];

const jwksOptions = {
  timeoutDuration: 5_000,
  /** A key that is not known is looked for again at once, but not more often than this. */
  cooldownDuration: 1_000,
  cacheMaxAge: 600_000,
};

/**
 * The claims of a good token. Throws TokenRefusal for any other, and AUTHORIZER_UNAVAILABLE while the keys cannot be fetched:
 * a token that nobody can verify is neither good nor bad.
 */
export type VerifyToken = (token: string) => Promise<JWTPayload>;

export function createTokenVerifier(settings: TokenSettings, deps: TokenDependencies): VerifyToken {
  const { key, issuer, audience } = settings;
  const options: JWTVerifyOptions = {
    clockTolerance: clockSkewSeconds,
    requiredClaims: ['exp', 'sub', 'org'],
    ...(issuer === null ? {} : { issuer }),
    ...(audience === null ? {} : { audience }),
  };
  const verify = 'secret' in key ? withSecret(key.secret) : withJwks(key.jwksUrl);
  return async (token) => {
    if (!isCanonical(token)) throw new TokenRefusal('token_malformed');
    try {
      return await verify(token, { ...options, currentDate: deps.clock() });
    } catch (error) {
      const refusal = toTokenRefusal(error);
      if (refusal) throw refusal;
      deps.onKeysUnusable(error);
      throw keysUnavailable(error);
    }
  };
}

function keysUnavailable(cause: unknown): AttachmentError {
  const msg = 'The keys to verify tokens with cannot be had at the moment.';
  const options = { message: msg, retryAfterSeconds, cause };
  return fault('token_keys_unavailable', ['headers', 'authorization'], msg, options);
}

type Verify = (token: string, options: JWTVerifyOptions) => Promise<JWTPayload>;

function withSecret(secret: string): Verify {
  const key = new TextEncoder().encode(secret);
  return async (token, options) => {
    const allowed = { ...options, algorithms: algorithms.secret };
    return (await jwtVerify(assertPlainHeader(token), key, allowed)).payload;
  };
}

function withJwks(url: string): Verify {
  const keys = createRemoteJWKSet(new URL(url), jwksOptions);
  return async (token, options) => {
    const allowed = { ...options, algorithms: algorithms.jwks };
    return (await jwtVerify(assertPlainHeader(token), keys, allowed)).payload;
  };
}

function assertPlainHeader(token: string): string {
  const header = readHeader(token);
  const refused = refusedMembers.find((member) => Object.hasOwn(header, member));
  if (refused !== undefined) throw new TokenRefusal('token_header');
  return token;
}

function readHeader(token: string): object {
  try {
    return decodeProtectedHeader(token);
  } catch (cause) {
    throw new TokenRefusal('token_malformed', { cause });
  }
}

/** Base64url has spare bits at its end: without this check a token could be altered there and still be good. */
function isCanonical(token: string): boolean {
  return token.split('.').every((part) => Buffer.from(part, 'base64url').toString('base64url') === part);
}
