import { type AttachmentError, fault } from '../errors.js';
import { networksOf, type Shares } from './networks.js';

/** An organization, however many credentials it has, gets as much at once as so many clients. */
export const clientsOfOrganization = 5;

/** Frees the place; a second call does nothing. */
export type Release = () => void;

/** Bounds how much is under way at once under each key, in this process. */
export class Places {
  readonly #max: number;
  readonly #taken = new Map<string, number>();

  /** 0 is no bound. */
  constructor(max: number) {
    this.#max = max;
  }

  /** Takes a place, or several; null if there are not so many. */
  take(key: string, count = 1): Release | null {
    const taken = this.#taken.get(key) ?? 0;
    if (this.#max > 0 && taken + count > this.#max) return null;
    this.#taken.set(key, taken + count);
    let isHeld = true;
    return () => {
      if (isHeld) this.#free(key, count);
      isHeld = false;
    };
  }

  #free(key: string, count: number): void {
    const left = (this.#taken.get(key) ?? count) - count;
    if (left > 0) this.#taken.set(key, left);
    else this.#taken.delete(key);
  }
}

/** Bounds how much is under way at once from an address, and from the networks around it. */
export class NetworkPlaces {
  readonly #places: readonly [Places, Places, Places];

  /** `max` is that of one client; 0 is no bound. */
  constructor(max: number, [own, around, widest]: Shares) {
    const ofShare = (share: number) => new Places(Math.ceil(max * share));
    this.#places = [ofShare(own), ofShare(around), ofShare(widest)];
  }

  /** Takes a place in every network of the address; null if all of one are taken. */
  take(address: string | undefined): Release | null {
    return takeAll(
      networksOf(address).map(
        ({ key, width }) =>
          () =>
            this.#places[width].take(key),
      ),
    );
  }
}

/** Takes a place of each, or none: null if one of them is null. */
export function takeAll(takes: readonly (() => Release | null)[]): Release | null {
  const taken: Release[] = [];
  const releaseAll = () => {
    for (const release of taken) release();
  };
  for (const take of takes) {
    const release = take();
    if (release) taken.push(release);
    else {
      releaseAll();
      return null;
    }
  }
  return releaseAll;
}

/** Downloads that pass through one process at once. */
const maxDownloads = 1_000;

/** Whoever has a signed URL is known by an address only. */
export type Taker = { principal: string } | { address: string };

/**
 * Bounds how many downloads of one principal, of one address by signed URLs, and of one organization's files are under way at
 * once in this process.
 */
export class DownloadPlaces {
  readonly #max: number;
  readonly #all = new Places(maxDownloads);
  readonly #ofOrganizations: Places;
  readonly #ofPrincipals: Places;
  readonly #ofAddresses: NetworkPlaces;

  /** `max` is that of one client; 0 is no bound of clients and organizations. */
  constructor(max: number) {
    this.#max = max;
    this.#ofOrganizations = new Places(clientsOfOrganization * max);
    this.#ofPrincipals = new Places(max);
    this.#ofAddresses = new NetworkPlaces(max, [1, 2, 4]);
  }

  /** Takes a place for a file of this organization, or throws RATE_LIMITED if all are taken. */
  take(taker: Taker, organizationId: string): Release {
    let passed: [limit: number, whose: string] =
      'principal' in taker
        ? [this.#max, 'of one credential']
        : [this.#max, 'by signed URLs from one address'];
    const release = takeAll([
      () =>
        'principal' in taker
          ? this.#ofPrincipals.take(taker.principal)
          : this.#ofAddresses.take(taker.address),
      () => {
        passed = [clientsOfOrganization * this.#max, "of one organization's files"];
        return this.#ofOrganizations.take(organizationId);
      },
      () => {
        passed = [maxDownloads, 'through one process'];
        return this.#all.take('');
      },
    ]);
    if (!release) throw tooManyDownloads(...passed);
    return release;
  }
}

function tooManyDownloads(limit: number, whose: string): AttachmentError {
  const msg = `At most ${limit} downloads ${whose} may be under way at once.`;
  return fault('too_many_downloads', ['url'], msg, { message: msg, limit, retryAfterSeconds: 1 });
}

/** Bounds how many uploads of one principal, and of one organization, are under way at once in this process. */
export class UploadConcurrency {
  readonly #max: number;
  readonly #ofPrincipals: Places;
  readonly #ofOrganizations: Places;

  /** `max` is that of one principal; 0 is no bound. */
  constructor(max: number) {
    this.#max = max;
    this.#ofPrincipals = new Places(max);
    this.#ofOrganizations = new Places(clientsOfOrganization * max);
  }

  /** Takes a place, or throws RATE_LIMITED if all are taken. */
  take(organizationId: string, principalId: string): Release {
    let passed: [limit: number, whose: string] = [this.#max, 'credential'];
    const release = takeAll([
      () => this.#ofPrincipals.take(principalKey(organizationId, principalId)),
      () => {
        passed = [clientsOfOrganization * this.#max, 'organization'];
        return this.#ofOrganizations.take(organizationId);
      },
    ]);
    if (!release) throw tooManyUploads(...passed);
    return release;
  }
}

function tooManyUploads(limit: number, whose: string): AttachmentError {
  const msg = `At most ${limit} uploads of one ${whose} may be under way at once.`;
  const options = { message: msg, limit, retryAfterSeconds: 1 };
  return fault('too_many_uploads', ['headers', 'authorization'], msg, options);
}

/** The largest bodies that those of one organization, and all together, may take the memory of. */
const largestOfOne = 4;
const largestOfAll = 8;

/** Bounds the memory of JSON bodies under way in this process. */
export class BodyMemory {
  readonly #largest: number;
  readonly #ofOne: Places;
  readonly #ofAll: Places;

  /** In bytes. */
  constructor(largest: number) {
    this.#largest = largest;
    this.#ofOne = new Places(largestOfOne * largest);
    this.#ofAll = new Places(largestOfAll * largest);
  }

  /** Takes so many bytes, or throws RATE_LIMITED where others have taken them. */
  take(organizationId: string, bytes: number): Release {
    const release = takeAll([
      () => this.#ofOne.take(organizationId, bytes),
      () => this.#ofAll.take('', bytes),
    ]);
    if (release) return release;
    const limit = largestOfOne * this.#largest;
    const msg = `JSON bodies of one organization may take ${limit} bytes of memory, and twice as much in all.`;
    throw fault('too_many_bodies', ['body'], msg, { message: msg, limit, retryAfterSeconds: 1 });
  }
}

/** The key that a principal's requests are counted under. Its id is unique within its organization only. */
export function principalKey(organizationId: string, principalId: string): string {
  return `${organizationId}/${principalId}`;
}
