import { randomInt } from 'node:crypto';
import type { WebhookDeliveryRow } from '../database/entities/webhook-delivery.js';
import type { Answer } from './post-webhook.js';

/** The next step of a delivery after an attempt. */
export interface Plan {
  state: 'QUEUED' | 'DELIVERED' | 'FAILED';
  lastStatusCode: number | null;
  lastError: string | null;
  /** Null unless QUEUED. */
  nextAttemptAt: Date | null;
  /** The receiver has said that it wants no more. */
  endsSubscription: boolean;
}

type Attempted = Pick<WebhookDeliveryRow, 'attempts' | 'attemptsBefore'>;

const gone = 410;

/** Answers by which a receiver may say when to come back. */
const comeBackLater = new Set([429, 503]);

const longestRetryAfterMs = 86_400_000;

/**
 * 2xx is delivered and 410 the end; everything else is tried again after the next of `retryDelaysMs`, until they are used up.
 * `delivery` is as it was before the attempt.
 */
export function planNext(
  delivery: Attempted,
  answer: Answer,
  retryDelaysMs: readonly number[],
  now: Date,
): Plan {
  const { status } = answer;
  const done = { lastStatusCode: status, nextAttemptAt: null, endsSubscription: status === gone };
  if (status !== null && status >= 200 && status < 300)
    return { ...done, state: 'DELIVERED', lastError: null };
  const lastError = answer.status === null ? answer.error : `The receiver answered ${answer.status}.`;
  const delayMs = retryDelaysMs[delivery.attempts - delivery.attemptsBefore];
  if (delayMs === undefined || status === gone) return { ...done, state: 'FAILED', lastError };
  const waitMs = Math.max(withJitter(delayMs), wishedDelayMs(answer, now));
  return { ...done, state: 'QUEUED', lastError, nextAttemptAt: new Date(now.getTime() + waitMs) };
}

/** Up to a tenth more, so that what failed together does not come back together. */
const withJitter = (delayMs: number) => delayMs + randomInt(Math.floor(delayMs / 10) + 1);

/** The delay a receiver asks for, as seconds or as a date; 0 where it asks for none, a day at most. */
function wishedDelayMs(answer: Answer, now: Date): number {
  if (answer.status === null || answer.retryAfter === null || !comeBackLater.has(answer.status)) return 0;
  const { retryAfter } = answer;
  const wished = /^\d+$/.test(retryAfter)
    ? Number(retryAfter) * 1_000
    : Date.parse(retryAfter) - now.getTime();
  return wished > 0 ? Math.min(wished, longestRetryAfterMs) : 0;
}
