import { errors } from 'jose';
import { AttachmentError, type FaultTypeOf } from '../errors.js';

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
export function toTokenRefusal(error: unknown): TokenRefusal | null {
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
