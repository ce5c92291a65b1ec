import type { JWTPayload } from 'jose';
import { isCleanText } from './clean-text.js';
import { toOrganizationId } from './organizations.js';
import { toPermissions, type Viewer } from './viewer.js';

/**
 * Who a verified token speaks for: `sub` is the principal, `org` the organization's id, `permissions` (an array) or
 * `scope` (separated by spaces) what it may do. Names that are not permissions of ours are passed over, as a token may be
 * good for several services. Null where a claim is not of its form.
 */
export function readClaims(claims: JWTPayload): Viewer | null {
  const { sub, org, name } = claims;
  const organizationId = typeof org === 'string' ? toOrganizationId(org) : null;
  const names = readPermissions(claims);
  if (!isCleanText(sub) || organizationId === null || !names) return null;
  return {
    principal: { id: sub, kind: 'USER', name: isCleanText(name) ? name : null },
    organizationId,
    permissions: toPermissions(names),
    keyId: null,
  };
}

function readPermissions({ permissions, scope }: JWTPayload): readonly unknown[] | null {
  if (permissions !== undefined) return Array.isArray(permissions) ? permissions : null;
  if (scope === undefined) return [];
  return typeof scope === 'string' ? scope.split(' ') : null;
}
