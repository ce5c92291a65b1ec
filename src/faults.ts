import { AttachmentError, type AttachmentErrorCode, type FaultDetail } from './errors.js';

interface Fault {
  code: AttachmentErrorCode;
  detail: FaultDetail;
  limit?: number;
}

/** Gathers everything that is wrong with an input, so that one answer names it all. */
export class Faults {
  readonly #faults: Fault[] = [];

  /** `type` is the machine-readable kind of the fault, in snake case. */
  add(code: AttachmentErrorCode, loc: (string | number)[], type: string, msg: string, limit?: number): void {
    this.#faults.push({ code, detail: { loc, msg, type }, ...(limit === undefined ? {} : { limit }) });
  }

  /** The first that was passed. */
  get limit(): number | undefined {
    return this.#faults.find(({ limit }) => limit !== undefined)?.limit;
  }

  /** What is wrong, each by itself. */
  get details(): FaultDetail[] {
    return this.#faults.map(({ detail }) => detail);
  }

  /** Throws one error with the first fault's code, the first limit that was passed, and the details of all. */
  throwIfAny(): void {
    const [first] = this.#faults;
    if (!first) return;
    const { limit } = this;
    throw new AttachmentError(first.code, {
      message: first.detail.msg,
      details: this.details,
      ...(limit === undefined ? {} : { limit }),
    });
  }
}
