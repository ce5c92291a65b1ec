import type { JWTPayload } from 'jose';
import { isOrganizationId } from '../storage/document-key.js';
import { isCleanText } from './clean-text.js';
import { toPermissions, type Viewer } from './viewer.js';

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Who a verified token speaks for: `sub` is the principal, `org` the organization's id, `permissions` (an array) or
 * `scope` (separated by spaces) what it may do. Names that are not permissions of ours are passed over, as a token may be
 * good for several services. Null where a claim is not of its form.
 */
export function readClaims(claims: JWTPayload): Viewer | null {
  const { sub, org, name } = claims;
  const names = readPermissions(claims);
  if (!isCleanText(sub) || typeof org !== 'string' || !isOrganizationId(org) || !names) return null;
  return {
    principal: { id: sub, kind: 'USER', name: isCleanText(name) ? name : null },
    organizationId: uuid.test(org) ? org.toLowerCase() : org,
    permissions: toPermissions(names),
  };
}

function readPermissions({ permissions, scope }: JWTPayload): readonly unknown[] | null {
  if (permissions !== undefined) return Array.isArray(permissions) ? permissions : null;
  if (scope === undefined) return [];
  return typeof scope === 'string' ? scope.split(' ') : null;
}
