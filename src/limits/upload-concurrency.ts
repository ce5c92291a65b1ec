import { type AttachmentError, fault } from '../errors.js';
import { clientsOfOrganization, Places, type Release, takeAll } from './places.js';
import { principalKey } from './rate-limiter.js';

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

  /** Takes a slot, or throws RATE_LIMITED if all are taken. */
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
