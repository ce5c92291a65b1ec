import type { AttachmentErrorCode } from './schema-types.js';

/** The service's codes, and two of the client's own: nothing answers, or not Claimcheck. */
export type ClaimcheckErrorCode = AttachmentErrorCode | 'UNREACHABLE' | 'UNEXPECTED_ANSWER';

/** One fault of a refused request. */
export interface ClaimcheckErrorDetail {
  /** A path into the input, such as `['input', 'fileName']`. */
  loc: (string | number)[];
  /** A sentence for people. */
  msg: string;
  /** Its kind, as docs/errors.md lists them. */
  type: string;
}

/** Whether the same request may succeed later. A test compares them with the service's own. */
export const retryableCodes: ReadonlySet<string> = new Set([
  ...['UPLOAD_NOT_FINISHED', 'NOT_APPROVED', 'RATE_LIMITED', 'STORAGE_UNAVAILABLE'],
  ...['AUTHORIZER_UNAVAILABLE', 'INTERNAL_SERVER_ERROR', 'UNREACHABLE'],
]);

/** Time, or a change by somebody, has to come first. */
const notSoon: readonly string[] = ['NOT_APPROVED', 'INTERNAL_SERVER_ERROR'];

/** Statuses of proxies and of requests that came too slowly. */
const passingStatuses: readonly number[] = [408, 429, 502, 503, 504];

/** A service that asks for more than this is not waited for. */
const longestRetryAfterSeconds = 60;

interface ErrorOptions {
  message: string;
  code: ClaimcheckErrorCode;
  details?: readonly ClaimcheckErrorDetail[];
  status?: number | undefined;
  limit?: number | undefined;
  retryAfterSeconds?: number | undefined;
  cause?: unknown;
}

/** A refusal by the service, or no answer from it. */
export class ClaimcheckError extends Error {
  override readonly name = 'ClaimcheckError';
  declare readonly code: ClaimcheckErrorCode;
  /** Every fault at once; empty if the code says it all. */
  declare readonly details: readonly ClaimcheckErrorDetail[];
  /** The HTTP status; undefined if there was no answer. */
  declare readonly status: number | undefined;
  /** The bound that was passed, in bytes or items. */
  declare readonly limit: number | undefined;
  /** The service's own word on when to try again. */
  declare readonly retryAfterSeconds: number | undefined;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;

  constructor({ message, cause, ...told }: ErrorOptions) {
    super(message, { cause });
    Object.assign(this, { details: [], ...told });
    this.retryable = retryableCodes.has(told.code) || passingStatuses.includes(told.status ?? 0);
  }
}

/** Whether the client tries again by itself. */
export function isPassing(error: unknown): error is ClaimcheckError {
  return (
    error instanceof ClaimcheckError &&
    error.retryable &&
    !notSoon.includes(error.code) &&
    (error.retryAfterSeconds ?? 0) <= longestRetryAfterSeconds
  );
}

/** An HTTP answer, read to its end. */
export interface Answer {
  status: number;
  text: string;
  /** Null if it has none of this name. */
  header(name: string): string | null;
  /** In Node: the URL that has answered, at the end of all redirects. */
  url?: string;
}

interface Body {
  data?: unknown;
  errors: Fault[];
}

interface Fault {
  message: string;
  extensions?: Partial<Extensions>;
}

interface Extensions {
  code: AttachmentErrorCode;
  details: ClaimcheckErrorDetail[];
  limit: number;
}

/** The data of an answer. Throws ClaimcheckError for a refusal, and for what is no answer of the service. */
export function dataOf(answer: Answer): unknown {
  const { data, errors } = parse(answer);
  const [first] = errors;
  if (first) throw refusal(answer, first, errors);
  if (data === undefined || data === null) throw unexpected(answer);
  return data;
}

/** The error that an answer other than 2xx stands for. */
export function errorOf(answer: Answer): ClaimcheckError {
  const { errors } = parse(answer);
  const [first] = errors;
  return first ? refusal(answer, first, errors) : unexpected(answer);
}

function refusal(answer: Answer, first: Fault, all: readonly Fault[]) {
  const { code, limit } = first.extensions ?? {};
  return new ClaimcheckError({
    message: first.message,
    code: code ?? 'UNEXPECTED_ANSWER',
    details: all.flatMap(({ extensions }) => extensions?.details ?? []),
    limit,
    status: answer.status,
    retryAfterSeconds: secondsOf(answer),
  });
}

function parse(answer: Answer): Body {
  try {
    const body: unknown = JSON.parse(answer.text);
    if (typeof body === 'object' && body !== null) {
      // Other services answer with errors, too, and have something else in it.
      const { data, errors }: { data?: unknown; errors?: unknown } = body;
      const all: (Partial<Fault> | null)[] = Array.isArray(errors) ? errors : [];
      return { data, errors: all.filter((one): one is Fault => one?.message !== undefined) };
    }
  } catch {
    // No JSON: told below.
  }
  throw unexpected(answer);
}

function unexpected(answer: Answer): ClaimcheckError {
  return refusal(answer, { message: `The answer is not one of Claimcheck: HTTP ${answer.status}.` }, []);
}

function secondsOf({ header }: Answer): number | undefined {
  const retryAfter = header('retry-after');
  return retryAfter !== null && /^\d{1,6}$/.test(retryAfter) ? Number(retryAfter) : undefined;
}

/** Nothing answers, or the connection broke off. */
export function unreachable(cause: unknown): ClaimcheckError {
  const error = cause as { message?: string; cause?: { message?: string } } | undefined;
  const reason = error?.cause?.message || error?.message;
  return new ClaimcheckError({
    message: `The service cannot be reached${reason ? `: ${reason}` : ''}.`,
    code: 'UNREACHABLE',
    cause,
  });
}

export interface RetryOptions {
  /** How often a failed attempt is repeated. */
  repeats: number;
  signal: AbortSignal | undefined;
}

const firstPauseMs = 250;
export const longestPauseMs = 10_000;

/**
 * Repeats what fails for a passing reason: no answer, too many requests, a service that is not ready. Waits as long as the service
 * asks for, else longer each time. Rejects with the signal's reason once that is aborted.
 */
export async function withRetries<T>(
  { repeats, signal }: RetryOptions,
  attempt: (failures: number) => Promise<T>,
): Promise<T> {
  for (let failures = 0; ; failures += 1) {
    signal?.throwIfAborted();
    try {
      return await attempt(failures);
    } catch (error) {
      signal?.throwIfAborted();
      if (failures >= repeats || !isPassing(error)) throw error;
      await pause(error.retryAfterSeconds, failures, signal);
    }
  }
}

/** Resolves once it is time for another attempt. */
export async function pause(
  retryAfterSeconds: number | undefined,
  failures: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const longest = Math.min(longestPauseMs, firstPauseMs * 2 ** failures);
  // Clients that failed together do not come back together.
  const [random = 0] = crypto.getRandomValues(new Uint8Array(1));
  await sleep((retryAfterSeconds ?? 0) * 1_000 + longest * (0.5 + random / 512), signal);
}

function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const letGo = onAbort(signal, () => {
      clearTimeout(timer);
      reject(signal?.reason);
    });
    const timer = setTimeout(() => {
      letGo();
      resolve();
    }, ms);
  });
}

/** Calls `run` once the signal is aborted, unless the result is called before. */
export function onAbort(signal: AbortSignal | undefined, run: () => void): () => void {
  signal?.addEventListener('abort', run, { once: true });
  return () => signal?.removeEventListener('abort', run);
}

/** A signal that is aborted with another, for work that also ends by itself. `AbortSignal.any` is too new for browsers. */
export function abortWith(signal: AbortSignal | undefined): { signal: AbortSignal; end(): void } {
  const controller = new AbortController();
  const abort = () => controller.abort(signal?.reason);
  if (signal?.aborted) abort();
  const letGo = onAbort(signal, abort);
  return {
    signal: controller.signal,
    end: () => {
      letGo();
      controller.abort();
    },
  };
}
