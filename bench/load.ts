import { connect, type Socket } from 'node:net';

/** One HTTP request, prepared once and sent many times. */
export interface LoadRequest {
  method: 'GET' | 'POST';
  path: string;
  headers: Record<string, string>;
  /** Sent in this order; one buffer may stand at many places. */
  body: readonly Uint8Array[];
  /** The size that the answer must have in bytes, if it is known. */
  answerSize?: number;
}

/** A load ends when `requests` are answered, or sends no more once `seconds` have passed. */
export interface LoadBounds {
  requests?: number;
  concurrency: number;
  seconds: number;
}

export interface LoadResult {
  /** Answered requests a second. */
  rate: number;
  /** Milliseconds from sending to the last byte of the answer, one for each request. */
  latencies: number[];
}

export interface Answer {
  status: number;
  size: number;
  /** The body's first MiB. */
  body: Buffer;
}

interface Pending {
  resolve(answer: Answer): void;
  reject(error: Error): void;
  /** Bytes of the head so far, until it is complete. */
  head: Buffer;
  /** Null until the head is complete. */
  status: number | null;
  size: number;
  received: number;
  kept: Buffer[];
}

const answerTimeoutMs = 60_000;
const maxKept = 1024 * 1024;
/** Requests up to this size are sent as one piece. */
const maxWhole = 64 * 1024;

/** All connections read into it, one after the other. */
const readBuffer = Buffer.allocUnsafe(512 * 1024);
const encoded = new WeakMap<LoadRequest, readonly Uint8Array[]>();

/**
 * A keep-alive connection that sends one request after the other. It is to cost little beside the server that it measures:
 * of an answer it parses the status and the length alone.
 */
export class Client {
  readonly #url: URL;
  #socket: Socket | null = null;
  #pending: Pending | null = null;

  constructor(origin: string) {
    this.#url = new URL(origin);
  }

  /** One request and its whole answer, whatever its status. */
  exchange(request: LoadRequest): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#pending = {
        resolve,
        reject,
        head: Buffer.alloc(0),
        status: null,
        size: 0,
        received: 0,
        kept: [],
      };
      this.#socket ??= this.#open();
      for (const piece of this.#encode(request)) this.#socket.write(piece);
    });
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = null;
  }

  #open(): Socket {
    const callback = (size: number, buffer: Uint8Array) => {
      this.#read(buffer.subarray(0, size));
      return true;
    };
    const socket = connect({
      host: this.#url.hostname,
      port: Number(this.#url.port),
      noDelay: true,
      onread: { buffer: readBuffer, callback },
    });
    socket.setTimeout(answerTimeoutMs, () => this.#fail(socket, `no answer within ${answerTimeoutMs} ms`));
    socket.on('error', ({ message }) => this.#fail(socket, message));
    socket.on('close', () => this.#fail(socket, 'the connection was closed'));
    return socket;
  }

  #encode(request: LoadRequest): readonly Uint8Array[] {
    const known = encoded.get(request);
    if (known) return known;
    const { method, path, headers, body } = request;
    const lines = Object.entries({ Host: this.#url.host, ...headers }).map((pair) => pair.join(': '));
    const head = Buffer.from([`${method} ${path} HTTP/1.1`, ...lines, '', ''].join('\r\n'));
    const size = body.reduce((sum, piece) => sum + piece.length, head.length);
    const pieces = size <= maxWhole ? [Buffer.concat([head, ...body])] : [head, ...body];
    encoded.set(request, pieces);
    return pieces;
  }

  #read(chunk: Uint8Array): void {
    const pending = this.#pending;
    if (!pending) return;
    if (pending.status === null) this.#readHead(pending, chunk);
    else this.#takeBody(pending, chunk);
  }

  #readHead(pending: Pending, chunk: Uint8Array): void {
    const bytes = Buffer.concat([pending.head, chunk]);
    const end = bytes.indexOf('\r\n\r\n');
    if (end < 0) {
      pending.head = bytes;
      return;
    }
    const head = bytes.toString('latin1', 0, end);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    if (length === undefined) {
      this.#fail(this.#socket, `the answer does not tell its length: ${head}`);
      return;
    }
    if (/\r\nconnection: close/i.test(head)) this.#socket = null;
    pending.status = Number(head.slice(9, 12));
    pending.size = Number(length);
    this.#takeBody(pending, bytes.subarray(end + 4));
  }

  #takeBody(pending: Pending, chunk: Uint8Array): void {
    if (pending.received < maxKept && chunk.length > 0) pending.kept.push(Buffer.from(chunk));
    pending.received += chunk.length;
    if (pending.received < pending.size) return;
    this.#pending = null;
    pending.resolve({
      status: pending.status ?? 0,
      size: pending.received,
      body: Buffer.concat(pending.kept),
    });
  }

  /** One that has announced its end may close while the next is in use. */
  #fail(socket: Socket | null, message: string): void {
    socket?.destroy();
    if (this.#socket !== null && socket !== this.#socket) return;
    this.#socket = null;
    this.#pending?.reject(new Error(message));
    this.#pending = null;
  }
}

/**
 * Sends `request`, or what it makes anew, over and over, `concurrency` at once. The first answer that is not as it should be
 * ends it with an error.
 */
export async function runLoad(
  origin: string,
  request: LoadRequest | (() => LoadRequest),
  { requests = Number.POSITIVE_INFINITY, concurrency, seconds }: LoadBounds,
): Promise<LoadResult> {
  const clients = Array.from({ length: concurrency }, () => new Client(origin));
  const latencies: number[] = [];
  const begun = performance.now();
  const end = begun + seconds * 1000;
  let left = requests;

  async function sendInTurn(client: Client): Promise<void> {
    while (left > 0 && performance.now() < end) {
      left -= 1;
      const next = typeof request === 'function' ? request() : request;
      const sent = performance.now();
      assertGood(next, await client.exchange(next));
      latencies.push(performance.now() - sent);
    }
  }

  try {
    await Promise.all(clients.map(sendInTurn));
  } finally {
    for (const client of clients) client.close();
  }
  return { rate: (latencies.length * 1000) / (performance.now() - begun), latencies };
}

/** Throws unless the answer is a 200 of the right size that carries no GraphQL errors. */
export function assertGood(request: LoadRequest, { status, size, body }: Answer): void {
  const isWhole = request.answerSize === undefined || request.answerSize === size;
  if (status === 200 && isWhole && !body.includes('"errors":')) return;
  const received = `${status}, ${size} bytes ${body.toString('utf8', 0, 500)}`;
  throw new Error(`${request.method} ${request.path} was answered with ${received}`);
}
