import { type ConnectOpts, Socket, type SocketConstructorOpts } from 'node:net';
import { parseClamdReply } from './clamd-reply.js';
import type { ScanOutcome } from './scanner.js';

/** The address of clamd: TCP, or a socket in the file system. */
export type ClamdAddress = { host: string; port: number } | { path: string };

/** How long clamd may take, in milliseconds each. */
export interface ClamdTimeouts {
  connect: number;
  /** To take in one piece of content. */
  send: number;
  /** From the last byte sent to the whole reply. */
  reply: number;
  /** To close the connection after its reply, and to bring a reply after it stopped reading. */
  close: number;
}

/** Bytes of the longest reply that is read; the names of signatures are far shorter. */
const maxReplyBytes = 4_096;

/** Bytes of one piece of content; clamd takes up to its StreamMaxLength. */
const maxPieceBytes = 1_048_576;

/**
 * One connection to clamd, for one INSTREAM command. clamd may answer and close before it has read everything; then what
 * is left is not sent, and the answer is read nevertheless. No method throws or rejects: what goes wrong is the outcome.
 */
export class ClamdConnection {
  readonly #socket: Socket;
  readonly #timeouts: ClamdTimeouts;
  readonly #unsendable = new AbortController();
  readonly #over = new AbortController();
  readonly #reply: Uint8Array[] = [];
  /** The first reason not to believe an answer that says "clean". */
  #failure: string | null = null;
  #isWhole = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(address: ClamdAddress, timeouts: ClamdTimeouts) {
    this.#timeouts = timeouts;
    this.#socket = new PatientSocket({
      receive: (bytes) => this.#receive(bytes),
      end: () => this.#finish(null),
    });
    this.#socket.on('error', (error) => this.#finish(describe(error)));
    this.#socket.on('close', () => this.#finish(null));
    this.#limit(timeouts.connect, 'clamd could not be reached in time');
    this.#socket.connect(address);
  }

  /** Aborted once sending more is of no use: clamd has begun to answer, does not read, or is gone. */
  get unsendable(): AbortSignal {
    return this.#unsendable.signal;
  }

  /** Sends the command once connected. */
  async start(): Promise<void> {
    await this.#unlessUnsendable((connected) => this.#socket.once('connect', connected));
    await this.#send([Buffer.from('zINSTREAM\0')]);
  }

  /** Sends content; resolves when the bytes may be reused. An empty piece would end the stream, so none is sent. */
  async sendContent(chunk: Uint8Array): Promise<void> {
    for (let start = 0; start < chunk.length; start += maxPieceBytes) {
      const piece = chunk.subarray(start, start + maxPieceBytes);
      await this.#send([lengthOf(piece), piece]);
    }
  }

  /** Says that the content is whole, where clamd still reads, and waits for the end of the answer. */
  async finish(): Promise<ScanOutcome> {
    if (!this.#unsendable.signal.aborted) {
      this.#isWhole = true;
      await this.#send([lengthOf(new Uint8Array())]);
    }
    if (!this.#unsendable.signal.aborted) this.#limit(this.#timeouts.reply, 'clamd did not answer in time');
    await new Promise<void>((resolve) => {
      if (this.#over.signal.aborted) resolve();
      this.#over.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    return this.#outcome();
  }

  /** Ends the connection, whatever its state. */
  close(): void {
    this.#finish('the scan was given up');
  }

  /** An answer that names malware or a fault counts even where the connection failed; "clean" does not. */
  #outcome(): ScanOutcome {
    const reply = Buffer.concat(this.#reply);
    const told = parseClamdReply(reply);
    const isCut = reply.at(-1) !== 0;
    if (this.#failure === null || (told.outcome !== 'clean' && !isCut)) return told;
    return { outcome: 'no verdict', reason: this.#failure };
  }

  /** Resolves when the system has taken the bytes, or when it never will. */
  async #send(parts: Uint8Array[]): Promise<void> {
    if (this.#unsendable.signal.aborted) return;
    this.#limit(this.#timeouts.send, 'clamd did not read in time');
    await this.#unlessUnsendable((sent) => {
      this.#socket.cork();
      for (const part of parts.slice(0, -1)) this.#socket.write(part);
      this.#socket.write(parts.at(-1) ?? '', (error) =>
        error ? this.#stopSending(describe(error)) : sent(),
      );
      this.#socket.uncork();
    });
    // Whoever brings the content may take any time for the next piece. Once clamd is not read to, another limit runs.
    if (!this.#unsendable.signal.aborted) clearTimeout(this.#timer);
  }

  async #unlessUnsendable(begin: (done: () => void) => void): Promise<void> {
    const { signal } = this.#unsendable;
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        signal.removeEventListener('abort', done);
        resolve();
      };
      signal.addEventListener('abort', done);
      begin(done);
    });
  }

  #receive(bytes: Uint8Array): void {
    this.#reply.push(bytes);
    if (this.#replyLength() > maxReplyBytes) this.#finish('clamd answered at too great length');
    else if (!this.#isWhole) this.#stopSending('clamd answered before it had all of the content');
    else if (bytes.includes(0)) this.#awaitClose();
  }

  /** clamd closes after its answer. Where something between keeps the connection open, the answer stands without that. */
  #awaitClose(): void {
    this.#unsendable.abort();
    this.#socket.end();
    this.#limit(this.#timeouts.close, null);
  }

  /** Waits a little for the answer, or the rest of it, that was under way when clamd stopped reading. */
  #stopSending(failure: string): void {
    this.#failure ??= failure;
    this.#unsendable.abort();
    this.#limit(this.#timeouts.close, failure);
  }

  #replyLength(): number {
    return this.#reply.reduce((length, bytes) => length + bytes.length, 0);
  }

  #limit(milliseconds: number, failure: string | null): void {
    clearTimeout(this.#timer);
    if (!this.#over.signal.aborted) this.#timer = setTimeout(() => this.#finish(failure), milliseconds);
  }

  #finish(failure: string | null): void {
    if (this.#over.signal.aborted) return;
    clearTimeout(this.#timer);
    this.#failure ??= failure;
    this.#over.abort();
    this.#unsendable.abort();
    this.#socket.destroy();
  }
}

/** Called for all that comes, and once nothing more will. */
interface Reading {
  receive(bytes: Uint8Array): void;
  end(): void;
}

/**
 * Goes on reading when writing has failed: an answer may lie unread in the system's buffer. A plain socket would be
 * destroyed with it. Its stream takes no bytes after a failure, and tells no end, unlike the callbacks here. Whoever uses it must
 * destroy it.
 */
class PatientSocket extends Socket {
  readonly #end: () => void;

  constructor({ receive, end }: Reading) {
    const callback = (length: number, buffer: Uint8Array) => {
      receive(buffer.slice(0, length));
      return true;
    };
    const options: SocketConstructorOpts & ConnectOpts = {
      onread: { buffer: new Uint8Array(maxReplyBytes), callback },
    };
    super(options);
    this.#end = end;
  }

  /** Node pushes null, and nothing else, at the end. */
  override push(chunk: unknown, encoding?: BufferEncoding): boolean {
    if (chunk === null) this.#end();
    return super.push(chunk, encoding);
  }

  override destroy(error?: Error): this {
    return error !== undefined && 'syscall' in error && error.syscall === 'write'
      ? this
      : super.destroy(error);
  }
}

/** Four bytes, the highest first. */
function lengthOf(piece: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(piece.length);
  return bytes;
}

function describe(error: Error): string {
  const code = 'code' in error ? String(error.code) : error.message;
  return 'syscall' in error && error.syscall === 'connect'
    ? `clamd could not be reached (${code})`
    : `the connection to clamd failed (${code})`;
}
