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

  /** Throws one error with the first fault's code and limit, and the details of all. */
  throwIfAny(): void {
    const [first] = this.#faults;
    if (!first) return;
    throw new AttachmentError(first.code, {
      message: first.detail.msg,
      details: this.#faults.map(({ detail }) => detail),
      ...(first.limit === undefined ? {} : { limit: first.limit }),
    });
  }
}
