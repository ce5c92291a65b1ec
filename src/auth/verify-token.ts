import {
  createRemoteJWKSet,
  customFetch,
  decodeJwt,
  decodeProtectedHeader,
  errors,
  type FetchImplementation,
  type JWTPayload,
  type JWTVerifyOptions,
  jwtVerify,
} from 'jose';
import { AttachmentError, type FaultTypeOf, fault } from '../errors.js';

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

/** Bytes that the public keys may have together. */
const maxKeysSize = 1024 * 1024;

const jwksOptions = {
  timeoutDuration: 5_000,
  /** A key that is not known is looked for again at once, but not more often than this. */
  cooldownDuration: 1_000,
  cacheMaxAge: 600_000,
  [customFetch]: fetchKeys,
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
      // Whoever has signed it: it must not outlive its end while the keys are away.
      if (isOver(token, deps.clock())) throw new TokenRefusal('token_expired', { cause: error });
      deps.onKeysUnusable(error);
      throw keysUnavailable(error);
    }
  };
}

function isOver(token: string, now: Date): boolean {
  try {
    const { exp } = decodeJwt(token);
    return typeof exp === 'number' && (exp + clockSkewSeconds) * 1_000 <= now.getTime();
  } catch {
    return false;
  }
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

/** `jose` would read an answer of any size into memory. */
async function fetchKeys(...[url, options]: Parameters<FetchImplementation>): Promise<Response> {
  const answer = await fetch(url, options);
  if (answer.status !== 200) return answer;
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const piece of answer.body ?? []) {
    size += piece.byteLength;
    if (size > maxKeysSize) throw new Error(`The keys have more than ${maxKeysSize} bytes.`);
    pieces.push(piece);
  }
  return new Response(new Blob(pieces));
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

/** Why a token is refused, by the `type` of the fault. Nothing of the token itself is repeated, but for the names of claims. */
const reasons = {
  token_malformed: 'The token is not a well-formed JSON Web Token.',
  token_too_long: 'The token is too long.',
  token_header: 'The header of the token asks for what is not supported.',
  token_algorithm: 'The algorithm of the token is not accepted.',
  token_key_unknown: 'The key of the token is not known.',
  token_signature: 'The signature of the token is not valid.',
  token_expired: 'The token has expired.',
  token_early: 'The token is not valid yet.',
  token_issuer: 'The token is of another issuer.',
  token_audience: 'The token is for another audience.',
  token_claim_missing: 'The token lacks a claim: ',
  token_claim_invalid: 'A claim of the token is not valid: ',
  token_organization_unknown: 'The organization of the token is not known here.',
  token_service_account: 'The token names a service account, which has keys.',
} as const satisfies Record<TokenFault, string>;

export type TokenFault = FaultTypeOf<'UNAUTHENTICATED'>;

/** A token that is no good; as UNAUTHENTICATED it says why, in the answer and by RFC 6750 in `WWW-Authenticate`. */
export class TokenRefusal extends AttachmentError {
  readonly reason: string;

  /** `claim` is the name of the claim that is meant, if one is. */
  constructor(
    readonly fault: TokenFault,
    { claim, cause }: { claim?: string; cause?: unknown } = {},
  ) {
    const reason = claim === undefined ? reasons[fault] : `${reasons[fault]}${claim}.`;
    super('UNAUTHENTICATED', {
      details: [{ loc: ['headers', 'authorization'], msg: reason, type: fault }],
      challengeParameters: { error: 'invalid_token', error_description: reason },
      cause,
    });
    this.reason = reason;
  }
}

/** The refusal for an error of `jose`; null if the token is not to blame, as for keys that cannot be fetched. */
function toTokenRefusal(error: unknown): TokenRefusal | null {
  if (error instanceof TokenRefusal) return error;
  if (error instanceof errors.JWTExpired) return new TokenRefusal('token_expired', { cause: error });
  if (error instanceof errors.JWTClaimValidationFailed) return claimRefusal(error);
  const fault = faultKinds.find(([kind]) => error instanceof kind)?.[1];
  return fault === undefined ? null : new TokenRefusal(fault, { cause: error });
}

const faultKinds = [
  [errors.JWSSignatureVerificationFailed, 'token_signature'],
  [errors.JOSEAlgNotAllowed, 'token_algorithm'],
  [errors.JWKSNoMatchingKey, 'token_key_unknown'],
  [errors.JWKSMultipleMatchingKeys, 'token_key_unknown'],
  [errors.JOSENotSupported, 'token_header'],
  [errors.JWTInvalid, 'token_malformed'],
  [errors.JWSInvalid, 'token_malformed'],
] as const;

/** The claims that are looked at; a name that comes from elsewhere is not repeated. */
const knownClaims = ['exp', 'nbf', 'iat', 'iss', 'aud', 'sub', 'org'];

function claimRefusal(cause: errors.JWTClaimValidationFailed): TokenRefusal {
  const claim = knownClaims.find((name) => name === cause.claim) ?? 'unknown';
  if (cause.reason === 'missing') return new TokenRefusal('token_claim_missing', { claim, cause });
  if (claim === 'iss') return new TokenRefusal('token_issuer', { cause });
  if (claim === 'aud') return new TokenRefusal('token_audience', { cause });
  if (claim === 'nbf' && cause.reason === 'check_failed') return new TokenRefusal('token_early', { cause });
  return new TokenRefusal('token_claim_invalid', { claim, cause });
}
