import { type AttachmentError, fault } from '../errors.js';

/** The client of an answer: a principal, or an address without a credential. */
export interface AnswerClient {
  kind: 'known' | 'anonymous';
  id: string;
  /** Its organization, or the network around its address. */
  group: string;
}

/** Answers of the largest size that a principal's, an organization's, and all of them together may take the memory of. */
const largestEach = 4;
const largestInGroup = 8;
const largestInAll = 16;

const mebibyte = 1024 * 1024;

/** Bytes that an organization has in any case, whatever others hold: small answers are made while large ones wait. */
const ownShare = mebibyte;

interface Space {
  each: number;
  group: number;
  all: number;
  /** Bytes that each group has beside those of all. */
  own: number;
}

/** Bytes for those of an address without a credential, of a network, and of all of these. */
const anonymous: Space = { each: 16 * mebibyte, group: 32 * mebibyte, all: 64 * mebibyte, own: 0 };

const retryAfterSeconds = 2;

/** The memory that one answer holds. */
export interface HeldSpace {
  /** Throws RATE_LIMITED if the client, or all together, have taken all; and once the answer is released. */
  take(bytes: number): void;
  release(): void;
}

/** Bounds the memory of answers that are being made, or wait for their clients to read them. */
export class AnswerSpace {
  readonly #taken = new Map<string, number>();
  readonly #spaces: Record<AnswerClient['kind'], Space>;

  /** `largest`: bytes that an answer may have. `memory`: those that making one may take, for which there is always room. */
  constructor(largest: number, memory = largest) {
    // A small answer takes more memory than it has bytes.
    const size = Math.max(largest, mebibyte);
    const room = (answers: number) => Math.max(answers * size, memory);
    const known = { each: room(largestEach), group: room(largestInGroup), all: room(largestInAll) };
    this.#spaces = { known: { ...known, own: ownShare }, anonymous };
  }

  hold({ kind, id, group }: AnswerClient): HeldSpace {
    const { each, own, ...of } = this.#spaces[kind];
    const keys = { each: `${kind} each ${id}`, group: `${kind} group ${group}`, all: kind };
    const whose = kind === 'known' ? 'of one organization' : 'of one network';
    let held = 0;
    let isReleased = false;
    const add = (bytes: number) => {
      held += bytes;
      for (const key of Object.values(keys)) this.#add(key, bytes);
    };
    return {
      take: (bytes) => {
        if (isReleased || this.#of(keys.each) + bytes > each) throw noSpace(each, 'of one client');
        const ofGroup = this.#of(keys.group) + bytes;
        if (ofGroup > of.group) throw noSpace(of.group, whose);
        if (ofGroup > own && this.#of(keys.all) + bytes > of.all) throw noSpace(of.all, 'in all');
        add(bytes);
      },
      release: () => {
        isReleased = true;
        add(-held);
      },
    };
  }

  #of(key: string): number {
    return this.#taken.get(key) ?? 0;
  }

  #add(key: string, bytes: number): void {
    const taken = this.#of(key) + bytes;
    if (taken > 0) this.#taken.set(key, taken);
    else this.#taken.delete(key);
  }
}

function noSpace(limit: number, whose: string): AttachmentError {
  const msg = `Answers under way may take ${limit} bytes of memory ${whose}: read those that are waiting first.`;
  return fault('too_many_answers', ['query'], msg, { message: msg, limit, retryAfterSeconds });
}
