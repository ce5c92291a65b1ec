import { AttachmentError } from '../errors.js';

/** Whose answers they are: a principal's, or those of an address without a credential. */
export interface AnswerClient {
  kind: 'known' | 'anonymous';
  id: string;
}

/** Answers of the largest size that a principal's, and those of all principals together, may take the memory of. */
const largestEach = 4;
const largestInAll = 16;

/** Bytes for those of an address without a credential, and of all of these. */
const anonymous = { each: 16 * 1024 * 1024, all: 64 * 1024 * 1024 } as const;

const retryAfterSeconds = 2;

/** What one answer holds. */
export interface HeldSpace {
  /** Throws RATE_LIMITED if the client, or all together, have taken all; and once the answer is released. */
  take(bytes: number): void;
  release(): void;
}

/** Bounds the memory of answers that are being made, or wait for their clients to read them. */
export class AnswerSpace {
  readonly #taken = new Map<string, number>();
  readonly #spaces: Record<AnswerClient['kind'], { each: number; all: number }>;
  readonly #totals = { known: 0, anonymous: 0 };

  /** `largest`: bytes that an answer may have. `memory`: those that making one may take, for which there is always room. */
  constructor(largest: number, memory = largest) {
    const each = Math.max(largestEach * largest, memory);
    this.#spaces = { known: { each, all: Math.max(largestInAll * largest, memory) }, anonymous };
  }

  hold({ kind, id }: AnswerClient): HeldSpace {
    const { each, all } = this.#spaces[kind];
    const key = `${kind} ${id}`;
    let held = 0;
    let isReleased = false;
    return {
      take: (bytes) => {
        const taken = this.#taken.get(key) ?? 0;
        if (isReleased || taken + bytes > each) throw noSpace(each, 'of one client');
        if (this.#totals[kind] + bytes > all) throw noSpace(all, 'in all');
        this.#taken.set(key, taken + bytes);
        this.#totals[kind] += bytes;
        held += bytes;
      },
      release: () => {
        isReleased = true;
        const left = (this.#taken.get(key) ?? 0) - held;
        if (left > 0) this.#taken.set(key, left);
        else this.#taken.delete(key);
        this.#totals[kind] -= held;
        held = 0;
      },
    };
  }
}

function noSpace(limit: number, whose: string): AttachmentError {
  const msg = `Answers under way may take ${limit} bytes of memory ${whose}: read those that are waiting first.`;
  const details = [{ loc: ['query'], msg, type: 'too_many_answers' }];
  return new AttachmentError('RATE_LIMITED', { message: msg, limit, retryAfterSeconds, details });
}
