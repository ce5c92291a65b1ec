import { AttachmentError } from '../errors.js';
import { NetworkPlaces, Places, type Release } from './places.js';

/** Downloads that pass through one process at once. */
const maxDownloads = 1_000;

/** Whoever has a signed URL is known by an address only. */
export type Taker = { principal: string } | { address: string };

/** Bounds how many downloads of one principal, or of one address by signed URLs, are under way at once in this process. */
export class DownloadPlaces {
  readonly #max: number;
  readonly #all = new Places(maxDownloads);
  readonly #ofPrincipals: Places;
  readonly #ofAddresses: NetworkPlaces;

  /** 0 is no bound of one client. */
  constructor(max: number) {
    this.#max = max;
    this.#ofPrincipals = new Places(max);
    this.#ofAddresses = new NetworkPlaces(max, [1, 2, 4]);
  }

  /** Takes a place, or throws RATE_LIMITED if all are taken. */
  take(taker: Taker): Release {
    const own =
      'principal' in taker ? this.#ofPrincipals.take(taker.principal) : this.#ofAddresses.take(taker.address);
    if (!own) {
      const whose = 'principal' in taker ? 'of one credential' : 'by signed URLs from one address';
      throw tooManyDownloads(this.#max, whose);
    }
    const ofAll = this.#all.take('');
    if (!ofAll) {
      own();
      throw tooManyDownloads(maxDownloads, 'through one process');
    }
    return () => {
      own();
      ofAll();
    };
  }
}

function tooManyDownloads(limit: number, whose: string): AttachmentError {
  const msg = `At most ${limit} downloads ${whose} may be under way at once.`;
  const details = [{ loc: ['url'], msg, type: 'too_many_downloads' }];
  return new AttachmentError('RATE_LIMITED', { message: msg, limit, retryAfterSeconds: 1, details });
}
