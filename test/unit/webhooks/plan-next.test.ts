import { loadConfig } from '../../../src/config/config.js';
import { planNext } from '../../../src/webhooks/endpoint-queue.js';

const now = new Date('2026-11-21T12:00:00.250Z');
const { webhookRetryDelaysMs } = loadConfig({});
const second = 1_000;

const planned = (attempts: number, status: number, retryAfter: string | null = null, attemptsBefore = 0) =>
  planNext({ attempts, attemptsBefore }, { status, retryAfter }, webhookRetryDelaysMs, now);
const waitOf = (...given: Parameters<typeof planned>) =>
  (planned(...given).nextAttemptAt?.getTime() ?? Number.NaN) - now.getTime();

test('ten attempts by the delays of Standard Webhooks, each up to a tenth later', () => {
  const hours = [5 / 3_600, 5 / 60, 0.5, 2, 5, 10, 14, 20, 24];
  for (const [attempts, delay] of hours.map((count) => count * 3_600 * second).entries()) {
    const waits = Array.from({ length: 50 }, () => waitOf(attempts, 500));
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(Math.floor(delay));
    expect(Math.max(...waits)).toBeLessThanOrEqual(delay * 1.1);
    expect(new Set(waits).size).toBeGreaterThan(10);
  }
  expect(planned(9, 500)).toMatchObject({ state: 'FAILED', nextAttemptAt: null });
});

test('a redelivery begins the delays anew', () => {
  expect(waitOf(10, 500, null, 10)).toBeLessThan(6 * second);
  expect(planned(19, 500, null, 10)).toMatchObject({ state: 'FAILED' });
});

test.each([
  ['120', 120],
  ['Sat, 21 Nov 2026 12:10:00 GMT', 599.75],
  ['999999999', 86_400],
  ['9'.repeat(400), 86_400],
  ['Sat, 21 Nov 2099 12:00:00 GMT', 86_400],
])('429 and 503 with Retry-After: %.40s are tried again after %d s', (retryAfter, seconds) => {
  for (const status of [429, 503]) expect(waitOf(0, status, retryAfter)).toBe(seconds * second);
});

test.each(['0', '-5', '', 'soon', '1', 'Sat, 21 Nov 1999 12:00:00 GMT', '1e9'])(
  'Retry-After: %s does not shorten the delay',
  (retryAfter) => {
    expect(waitOf(0, 429, retryAfter)).toBeGreaterThanOrEqual(5 * second);
    expect(waitOf(0, 429, retryAfter)).toBeLessThan(6 * second);
  },
);

test('Retry-After counts with these answers only, and gives no further attempt', () => {
  expect(waitOf(0, 500, '120')).toBeLessThan(6 * second);
  expect(planned(9, 429, '120')).toMatchObject({ state: 'FAILED', nextAttemptAt: null });
});

test.each([
  [200, 'DELIVERED', false],
  [299, 'DELIVERED', false],
  [300, 'QUEUED', false],
  [304, 'QUEUED', false],
  [404, 'QUEUED', false],
  [410, 'FAILED', true],
])('%d is %s', (status, state, endsSubscription) => {
  expect(planned(0, status)).toMatchObject({ state, endsSubscription, lastStatusCode: status });
});
