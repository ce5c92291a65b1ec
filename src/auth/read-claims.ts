import type { JWTPayload } from 'jose';
import { isCleanText } from './clean-text.js';
import { toOrganizationId } from './organizations.js';
import { TokenRefusal } from './token-refusal.js';
import { toPermissions, type Viewer } from './viewer.js';

/**
 * Who a verified token speaks for: `sub` is the principal, `org` the organization's id, `permissions` (an array) or
 * `scope` (separated by spaces) what it may do. Names that are not permissions of ours are passed over, as a token may be
 * good for several services. Throws TokenRefusal for a claim that is not of its form.
 */
export function readClaims(claims: JWTPayload): Viewer {
  const { sub, org, name } = claims;
  const organizationId = typeof org === 'string' ? toOrganizationId(org) : null;
  const names = readPermissions(claims);
  if (!isCleanText(sub)) throw new TokenRefusal('token_claim_invalid', { claim: 'sub' });
  if (organizationId === null) throw new TokenRefusal('token_claim_invalid', { claim: 'org' });
  return {
    principal: { id: sub, kind: 'USER', name: isCleanText(name) ? name : null },
    organizationId,
    permissions: toPermissions(names),
    keyId: null,
  };
}

function readPermissions({ permissions, scope }: JWTPayload): readonly unknown[] {
  if (permissions !== undefined) {
    if (Array.isArray(permissions)) return permissions;
    throw new TokenRefusal('token_claim_invalid', { claim: 'permissions' });
  }
  if (scope === undefined) return [];
  if (typeof scope === 'string') return scope.split(' ');
  throw new TokenRefusal('token_claim_invalid', { claim: 'scope' });
}
