import { Agent, type IncomingMessage, request as openRequest } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

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
  requests: number;
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
  /** The body of a JSON answer; empty for any other. */
  text: string;
}

const answerTimeoutMs = 60_000;

/** Sends `request` over and over, `concurrency` at once. The first answer that is not as it should be ends it with an error. */
export async function runLoad(origin: string, request: LoadRequest, bounds: LoadBounds): Promise<LoadResult> {
  const agent = openAgent(bounds.concurrency);
  const latencies: number[] = [];
  const begun = performance.now();
  const end = begun + bounds.seconds * 1000;
  let left = bounds.requests;

  async function sendInTurn(): Promise<void> {
    while (left > 0 && performance.now() < end) {
      left -= 1;
      const sent = performance.now();
      assertGood(request, await exchange(agent, origin, request));
      latencies.push(performance.now() - sent);
    }
  }

  try {
    await Promise.all(Array.from({ length: bounds.concurrency }, sendInTurn));
  } finally {
    agent.destroy();
  }
  return { rate: (latencies.length * 1000) / (performance.now() - begun), latencies };
}

export function openAgent(maxSockets: number): Agent {
  return new Agent({ keepAlive: true, maxSockets, timeout: answerTimeoutMs });
}

/** One request and its whole answer, whatever its status. */
export function exchange(agent: Agent, origin: string, request: LoadRequest): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { method, headers, body } = request;
    const outgoing = openRequest(origin + request.path, { agent, method, headers });
    outgoing.on('response', (incoming) => readAnswer(incoming).then(resolve, reject));
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${answerTimeoutMs} ms`)));
    outgoing.on('error', reject);
    if (body.length > 1) pipeline(Readable.from(body), outgoing).catch(reject);
    else outgoing.end(body[0]);
  });
}

function readAnswer(incoming: IncomingMessage): Promise<Answer> {
  const isJson = /json/.test(incoming.headers['content-type'] ?? '');
  const kept: Buffer[] = [];
  let size = 0;
  return new Promise((resolve, reject) => {
    incoming.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (isJson) kept.push(chunk);
    });
    incoming.on('end', () =>
      resolve({ status: incoming.statusCode ?? 0, size, text: Buffer.concat(kept).toString() }),
    );
    incoming.on('error', reject);
  });
}

/** Throws unless the answer is a 200 of the right size that carries no GraphQL errors. */
export function assertGood(request: LoadRequest, answer: Answer): void {
  const isWhole = request.answerSize === undefined || request.answerSize === answer.size;
  if (answer.status === 200 && isWhole && !answer.text.includes('"errors":')) return;
  const received = `${answer.status}, ${answer.size} bytes ${answer.text.slice(0, 500)}`;
  throw new Error(`${request.method} ${request.path} was answered with ${received}`);
}
