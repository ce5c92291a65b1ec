import { AttachmentError } from '../errors.js';
import { Places, type Release } from './places.js';

/** Bounds how many uploads of one principal are under way at once in this process. */
export class UploadConcurrency {
  readonly #max: number;
  readonly #places: Places;

  /** 0 is no bound. */
  constructor(max: number) {
    this.#max = max;
    this.#places = new Places(max);
  }

  /** Takes a slot, or throws RATE_LIMITED where all are taken. */
  take(principal: string): Release {
    const release = this.#places.take(principal);
    if (!release) throw tooManyUploads(this.#max);
    return release;
  }
}

function tooManyUploads(limit: number): AttachmentError {
  const msg = `At most ${limit} uploads of one credential may be under way at once.`;
  const details = [{ loc: ['headers', 'authorization'], msg, type: 'too_many_uploads' }];
  return new AttachmentError('RATE_LIMITED', { message: msg, limit, retryAfterSeconds: 1, details });
}
