import { type DocumentNode, GraphQLError } from 'graphql';
import { fault } from '../../errors.js';
import { Places, type Release, takeAll } from '../../limits/places.js';
import { weighDocument } from '../screen-operation.js';

const mebibyte = 1024 * 1024;

/** How much may be live at once in one process. */
export interface LiveBounds {
  connectionsOfPrincipal: number;
  connectionsOfOrganization: number;
  connectionsOfAll: number;
  subscriptionsOfPrincipal: number;
  subscriptionsOfOrganization: number;
  /** Bytes of memory for what the subscriptions of an organization, and all, keep while they last. */
  bytesOfOrganization: number;
  bytesOfAll: number;
}

export const usualLiveBounds: LiveBounds = {
  connectionsOfPrincipal: 1_000,
  connectionsOfOrganization: 5_000,
  connectionsOfAll: 10_000,
  subscriptionsOfPrincipal: 10_000,
  subscriptionsOfOrganization: 20_000,
  bytesOfOrganization: 64 * mebibyte,
  bytesOfAll: 256 * mebibyte,
};

/** Bytes that a subscription keeps beside its message and its document. */
const ownBytes = 2_000;

/** A subscription and its owner. */
export interface Asked {
  organizationId: string;
  principal: string;
  payload: { query: string; variables?: Readonly<Record<string, unknown>> | null | undefined };
  document: DocumentNode;
}

/** Subscriptions of one organization with the same document, which is kept once. */
interface Sharers {
  count: number;
  release: Release;
}

/** Bounds the subscriptions of each principal and organization in this process, and the memory that they keep. */
export class SubscriptionPlaces {
  readonly #bounds: LiveBounds;
  readonly #ofPrincipals: Places;
  readonly #ofOrganizations: Places;
  readonly #bytesOfOrganizations: Places;
  readonly #bytesOfAll: Places;
  readonly #sharers = new WeakMap<DocumentNode, Map<string, Sharers>>();

  constructor(bounds: LiveBounds) {
    this.#bounds = bounds;
    this.#ofPrincipals = new Places(bounds.subscriptionsOfPrincipal);
    this.#ofOrganizations = new Places(bounds.subscriptionsOfOrganization);
    this.#bytesOfOrganizations = new Places(bounds.bytesOfOrganization);
    this.#bytesOfAll = new Places(bounds.bytesOfAll);
  }

  /** An error if a limit is passed. */
  take({ organizationId, principal, payload, document }: Asked): Release | GraphQLError {
    const { subscriptionsOfPrincipal, subscriptionsOfOrganization, bytesOfOrganization } = this.#bounds;
    // Errors cost more than all of this.
    let passed: [limit: number, what: string] = [subscriptionsOfPrincipal, 'subscriptions of one principal'];
    const places = takeAll([
      () => this.#ofPrincipals.take(principal),
      () => {
        passed = [subscriptionsOfOrganization, 'subscriptions of one organization'];
        return this.#ofOrganizations.take(organizationId);
      },
      () => {
        passed = [bytesOfOrganization, 'bytes for the subscriptions of one organization'];
        return this.#takeBytes(organizationId, bytesOf(payload));
      },
      () => this.#share(organizationId, document),
    ]);
    return places ?? tooMany(...passed);
  }

  #takeBytes(organizationId: string, bytes: number): Release | null {
    return takeAll([
      () => this.#bytesOfOrganizations.take(organizationId, bytes),
      () => this.#bytesOfAll.take('', bytes),
    ]);
  }

  #share(organizationId: string, document: DocumentNode): Release | null {
    const byOrganization = this.#sharers.get(document) ?? new Map<string, Sharers>();
    const known = byOrganization.get(organizationId);
    const release = known?.release ?? this.#takeBytes(organizationId, weighDocument(document));
    if (!release) return null;
    const sharers = known ?? { count: 0, release };
    sharers.count += 1;
    this.#sharers.set(document, byOrganization.set(organizationId, sharers));
    let isHeld = true;
    return () => {
      if (isHeld) sharers.count -= 1;
      isHeld = false;
      if (sharers.count > 0) return;
      release();
      if (byOrganization.get(organizationId) === sharers) byOrganization.delete(organizationId);
    };
  }
}

const bytesOf = ({ query, variables }: Asked['payload']): number =>
  ownBytes + 2 * (query.length + JSON.stringify(variables ?? {}).length);

/** Subscriptions on one connection. */
export const maxOnConnection = 100;

export const tooManyOnConnection = () => tooMany(maxOnConnection, 'subscriptions on one connection');

/** `what` is counted. */
function tooMany(limit: number, what: string): GraphQLError {
  const msg = `At most ${limit} ${what} are allowed.`;
  const originalError = fault('too_many_subscriptions', ['id'], msg, { message: msg, limit });
  return new GraphQLError(msg, { originalError });
}
