import { invalidJson } from './body-fault.js';
import type { BodyReader } from './body-reader.js';
import { findStringEnd, lengthOfWholeEscapes, unescapeJson } from './json-string.js';

export type LongTextKind = 'base64' | 'dataUrl';

/** Reads a long text as it arrives, its escapes undone, up to its closing quote. */
export class LongTextReader {
  /** A data URL begins with `data:`, which no base64 does. */
  readonly kind: LongTextKind;
  readonly #body: Pick<BodyReader, 'next'>;
  readonly #start: Buffer;
  /** The beginning of an escape that the last piece has ended in. */
  #cutEscape: Buffer = Buffer.alloc(0);
  #rest: Buffer | null = null;

  /** `first` is what of the text has arrived, as sent. */
  constructor(body: Pick<BodyReader, 'next'>, first: Buffer) {
    this.#body = body;
    this.#start = this.#take(first);
    this.kind = /^data:/i.test(this.#start.toString('latin1', 0, 5)) ? 'dataUrl' : 'base64';
  }

  /** Bytes that have arrived behind the closing quote; null while that has not been reached. */
  get rest(): Buffer | null {
    return this.#rest;
  }

  /** The text, once, in UTF-8. */
  async *read(): AsyncGenerator<Uint8Array, void, undefined> {
    yield this.#start;
    while (this.#rest === null) {
      const chunk = await this.#body.next();
      if (chunk === null) throw invalidJson('The body ends within a string.');
      yield this.#take(chunk);
    }
  }

  #take(chunk: Buffer): Buffer {
    const bytes = this.#cutEscape.length === 0 ? chunk : Buffer.concat([this.#cutEscape, chunk]);
    const end = findStringEnd(bytes, 0);
    const whole = end === -1 ? lengthOfWholeEscapes(bytes) : end;
    if (end === -1) this.#cutEscape = bytes.subarray(whole);
    else this.#rest = bytes.subarray(end + 1);
    return unescapeJson(bytes.subarray(0, whole));
  }
}
