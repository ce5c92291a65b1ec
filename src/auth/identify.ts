import { createHash } from 'node:crypto';
import type { JWTPayload } from 'jose';
import type { EntityManager } from 'typeorm';
import { createBoundedCache } from '../bounded-cache.js';
import type { Database } from '../database/database.js';
import { OrganizationRow, PrincipalRow } from '../database/entities/organization.js';
import { insertRow } from '../database/insert-row.js';
import { toId } from '../database/typeorm.js';
import { newId } from '../new-id.js';
import { isOrganizationId } from '../storage/document-key.js';
import type { Identify } from './authenticate.js';
import { clockSkewSeconds, TokenRefusal, type VerifyToken } from './verify-token.js';
import { toPermissions, type Viewer } from './viewer.js';

/** How long a token's signature counts as verified, unless it expires before. */
const cacheMs = 60_000;

interface KnownToken {
  viewer: Viewer;
  expiresAt: number;
}

interface IdentityDependencies {
  verify: VerifyToken;
  ensureUser: EnsureUser;
  clock: () => Date;
}

/** The viewer of a JSON Web Token. Throws TokenRefusal for one that is no good. */
export function createIdentifyToken({ verify, ensureUser, clock }: IdentityDependencies): Identify {
  const cache = createBoundedCache<KnownToken>(10_000, { ttl: cacheMs });
  return async (token) => {
    const hash = createHash('sha256').update(token).digest('base64url');
    const known = cache.get(hash);
    if (known && known.expiresAt > clock().getTime()) return known.viewer;
    const claims = await verify(token);
    const viewer = readClaims(claims);
    await ensureUser(viewer);
    cache.set(hash, { viewer, expiresAt: expiryOf(claims) });
    return viewer;
  };
}

function expiryOf({ exp = 0 }: JWTPayload): number {
  return (exp + clockSkewSeconds) * 1_000;
}

/**
 * Who a verified token speaks for: `sub` is the principal, `org` the organization's id, `permissions`, `scope` or `scp` what it
 * may do. Names that are not permissions of ours are passed over, as a token may be good for several services. Throws
 * TokenRefusal for a claim that is not of its form.
 */
function readClaims(claims: JWTPayload): Viewer {
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

/** Issuers differ in which of these they write, and each of them in how. The first that is there counts alone. */
const permissionClaims = ['permissions', 'scope', 'scp'] as const;

function readPermissions(claims: JWTPayload): readonly unknown[] {
  const claim = permissionClaims.find((name) => (claims[name] ?? null) !== null);
  if (claim === undefined) return [];
  const names = claims[claim];
  const listed: unknown[] | null = Array.isArray(names) ? names : typeof names === 'string' ? [names] : null;
  if (listed === null) throw new TokenRefusal('token_claim_invalid', { claim });
  // Some issuers put a text of several words into an array.
  return listed.flatMap((words) => (typeof words === 'string' ? words.split(/\s+/) : [words]));
}

export interface EnsureUserDependencies {
  database: Database;
  clock: () => Date;
  /** Whether a token makes the organization that it names. Otherwise there must be one. */
  createOrganizations: boolean;
  /** Told of an organization that a token has made. */
  onOrganizationMade(organizationId: string): void;
}

/** Makes the rows of users, and perhaps of their organizations, at first sight. Throws TokenRefusal if that cannot be. */
export type EnsureUser = (viewer: Viewer) => Promise<void>;

/** Those met lately are remembered, so that meeting them again costs nothing. */
export function createEnsureUser(deps: EnsureUserDependencies): EnsureUser {
  const met = createBoundedCache<{ name: string | null }>(10_000);
  return async (viewer) => {
    const { organizationId, principal } = viewer;
    const who = JSON.stringify([organizationId, principal.id]);
    const known = met.get(who);
    if (known && (principal.name === null || principal.name === known.name)) return;
    if (await writeRows(deps, viewer)) deps.onOrganizationMade(organizationId);
    met.set(who, { name: principal.name });
  };
}

/** Returns whether the organization is new. */
async function writeRows(
  { database, clock, createOrganizations }: EnsureUserDependencies,
  { organizationId, principal: { id, name } }: Viewer,
): Promise<boolean> {
  return database.write(async (manager) => {
    const isNew = !(await manager.existsBy(OrganizationRow, { id: organizationId }));
    if (isNew && !createOrganizations) throw new TokenRefusal('token_organization_unknown');
    const organization = { id: organizationId, name: organizationId, createdAt: clock() };
    if (isNew) await insertRow(manager, OrganizationRow, organization, { orIgnore: true });
    const user = { organizationId, id, kind: 'USER' } as const;
    await insertRow(manager, PrincipalRow, { ...user, name }, { orIgnore: true });
    if (name !== null) await manager.update(PrincipalRow, user, { name });
    // The id of a service account, which no token has.
    if (!(await manager.existsBy(PrincipalRow, user))) throw new TokenRefusal('token_service_account');
    return isNew;
  });
}

/** The id of the organization that somebody else calls by this text, the same as a claim and on the command line; null where it cannot be one. */
function toOrganizationId(text: string): string | null {
  return isOrganizationId(text) ? toId(text) : null;
}

/**
 * The id of the principal that a filter means: a service account's is a UUID, and the same in capitals, a user's is whatever the
 * issuer of their tokens calls them.
 */
export async function toPrincipalId(
  read: EntityManager,
  organizationId: string,
  given: string,
): Promise<string> {
  const id = toId(given);
  if (id === given) return id;
  return (await read.existsBy(PrincipalRow, { organizationId, id: given })) ? given : id;
}

/** The organization of this id, else the one of this name; the oldest where nothing is said. Throws where several have the name. */
export async function findOrganization(
  read: EntityManager,
  nameOrId: string | null,
): Promise<OrganizationRow | null> {
  if (nameOrId === null) {
    const [oldest] = await read.find(OrganizationRow, { order: { createdAt: 'ASC', id: 'ASC' }, take: 1 });
    return oldest ?? null;
  }
  const byId = await read.findOneBy(OrganizationRow, { id: toOrganizationId(nameOrId) ?? nameOrId });
  if (byId) return byId;
  const [found, other] = await read.find(OrganizationRow, { where: { name: nameOrId }, take: 2 });
  if (other) throw new Error(`Several organizations are called ${nameOrId}: name one by its id.`);
  return found ?? null;
}

/** Its id is its name, so that tokens can name it, or a new UUID where the name is no id. Throws where it is no name either. */
export async function createOrganization(
  manager: EntityManager,
  name: string,
  createdAt: Date,
): Promise<OrganizationRow> {
  assertOrganizationName(name);
  const organization = { id: toOrganizationId(name) ?? newId(), name, createdAt };
  await insertRow(manager, OrganizationRow, organization);
  return organization;
}

export function assertOrganizationName(name: string): void {
  if (isCleanText(name)) return;
  throw new Error("An organization's name must be 1 to 255 characters, without control characters.");
}

export const maxTextLength = 255;

const pattern = /^[^\p{Cc}\p{Cs}]{1,255}$/u;

/** 1 to 255 characters, no controls, not only spaces: fit for a name or an id in any table, log or terminal. */
export function isCleanText(value: unknown): value is string {
  return typeof value === 'string' && pattern.test(value) && value.trim() !== '';
}
