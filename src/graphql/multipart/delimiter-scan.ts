const carriageReturn = 0x0d;

/**
 * Watches a multipart body for its delimiters, apart from the parser. The parser passes over parts it cannot make sense
 * of, and ends a part at any line that merely begins like a delimiter; what it drops so would be lost without a word.
 */
export class DelimiterScan {
  /** Parts opened so far. */
  partCount = 0;
  /** Whether the closing delimiter has passed. Nothing behind it counts. */
  closed = false;
  readonly #delimiter: Buffer;
  /** The end of the bytes seen, where a delimiter may have begun; at first the line end that precedes the body. */
  #tail = Buffer.from('\r\n');

  constructor(boundary: string) {
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1');
  }

  /** False when a delimiter is followed by neither a line end nor `--`. */
  push(chunk: Buffer): boolean {
    if (this.closed) return true;
    const data = this.#tail.length > 0 ? Buffer.concat([this.#tail, chunk]) : chunk;
    let from = 0;
    for (;;) {
      const at = data.indexOf(this.#delimiter, from);
      const after = at + this.#delimiter.length;
      if (at === -1 || after + 2 > data.length) break;
      from = after;
      const suffix = data.toString('latin1', after, after + 2);
      if (suffix === '--') this.closed = true;
      if (suffix !== '\r\n') return this.closed;
      this.partCount += 1;
    }
    this.#keepTail(data, from);
    return true;
  }

  #keepTail(data: Buffer, from: number): void {
    const longest = this.#delimiter.length + 1;
    const at = data.indexOf(carriageReturn, Math.max(from, data.length - longest));
    this.#tail = at === -1 ? Buffer.alloc(0) : Buffer.from(data.subarray(at));
  }
}
