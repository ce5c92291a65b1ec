import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** The answer of a server, byte for byte apart from transfer coding. */
export interface RawResponse {
  status: number;
  /** Names in lower case. */
  headers: Map<string, string>;
  body: string;
}

/** One part of a form; `headers` replaces the headers that would be made from the rest. */
export interface FormPart {
  name?: string;
  fileName?: string;
  type?: string;
  headers?: string;
  content: string | Buffer;
}

export const testBoundary = '----claimcheck-7MA4YWxkTrZu0gW';

/** A connection kept open across requests and written to by hand, so that no client library tidies up what is sent. */
export class RawConnection {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
    });
  }

  static async open(baseUrl: string): Promise<RawConnection> {
    const { hostname, port } = new URL(baseUrl);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    return new RawConnection(socket);
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed && !this.#socket.readableEnded;
  }

  /** Like a client that looks for an answer only once it has sent all. */
  stopReading(): void {
    this.#socket.pause();
  }

  startReading(): void {
    this.#socket.resume();
  }

  /** Resolves once the bytes are on their way, or the connection is gone. */
  async send(bytes: string | Buffer): Promise<void> {
    if (this.#socket.destroyed || this.#socket.write(bytes)) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        this.#socket.off('drain', done).off('close', done);
        resolve();
      };
      this.#socket.on('drain', done).on('close', done);
    });
  }

  /** Sends `bytes` in pieces with a pause after each, until all is sent or the connection is gone. */
  async sendSlowly(bytes: Buffer, pace: { bytes: number; everyMs: number }): Promise<void> {
    for (let at = 0; at < bytes.length && this.isOpen; at += pace.bytes) {
      await this.send(bytes.subarray(at, at + pace.bytes));
      await sleep(pace.everyMs);
    }
  }

  /** Sends `total` bytes of `filler`, over and over, as fast as they are taken. */
  async sendMuch(total: number, filler = Buffer.alloc(1024 * 1024, 'x')): Promise<void> {
    for (let sent = 0; sent < total && this.isOpen; sent += filler.length)
      await this.send(filler.subarray(0, Math.min(filler.length, total - sent)));
  }

  /** The next final response; rejects when there is none in time, or the connection ends before it. */
  async response(withinMs = 40_000): Promise<RawResponse> {
    const deadline = performance.now() + withinMs;
    for (;;) {
      const parsed = parseResponse(this.#received);
      if (parsed !== null) {
        this.#received = this.#received.subarray(parsed.length);
        if (parsed.response.status >= 200) return parsed.response;
        continue;
      }
      if (!this.isOpen)
        throw new Error(`No response; the connection ended after ${this.#received.length} bytes`);
      if (performance.now() > deadline) throw new Error(`No response within ${withinMs} ms`);
      await sleep(2);
    }
  }

  /** Resolves once the server has closed the connection; rejects when it does not in time. */
  async closed(withinMs = 10_000): Promise<void> {
    const deadline = performance.now() + withinMs;
    while (this.isOpen) {
      if (performance.now() > deadline) throw new Error(`Still open after ${withinMs} ms`);
      await sleep(2);
    }
  }

  /** Goes away without a word: a reset. */
  abort(): void {
    this.#socket.resetAndDestroy();
  }

  /** Goes away politely. */
  destroy(): void {
    this.#socket.destroy();
  }
}

/** The head of a request, with no Content-Length unless `headers` has one. */
export function requestHead(target: string, headers: Record<string, string | number> = {}): string {
  const lines = Object.entries({ Host: 'localhost', ...headers }).map(([name, value]) => `${name}: ${value}`);
  return [`POST ${target} HTTP/1.1`, ...lines, '', ''].join('\r\n');
}

/** The headers of a multipart request whose body is `length` bytes long. */
export function formHeaders(length: number, boundary = testBoundary): Record<string, string | number> {
  return { 'Content-Type': `multipart/form-data; boundary=${boundary}`, 'Content-Length': length };
}

/** A whole request, head and body. */
export function formRequest(
  target: string,
  body: Buffer,
  headers: Record<string, string | number> = {},
  boundary = testBoundary,
): Buffer {
  return Buffer.concat([
    Buffer.from(requestHead(target, { ...formHeaders(body.length, boundary), ...headers })),
    body,
  ]);
}

/** A multipart body, with its closing boundary. */
export function formBody(parts: readonly FormPart[], boundary = testBoundary): Buffer {
  const pieces = parts.flatMap((part) => [
    `--${boundary}\r\n${part.headers ?? partHeaders(part)}\r\n\r\n`,
    part.content,
    '\r\n',
  ]);
  return Buffer.concat([...pieces, `--${boundary}--\r\n`].map((piece) => Buffer.from(piece)));
}

/** The parts of a well-formed GraphQL multipart request: operations, map, and the files under the names 0, 1, … */
export function graphqlForm(operations: unknown, map: unknown, files: readonly FormPart[]): FormPart[] {
  return [
    { name: 'operations', content: JSON.stringify(operations) },
    { name: 'map', content: JSON.stringify(map) },
    ...files.map((file, index) => ({ name: String(index), fileName: `file-${index}.bin`, ...file })),
  ];
}

/** Chunked transfer coding of `bytes`, in chunks of `chunkSize`. */
export function chunked(bytes: Buffer, chunkSize: number): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += chunkSize) {
    const piece = bytes.subarray(at, at + chunkSize);
    pieces.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'));
  }
  return Buffer.concat([...pieces, Buffer.from('0\r\n\r\n')]);
}

function partHeaders(part: FormPart): string {
  const fileName = part.fileName === undefined ? '' : `; filename="${part.fileName}"`;
  const type = part.type ?? (part.fileName === undefined ? undefined : 'application/octet-stream');
  const disposition = `Content-Disposition: form-data; name="${part.name ?? ''}"${fileName}`;
  return type === undefined ? disposition : `${disposition}\r\nContent-Type: ${type}`;
}

interface ParsedResponse {
  response: RawResponse;
  /** Bytes it takes up. */
  length: number;
}

function parseResponse(bytes: Buffer): ParsedResponse | null {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd === -1) return null;
  const [statusLine = '', ...lines] = bytes.toString('latin1', 0, headEnd).split('\r\n');
  const status = Number(statusLine.split(' ')[1]);
  const headers = new Map(lines.map(splitHeader));
  const start = headEnd + 4;
  if (status < 200) return { response: { status, headers, body: '' }, length: start };
  const isChunked = headers.get('transfer-encoding') === 'chunked';
  const body = isChunked
    ? readChunks(bytes, start)
    : readBytes(bytes, start, Number(headers.get('content-length') ?? 0));
  return body === null ? null : { response: { status, headers, body: body.text }, length: body.end };
}

function splitHeader(line: string): [string, string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}

function readBytes(bytes: Buffer, start: number, length: number): { text: string; end: number } | null {
  const end = start + length;
  return end > bytes.length ? null : { text: bytes.toString('utf8', start, end), end };
}

function readChunks(bytes: Buffer, start: number): { text: string; end: number } | null {
  const pieces: Buffer[] = [];
  for (let at = start; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd === -1) return null;
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    const next = lineEnd + 2 + size + 2;
    if (next > bytes.length) return null;
    if (size === 0) return { text: Buffer.concat(pieces).toString('utf8'), end: next };
    pieces.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = next;
  }
}
