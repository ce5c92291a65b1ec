import { postWebhook } from '../../../src/webhooks/post-webhook.js';

/** To a receiver whose connection never comes about. */
const post = (signal: AbortSignal, timeoutMs: number) =>
  postWebhook({
    connect: () => undefined,
    uri: 'http://127.0.0.1/',
    headers: {},
    body: '{}',
    timeoutMs,
    signal,
  });

test('an attempt that is given up while it connects ends at once', async () => {
  const stop = new AbortController();
  const posted = post(stop.signal, 600_000);
  stop.abort(new Error('The process stops.'));
  await expect(posted).rejects.toThrow('The process stops.');
});

test('one that does not connect in its time ends then', async () => {
  const { signal } = new AbortController();
  expect(await post(signal, 20)).toEqual({ status: null, error: 'No answer within 0.02 s.' });
});
