import { AttachmentError } from '../errors.js';

/** Frees the slot; a second call does nothing. */
export type Release = () => void;

/** Bounds how many uploads of one principal are under way at once in this process. */
export class UploadSlots {
  readonly #max: number;
  readonly #taken = new Map<string, number>();

  /** 0 is no bound. */
  constructor(max: number) {
    this.#max = max;
  }

  /** Takes a slot, or throws RATE_LIMITED where all are taken. */
  take(principal: string): Release {
    const taken = this.#taken.get(principal) ?? 0;
    if (this.#max > 0 && taken >= this.#max) throw tooManyUploads(this.#max);
    this.#taken.set(principal, taken + 1);
    let isHeld = true;
    return () => {
      if (isHeld) this.#free(principal);
      isHeld = false;
    };
  }

  #free(principal: string): void {
    const left = (this.#taken.get(principal) ?? 1) - 1;
    if (left > 0) this.#taken.set(principal, left);
    else this.#taken.delete(principal);
  }
}

function tooManyUploads(limit: number): AttachmentError {
  const msg = `At most ${limit} uploads of one credential may be under way at once.`;
  const details = [{ loc: ['headers', 'authorization'], msg, type: 'too_many_uploads' }];
  return new AttachmentError('RATE_LIMITED', { message: msg, limit, retryAfterSeconds: 1, details });
}
