import { type buildConnector, Client } from 'undici';
import { ForbiddenAddressError } from './check-webhooks.js';
import { ForbiddenPortError } from './guarded-connector.js';

/** The result of an attempt. */
export type Answer =
  | { status: number; retryAfter: string | null }
  /** No answer: why not, in a short sentence fit to be shown. */
  | { status: null; error: string };

export interface Post {
  connect: buildConnector.connector;
  uri: string;
  headers: Readonly<Record<string, string>>;
  body: string;
  /** For the connection, the answer's headers and its body together. */
  timeoutMs: number;
  /** Gives the attempt up. */
  signal: AbortSignal;
}

/** Bytes of an answer's body that are read, for the receiver's sake. Nothing in them counts. */
const maxAnswerBytes = 1_024;

const tooLate = Symbol('too late');

/** Sends a webhook over a connection of its own; redirects are not followed. Rejects only where `signal` gives it up. */
export async function postWebhook(post: Post): Promise<Answer> {
  const { uri, connect, timeoutMs, signal } = post;
  signal.throwIfAborted();
  const end = new AbortController();
  const giveUp = () => end.abort(signal.reason);
  const timer = setTimeout(() => end.abort(tooLate), timeoutMs);
  signal.addEventListener('abort', giveUp);
  const client = new Client(new URL(uri).origin, {
    connect,
    pipelining: 0,
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  // A request that has no connection yet does not look at its signal.
  end.signal.addEventListener('abort', () => client.destroy(() => undefined));
  try {
    return await request(client, post, end.signal);
  } catch (error) {
    signal.throwIfAborted();
    return { status: null, error: end.signal.aborted ? timeoutSentence(timeoutMs) : describe(error) };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', giveUp);
    client.destroy(() => undefined);
  }
}

async function request(client: Client, { uri, headers, body }: Post, signal: AbortSignal): Promise<Answer> {
  const { pathname, search } = new URL(uri);
  const answer = await client.request({
    method: 'POST',
    path: `${pathname}${search}`,
    headers: { 'content-type': 'application/json', 'user-agent': 'Claimcheck', ...headers },
    body,
    signal,
  });
  await readSome(answer.body);
  const retryAfter = answer.headers['retry-after'];
  return { status: answer.statusCode, retryAfter: typeof retryAfter === 'string' ? retryAfter : null };
}

/** The status has been given by then, so a body that breaks off or never ends takes nothing back. */
async function readSome(body: AsyncIterable<Buffer>): Promise<void> {
  let read = 0;
  try {
    for await (const chunk of body) {
      read += chunk.length;
      if (read >= maxAnswerBytes) return;
    }
  } catch {
    return;
  }
}

const timeoutSentence = (timeoutMs: number) => `No answer within ${timeoutMs / 1_000} s.`;

/** An error's message may hold addresses and more; its code does not. */
function describe(error: unknown): string {
  if (error instanceof ForbiddenAddressError || error instanceof ForbiddenPortError) return error.message;
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code)
    ? `The connection failed: ${code}.`
    : 'The connection failed.';
}
