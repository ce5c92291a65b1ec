import { ClaimcheckError } from './client-error.js';

export interface RetryOptions {
  /** How often a failed attempt is repeated. */
  retries: number;
  signal: AbortSignal | undefined;
}

const firstPauseMs = 250;
const longestPauseMs = 10_000;
/** A service that asks for more than this is not waited for. */
const longestRetryAfterSeconds = 60;

/**
 * Repeats what fails for a passing reason: no answer, too many requests, a service that is not ready. Waits as long as the service
 * asks for, else longer each time. Rejects with the signal's reason once that is aborted.
 */
export async function withRetries<T>(
  { retries, signal }: RetryOptions,
  attempt: (failures: number) => Promise<T>,
): Promise<T> {
  for (let failures = 0; ; failures += 1) {
    signal?.throwIfAborted();
    try {
      return await attempt(failures);
    } catch (error) {
      signal?.throwIfAborted();
      if (failures >= retries || !isPassing(error)) throw error;
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

function isPassing(error: unknown): error is ClaimcheckError {
  return (
    error instanceof ClaimcheckError &&
    error.isPassing &&
    (error.retryAfterSeconds ?? 0) <= longestRetryAfterSeconds
  );
}

function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', abort, { once: true });
  });
}

/** A signal that is aborted with another, for work that also ends by itself. `AbortSignal.any` is too new for browsers. */
export function abortWith(signal: AbortSignal | undefined): { signal: AbortSignal; end(): void } {
  const controller = new AbortController();
  const abort = () => controller.abort(signal?.reason);
  if (signal?.aborted) abort();
  signal?.addEventListener('abort', abort, { once: true });
  return {
    signal: controller.signal,
    end: () => {
      signal?.removeEventListener('abort', abort);
      controller.abort();
    },
  };
}
