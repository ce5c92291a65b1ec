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
    const { statusCode, body } = await this.#pool.request({
      method: 'POST',
      path: this.#path,
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: `{"input":${batch ? `[${inputs.join(',')}]` : inputs[0]}}`,
      signal: AbortSignal.timeout(timeoutMs),
    });
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
