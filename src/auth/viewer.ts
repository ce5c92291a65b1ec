export const permissions = [
  'attachments:read',
  'attachments:write',
  'attachments:admin',
  'keys:admin',
] as const;

export type Permission = (typeof permissions)[number];

/** A user or a service account, as the service knows it. Ids are unique within an organization. */
export interface Principal {
  id: string;
  kind: 'USER' | 'SERVICE';
  name: string | null;
}

/** Who asks, for which organization, and what the credential permits. */
export interface Viewer {
  principal: Principal;
  organizationId: string;
  permissions: ReadonlySet<Permission>;
  /** The API key that speaks; null for a JSON Web Token. */
  keyId: string | null;
}

/** Those of `names` that are permissions. */
export function toPermissions(names: readonly unknown[]): ReadonlySet<Permission> {
  return new Set(permissions.filter((permission) => names.includes(permission)));
}
