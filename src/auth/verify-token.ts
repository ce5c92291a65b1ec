import {
  createRemoteJWKSet,
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  type JWTVerifyOptions,
  jwtVerify,
} from 'jose';

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

/** The claims of a good token, null for any other. Keys that cannot be fetched make every token a bad one. */
export type VerifyToken = (token: string) => Promise<JWTPayload | null>;

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
    if (!isCanonical(token)) return null;
    try {
      return await verify(token, { ...options, currentDate: deps.clock() });
    } catch (error) {
      if (!isTokensOwnFault(error)) deps.onKeysUnusable(error);
      return null;
    }
  };
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
  if (refused !== undefined) throw new errors.JWSInvalid(`The header has ${refused}.`);
  return token;
}

function readHeader(token: string): object {
  try {
    return decodeProtectedHeader(token);
  } catch (cause) {
    throw new errors.JWSInvalid('The header cannot be read.', { cause });
  }
}

/** Base64url has spare bits at its end: without this check a token could be altered there and still be good. */
function isCanonical(token: string): boolean {
  return token.split('.').every((part) => Buffer.from(part, 'base64url').toString('base64url') === part);
}

const tokensOwnFaults = [
  errors.JWTInvalid,
  errors.JWTExpired,
  errors.JWTClaimValidationFailed,
  errors.JWSInvalid,
  errors.JWSSignatureVerificationFailed,
  errors.JOSEAlgNotAllowed,
  errors.JOSENotSupported,
  errors.JWKSNoMatchingKey,
  errors.JWKSMultipleMatchingKeys,
];

function isTokensOwnFault(error: unknown): boolean {
  return tokensOwnFaults.some((kind) => error instanceof kind);
}
