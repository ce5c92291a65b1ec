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
