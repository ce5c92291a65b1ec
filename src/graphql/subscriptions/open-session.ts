import { CloseCode } from 'graphql-ws';
import type { KeyRevocations } from '../../auth/api-keys.js';
import type { Admit, Authenticate } from '../../auth/authenticate.js';
import { assertPermitted, subscriptionNeed, type Viewer } from '../../auth/viewer.js';
import { AttachmentError } from '../../errors.js';
import { Places, principalKey, type Release, takeAll } from '../../limits/places.js';
import type { LiveBounds } from './subscription-places.js';

/** A connection, as the transport gives it. */
export interface Connection {
  /** The client's IP address. */
  address: string;
  isOpen(): boolean;
  /** Called once its credential has been found good. */
  identified(): void;
  close(code: number, reason: string): void;
  /** Sends one message of these pieces, after those before it. Resolves once they have left the process, or never will. */
  sendPieces(pieces: readonly Buffer[]): Promise<void>;
  logError(error: unknown): void;
}

/** A connection whose credential has been found good. */
export interface Session {
  viewer: Viewer;
  authorization: string;
  /** The key under which the principal's connections and subscriptions are counted. */
  principal: string;
  release(): void;
}

/** Standard code: come back later. */
const tryAgainLater = 1013;

/** Bounds the connections of each principal, of each organization, and of all, in this process. */
export class ConnectionPlaces {
  readonly #ofPrincipals: Places;
  readonly #ofOrganizations: Places;
  readonly #ofAll: Places;

  constructor({ connectionsOfPrincipal, connectionsOfOrganization, connectionsOfAll }: LiveBounds) {
    this.#ofPrincipals = new Places(connectionsOfPrincipal);
    this.#ofOrganizations = new Places(connectionsOfOrganization);
    this.#ofAll = new Places(connectionsOfAll);
  }

  /** Null if all are taken. */
  take(organizationId: string, principal: string): Release | null {
    return takeAll([
      () => this.#ofPrincipals.take(principal),
      () => this.#ofOrganizations.take(organizationId),
      () => this.#ofAll.take(''),
    ]);
  }
}

interface HoldDependencies {
  revocations: KeyRevocations;
  credentials: CredentialWatch;
  connections: ConnectionPlaces;
}

/**
 * Takes a place for a connection, and ends it once its credential is not good any more. Null past a limit: connections are
 * counted by their principal and organization, however the credential is written. Throws FORBIDDEN.
 */
export function holdSession(
  { revocations, credentials, connections }: HoldDependencies,
  { viewer, authorization }: { viewer: Viewer; authorization: string },
  connection: Connection,
): Session | null {
  assertPermitted(viewer, subscriptionNeed);
  const principal = principalKey(viewer.organizationId, viewer.principal.id);
  const place = connections.take(viewer.organizationId, principal);
  if (!place) return null;
  // As the protocols' clients have it, they may come back with another credential; with this one they will not get in.
  const onRevoked = () => connection.close(CloseCode.Forbidden, 'The credential is not good any more');
  const letGo = credentials.hold(authorization, onRevoked);
  // At once; the watch finds out within seconds about what is not heard.
  const stopListening = revocations.listen((keyId) => {
    if (keyId === viewer.keyId) onRevoked();
  });
  const release = () => {
    for (const each of [stopListening, letGo, place]) each();
  };
  return { viewer, authorization, principal, release };
}

interface ConnectDependencies {
  admit: Admit;
  /** As `holdSession`. */
  hold(found: { viewer: Viewer; authorization: string }, connection: Connection): Session | null;
}

/**
 * Null where the connection has been closed instead: 4401 without a good credential, 4403 where it lacks the permission, 1013
 * past a limit.
 */
export async function openSession(
  { admit, hold }: ConnectDependencies,
  params: Record<string, unknown> | undefined,
  connection: Connection,
): Promise<Session | null> {
  const authorization = readAuthorization(params);
  try {
    const viewer = await admit({ authorization, address: connection.address });
    if (!connection.isOpen()) return null;
    const session = hold({ viewer, authorization }, connection);
    if (session) connection.identified();
    else connection.close(tryAgainLater, 'Too many connections');
    return session;
  } catch (error) {
    refuse(connection, error);
    return null;
  }
}

/** The credential in parameters of a connection, or in headers. The member is found whatever its case, since tools pass their headers on as they were typed. */
export function readAuthorization(params: Record<string, unknown> = {}): string {
  const name = Object.keys(params).find((key) => key.toLowerCase() === 'authorization') ?? '';
  const value = params[name];
  if (typeof value !== 'string') return '';
  // A credential alone, without the scheme that headers have, is one too. Schemes are written in one way.
  const [, scheme = 'Bearer', credential] = /^(?:(Basic|Bearer) +)?(\S+)$/i.exec(value) ?? [];
  if (credential === undefined) return value;
  return `${scheme.toLowerCase() === 'basic' ? 'Basic' : 'Bearer'} ${credential}`;
}

function refuse(connection: Connection, error: unknown): void {
  const code = error instanceof AttachmentError ? error.code : null;
  if (code === 'UNAUTHENTICATED') connection.close(CloseCode.Unauthorized, 'Unauthorized');
  else if (code === 'FORBIDDEN') connection.close(CloseCode.Forbidden, 'Forbidden');
  else {
    if (code !== 'RATE_LIMITED') connection.logError(error);
    connection.close(tryAgainLater, 'Try again later');
  }
}

export interface CredentialWatchDependencies {
  authenticate: Authenticate;
}

/** Told that its credential is good no more. */
export type OnRevoked = () => void;

const intervalMs = 1_000;

/** How many credentials are looked at in one interval. If there are more they take turns, each within so many intervals. */
const checksPerInterval = 100;
const mostIntervals = 10;

/** Holds as long as its credential is good: looks at each every second, at the cost of one look for all holders of it. */
export class CredentialWatch {
  readonly #authenticate: Authenticate;
  /** The credential that was looked at the longest ago comes first. */
  readonly #holders = new Map<string, Set<OnRevoked>>();
  #timer: NodeJS.Timeout | null = null;
  #isChecking = false;

  constructor({ authenticate }: CredentialWatchDependencies) {
    this.#authenticate = authenticate;
  }

  /** Throws UNAUTHENTICATED, FORBIDDEN. */
  async identify(authorization: string): Promise<Viewer> {
    return assertPermitted(await this.#authenticate(authorization), subscriptionNeed);
  }

  /** The result ends it. */
  hold(authorization: string, onRevoked: OnRevoked): () => void {
    const holders = this.#holders.get(authorization) ?? new Set();
    this.#holders.set(authorization, holders.add(onRevoked));
    this.#timer ??= setInterval(() => void this.#check(), intervalMs).unref();
    return () => {
      holders.delete(onRevoked);
      if (holders.size === 0 && this.#holders.get(authorization) === holders) {
        this.#holders.delete(authorization);
      }
      if (this.#holders.size > 0 || this.#timer === null) return;
      clearInterval(this.#timer);
      this.#timer = null;
    };
  }

  /** Tells all holders of a credential that is good no more, and then throws as `identify` does. */
  async assertStillGood(authorization: string): Promise<void> {
    try {
      await this.identify(authorization);
    } catch (error) {
      if (isBad(error)) for (const onRevoked of [...(this.#holders.get(authorization) ?? [])]) onRevoked();
      throw error;
    }
  }

  async #check(): Promise<void> {
    if (this.#isChecking) return;
    this.#isChecking = true;
    const checks = Math.max(checksPerInterval, Math.ceil(this.#holders.size / mostIntervals));
    const due = [...this.#holders.keys()].slice(0, checks);
    // Together: one whose issuer does not answer keeps none of the others. A check that fails now is made again the next time.
    await Promise.allSettled(due.map((authorization) => this.assertStillGood(authorization)));
    for (const authorization of due) {
      const holders = this.#holders.get(authorization);
      if (!holders) continue;
      this.#holders.delete(authorization);
      this.#holders.set(authorization, holders);
    }
    this.#isChecking = false;
  }
}

/** A database that cannot be asked does not make a credential a bad one. */
function isBad(error: unknown): boolean {
  return error instanceof AttachmentError && error.status < 500;
}
