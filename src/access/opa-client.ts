import { Pool } from 'undici';

const maxAnswerBytes = 65_536;

export interface OpaClientOptions {
  /** The address of a decision, such as `http://127.0.0.1:8181/v1/data/records/allow`. */
  url: string;
  connections: number;
  /** From the sending of a question to the end of its answer. */
  timeoutMs: number;
  /** Whether the policy takes an array of questions. */
  batch: boolean;
}

/** Speaks the data API of Open Policy Agent. */
export class OpaClient {
  readonly #options: OpaClientOptions;
  readonly #pool: Pool;
  readonly #path: string;

  constructor(options: OpaClientOptions) {
    const { origin, pathname, search } = new URL(options.url);
    this.#options = options;
    this.#pool = new Pool(origin, { connections: options.connections, pipelining: 1 });
    this.#path = `${pathname}${search}`;
  }

  /**
   * The answers to `inputs`, which are JSON; more than one only if the policy takes arrays. Throws unless exactly
   * `{ "result": … }` came in time, with true or false for each; other members are not looked at.
   */
  async ask(inputs: readonly string[]): Promise<boolean[]> {
    const { batch, timeoutMs } = this.#options;
    const signal = AbortSignal.timeout(timeoutMs);
    const asking = this.#pool.request({
      method: 'POST',
      path: this.#path,
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: `{"input":${batch ? `[${inputs.join(',')}]` : inputs[0]}}`,
      signal,
    });
    // A request that has no connection yet does not look at its signal.
    const { statusCode, body } = await Promise.race([asking, rejectionBy(signal)]);
    const text = await readText(body);
    if (statusCode !== 200) throw new Error(`The record authorizer answered ${statusCode}.`);
    const result = parseResult(text);
    const results: unknown[] = batch && Array.isArray(result) ? result : [result];
    const isWhole = batch === Array.isArray(result) && results.length === inputs.length;
    if (isWhole && results.every((one) => typeof one === 'boolean')) return results;
    throw new Error(
      batch
        ? 'The record authorizer did not answer true or false to each question.'
        : 'The record authorizer answered neither true nor false.',
    );
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}

function rejectionBy(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

function parseResult(text: string): unknown {
  try {
    return (JSON.parse(text) as { result?: unknown } | null)?.result;
  } catch (cause) {
    throw new Error('The record authorizer answered no JSON.', { cause });
  }
}

async function readText(answer: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer) {
    size += chunk.length;
    if (size > maxAnswerBytes)
      throw new Error(`The record authorizer sent more than ${maxAnswerBytes} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

export interface OutageListener {
  /** Called once, with the first question that got no answer. */
  onOutage(error: unknown): void;
  /** Called once it answers again, with how many questions got no answer. */
  onRecovery(unanswered: number): void;
}

export interface Failure {
  isSilent: boolean;
  /** `answers` when the request was sent. */
  answers: number;
}

/** After this many requests in a row without an answer in time, the authorizer counts as dead. */
const deadAfter = 8;
/** An outage is over once there has been none without an answer for so long. */
const quietMs = 5_000;

/** Keeps track of whether the authorizer answers, so that a dead one is noticed by all and told once. */
export class Outage {
  readonly #listener: OutageListener;
  readonly #now: () => number;
  #silent = 0;
  #answers = 0;
  #unanswered = 0;
  #lastAt = 0;

  constructor(listener: OutageListener, now: () => number) {
    this.#listener = listener;
    this.#now = now;
  }

  /** Whether it is no use to ask. */
  get isDead(): boolean {
    return this.#silent >= deadAfter;
  }

  /** How many answers there were: to be remembered when a request is sent, and given to `failed`. */
  get answers(): number {
    return this.#answers;
  }

  answered(): void {
    this.#answers += 1;
    this.#silent = 0;
    if (this.#unanswered === 0 || this.#now() - this.#lastAt < quietMs) return;
    const unanswered = this.#unanswered;
    this.#unanswered = 0;
    this.#listener.onRecovery(unanswered);
  }

  /**
   * `isSilent`: nothing came in time. Any other failure is as quick as an answer, and nothing piles up behind it. If others
   * were answered since this was sent, then only this question is slow: nobody else is to suffer from it.
   */
  failed(error: unknown, questions: number, { isSilent, answers }: Failure): void {
    if (!isSilent) this.#silent = 0;
    else if (answers === this.#answers) this.#silent += 1;
    const isFirst = this.#unanswered === 0;
    this.#unanswered += questions;
    this.#lastAt = this.#now();
    if (isFirst) this.#listener.onOutage(error);
  }
}
