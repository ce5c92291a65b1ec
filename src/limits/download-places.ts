import { type AttachmentError, fault } from '../errors.js';
import { clientsOfOrganization, NetworkPlaces, Places, type Release, takeAll } from './places.js';

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
