import { once } from 'node:events';
import { request as ask, createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Fault =
  | 'error 500'
  | 'error 503'
  | 'no answer'
  | 'half the request'
  | 'half the answer'
  | 'answer stops'
  | 'answer lost'
  /** Passed on once `late` has resolved. */
  | 'late';

/** Stands between a service and a real gateway, and lets happen to requests what networks and stores do to them. */
export class FaultyGateway {
  /** The fault of a request of this operation for this path; null: none. */
  faultOf: (operation: string, path: string) => Fault | null = () => null;
  /** Late requests wait for it. */
  late: Promise<unknown> = Promise.resolve();
  /** The operations asked for so far. */
  readonly operations: string[] = [];
  readonly #server = createServer((request, response) => this.#handle(request, response));
  readonly #target: URL;

  constructor(endpoint: string | null) {
    this.#target = new URL(endpoint ?? '');
  }

  /** Resolves with its endpoint. */
  async open(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #handle(incoming: IncomingMessage, response: ServerResponse): void {
    for (const stream of [incoming, response]) stream.on('error', () => {});
    const operation = operationOf(incoming);
    this.operations.push(operation);
    const fault = this.faultOf(operation, decodeURIComponent(incoming.url ?? ''));
    if (fault === 'error 500' || fault === 'error 503') refuse(incoming, response, fault);
    else if (fault === 'no answer') incoming.resume();
    else if (fault === 'late') void this.late.then(() => this.#forward(incoming, response, null));
    else this.#forward(incoming, response, fault);
  }

  #forward(incoming: IncomingMessage, response: ServerResponse, fault: Fault | null): void {
    const { hostname, port } = this.#target;
    const { method = '', url = '', headers } = incoming;
    const outgoing = ask({ hostname, port, method, path: url, headers, agent: false });
    outgoing.on('error', () => response.destroy());
    response.on('close', () => outgoing.destroy());
    outgoing.on('response', (answer) => passOn(answer, response, fault));
    const giveUp = () => {
      outgoing.destroy();
      response.destroy();
    };
    if (fault === 'half the request') sendUntil(incoming, outgoing, halfOf(headers), giveUp);
    else incoming.pipe(outgoing);
  }
}

function operationOf({ method, url = '' }: IncomingMessage): string {
  const query = new URL(url, 'http://gateway').searchParams;
  if (method === 'POST') return query.has('uploads') ? 'CreateMultipartUpload' : 'CompleteMultipartUpload';
  return query.get('x-id') ?? (method === 'HEAD' ? 'HeadObject' : 'List');
}

function refuse(incoming: IncomingMessage, response: ServerResponse, fault: string): void {
  incoming.resume().on('end', () => {
    const code = fault === 'error 503' ? 'SlowDown' : 'InternalError';
    response.writeHead(Number(fault.slice(-3)), { 'content-type': 'application/xml' });
    response.end(
      `<?xml version="1.0"?><Error><Code>${code}</Code><Message>insides of the store</Message></Error>`,
    );
  });
}

function passOn(answer: IncomingMessage, response: ServerResponse, fault: Fault | null): void {
  if (fault === 'answer lost') {
    answer.resume().on('end', () => response.destroy());
    return;
  }
  response.writeHead(answer.statusCode ?? 500, answer.headers);
  response.flushHeaders();
  const end = fault === 'half the answer' ? () => response.destroy() : () => {};
  if (fault === null) answer.pipe(response);
  else sendUntil(answer, response, halfOf(answer.headers), end);
}

const halfOf = (headers: IncomingMessage['headers']) =>
  Math.floor(Number(headers['content-length'] ?? 0) / 2);

/** Passes on `count` bytes, and then does `end`. */
function sendUntil(
  source: IncomingMessage,
  destination: { write(bytes: Uint8Array): boolean },
  count: number,
  end: () => void,
): void {
  let left = count;
  const take = (bytes: Uint8Array) => {
    destination.write(bytes.subarray(0, left));
    left -= bytes.byteLength;
    if (left > 0) return;
    source.off('data', take).resume();
    // The bytes that were written get on their way first.
    setTimeout(end, 50);
  };
  source.on('data', take);
  if (count === 0) setTimeout(end, 50);
}
