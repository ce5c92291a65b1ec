import { maxPartHeaderSize } from './multipart-syntax.js';

/** Told of what a scan finds, in the order of the wire. */
export interface PartSink {
  /** The headers of a new part have come, without the empty line behind them; its content begins at this byte of the body. */
  onHead(head: Buffer, contentStart: number): void;
  onContent(bytes: Buffer): void;
  /** The content of a part is whole. */
  onEnd(): void;
  /** A delimiter without a line end behind it, or headers without an end; nothing more is told. */
  onFault(fault: 'boundary' | 'part_headers'): void;
}

const carriageReturn = 0x0d;
const emptyLine = '\r\n\r\n';
/** Each part begins with the line end of its delimiter. */
const lineEnd = 2;

/** Cuts a multipart body into its parts, as it arrives: what comes before them and behind the closing delimiter is dropped. */
export class PartScan {
  readonly #delimiter: Buffer;
  readonly #sink: PartSink;
  #state: 'preamble' | 'head' | 'content' | 'closed' | 'failed' = 'preamble';
  /** The beginning of the part that is in its head, perhaps with bytes behind it. */
  #head = Buffer.alloc(0);
  /** Bytes of the body that have been cut. The line end before the body is none of its own. */
  #position = -lineEnd;
  /** The end of the bytes seen, if a delimiter may have begun in them; at first the line end that precedes the body. */
  #tail = Buffer.from('\r\n');

  constructor(boundary: string, sink: PartSink) {
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1');
    this.#sink = sink;
  }

  /** Whether the closing delimiter has passed. */
  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  /** Bytes of a body of this length from the content of a part to a closing delimiter with its line end. */
  restOf(contentStart: number, length: number): number {
    return Math.max(0, length - contentStart - this.#delimiter.length - '--\r\n'.length);
  }

  push(chunk: Buffer): void {
    if (this.#isOver()) return;
    const data = this.#behindTail(chunk);
    let from = 0;
    for (;;) {
      const at = data.indexOf(this.#delimiter, from);
      const after = at + this.#delimiter.length;
      if (at === -1 || after + lineEnd > data.length) break;
      this.#take(data.subarray(from, at));
      this.#pass(data.toString('latin1', after, after + lineEnd));
      if (this.#isOver()) return;
      from = after;
    }
    const end = this.#startOfTail(data, from);
    this.#take(data.subarray(from, end));
    this.#tail = Buffer.from(data.subarray(end));
  }

  #isOver(): boolean {
    return this.#state === 'closed' || this.#state === 'failed';
  }

  #fail(fault: 'boundary' | 'part_headers'): void {
    this.#state = 'failed';
    this.#sink.onFault(fault);
  }

  /** A delimiter, given the two characters behind it. */
  #pass(suffix: string): void {
    if (this.#isOver()) return;
    if (suffix !== '\r\n' && suffix !== '--') {
      this.#fail('boundary');
      return;
    }
    if (this.#state === 'head') {
      this.#fail('part_headers');
      return;
    }
    if (this.#state === 'content') this.#sink.onEnd();
    this.#state = suffix === '--' ? 'closed' : 'head';
    this.#head = Buffer.alloc(0);
    this.#position += this.#delimiter.length;
  }

  #take(bytes: Buffer): void {
    if (this.#state === 'head') this.#readHead(bytes);
    else if (this.#state === 'content' && bytes.length > 0) this.#sink.onContent(bytes);
    this.#position += bytes.length;
  }

  #readHead(bytes: Buffer): void {
    const before = this.#head.length;
    this.#head = Buffer.concat([this.#head, bytes.subarray(0, lineEnd + maxPartHeaderSize - before)]);
    const end = this.#head.indexOf(emptyLine, Math.max(0, before - emptyLine.length));
    if (end === -1) {
      if (this.#head.length === lineEnd + maxPartHeaderSize) this.#fail('part_headers');
      return;
    }
    const start = end + emptyLine.length - before;
    this.#state = 'content';
    this.#sink.onHead(this.#head.subarray(lineEnd, end), this.#position + start);
    if (start < bytes.length) this.#sink.onContent(bytes.subarray(start));
  }

  /** The tail and the chunk. A tail in which no delimiter begins is taken alone, for to join the two copies the chunk. */
  #behindTail(chunk: Buffer): Buffer {
    if (this.#tail.length === 0) return chunk;
    const longest = this.#delimiter.length + 1;
    const seam = Buffer.concat([this.#tail, chunk.subarray(0, longest)]);
    const at = seam.indexOf(this.#delimiter);
    const begins = at !== -1 && at < this.#tail.length;
    if (begins || chunk.length < longest) return Buffer.concat([this.#tail, chunk]);
    this.#take(this.#tail);
    return chunk;
  }

  /** The place from which on the bytes are, or may become, a delimiter. */
  #startOfTail(data: Buffer, from: number): number {
    const first = Math.max(from, data.length - this.#delimiter.length - 1);
    let at = data.indexOf(carriageReturn, first);
    while (at !== -1 && !this.#mayBegin(data.subarray(at))) at = data.indexOf(carriageReturn, at + 1);
    return at === -1 ? data.length : at;
  }

  #mayBegin(bytes: Buffer): boolean {
    const length = Math.min(bytes.length, this.#delimiter.length);
    return this.#delimiter.compare(bytes, 0, length, 0, length) === 0;
  }
}
