import { setTimeout as sleep } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import { WebhookSubscriptionRow } from '../../../src/database/entities/webhook.js';
import type { ResolveName } from '../../../src/webhooks/check-webhooks.js';
import { createDeliverWebhook } from '../../../src/webhooks/deliver.js';
import { fanOut, subscribe } from '../../../src/webhooks/fan-out.js';
import { makeWebhookSecret } from '../../../src/webhooks/sign-webhook.js';
import { report } from '../../support/report.js';
import { answer, type Behaviour, inTurn, startReceiver, verify } from './receiver.js';
import { approval, setStage, viewerOf, waitFor } from './stage.js';

const hang: Behaviour = () => undefined;
const reset: Behaviour = (response) => response.destroy();

test('a verdict is delivered once, signed, with the body that is promised', async () => {
  await using stage = await setStage();
  await using receiver = await startReceiver();
  const id = await stage.subscribed(receiver.uri);
  await stage.approve(id);
  const delivery = await stage.until(id, { state: 'DELIVERED' });
  expect(delivery).toMatchObject({ attempts: 1, lastStatusCode: 204, lastError: null, nextAttemptAt: null });
  await sleep(200);
  expect(receiver.received).toHaveLength(1);
  const [first] = receiver.received;
  if (!first) throw new Error('Nothing came.');
  expect(first.path).toBe('/hook?tenant=7');
  expect(first.headers).toMatchObject({
    'webhook-id': delivery.id,
    'content-type': 'application/json',
    connection: 'close',
  });
  expect(verify(first, stage.secret)).toEqual({
    type: 'attachment_approved',
    timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
    data: {
      attachment: {
        id,
        organizationId: stage.viewer.organizationId,
        fileName: 'Änderung.txt',
        contentType: 'text/plain',
        size: 19,
        md5: '0'.repeat(32),
        sha256: '1'.repeat(64),
        status: 'APPROVED',
      },
      rejection: null,
    },
  });
  expect(() => verify({ ...first, body: `${first.body} ` }, stage.secret)).toThrow();
  expect(() => verify(first, makeWebhookSecret())).toThrow();
});

test('id and body stay over retries, timestamp and signature are fresh', async () => {
  let now = Date.now() - 100_000;
  const clock = () => {
    now += 2_000;
    return new Date(now);
  };
  await using stage = await setStage({ clock });
  await using receiver = await startReceiver(inTurn(answer(500), reset, answer(200)));
  const id = await stage.subscribed(receiver.uri);
  await stage.approve(id);
  const delivery = await stage.until(id, { state: 'DELIVERED' });
  expect(delivery).toMatchObject({ attempts: 3, lastStatusCode: 200, lastError: null });
  const of = (name: string) => new Set(receiver.received.map(({ headers }) => headers[name]));
  expect(receiver.received).toHaveLength(3);
  expect([...of('webhook-id')]).toEqual([delivery.id]);
  expect(new Set(receiver.received.map(({ body }) => body)).size).toBe(1);
  expect(of('webhook-timestamp').size).toBe(3);
  expect(of('webhook-signature').size).toBe(3);
  for (const one of receiver.received) verify(one, stage.secret);
});

test('while rotating, every secret signs', async () => {
  const secrets = [makeWebhookSecret(), makeWebhookSecret()];
  await using stage = await setStage({ webhookSecrets: secrets });
  await using receiver = await startReceiver();
  const id = await stage.subscribed(receiver.uri);
  await stage.approve(id);
  await stage.until(id, { state: 'DELIVERED' });
  const [first] = receiver.received;
  expect(first?.headers['webhook-signature']?.split(' ')).toHaveLength(2);
  for (const secret of secrets) expect(first && verify(first, secret)).toMatchObject({ data: {} });
});

test.each<[string, Behaviour, number | null, RegExp]>([
  ['answers 500', answer(500), 500, /^The receiver answered 500\.$/],
  ['answers 404', answer(404), 404, /^The receiver answered 404\.$/],
  ['hangs', hang, null, /^No answer within 0\.2 s\.$/],
  ['resets the connection', reset, null, /^The connection failed: UND_ERR_SOCKET\.$/],
])('a receiver that %s has failed after the last attempt', async (_name, behave, status, error) => {
  await using stage = await setStage({ webhookTimeoutMs: 200 });
  await using receiver = await startReceiver(behave);
  const id = await stage.subscribed(receiver.uri);
  await stage.approve(id);
  const delivery = await stage.until(id, { state: 'FAILED' });
  expect(delivery).toMatchObject({ attempts: 3, lastStatusCode: status, nextAttemptAt: null });
  expect(delivery.lastError).toMatch(error);
  expect(receiver.received).toHaveLength(3);
});

test('a redirect is a failure and not followed', async () => {
  await using inside = await startReceiver();
  await using stage = await setStage({ webhookRetryDelaysMs: [] });
  await using receiver = await startReceiver(answer(307, { location: inside.uri }));
  const id = await stage.subscribed(receiver.uri);
  await stage.approve(id);
  expect(await stage.until(id, { state: 'FAILED' })).toMatchObject({ attempts: 1, lastStatusCode: 307 });
  expect(inside.connections.made).toBe(0);
});

test('410 ends the subscription, and no other', async () => {
  await using stage = await setStage();
  await using gone = await startReceiver(answer(410));
  await using other = await startReceiver();
  const id = await stage.subscribed(gone.uri, other.uri);
  await stage.approve(id);
  expect(await stage.until(id, { state: 'FAILED' })).toMatchObject({ attempts: 1, lastStatusCode: 410 });
  await stage.until(id, { state: 'DELIVERED' });
  await stage.approve(id);
  await sleep(200);
  expect([gone.received.length, other.received.length]).toEqual([1, 2]);
  const rows = await stage.database.read.findBy(WebhookSubscriptionRow, { attachmentId: id });
  expect(rows.map(({ uri, endedAt }) => [uri, endedAt === null])).toEqual([
    [gone.uri, false],
    [other.uri, true],
  ]);
});

test('a good status stands, whatever becomes of the body', async () => {
  const endless: Behaviour = (response) => {
    response.writeHead(200).write('x'.repeat(100_000));
  };
  const silent: Behaviour = (response) => {
    response.writeHead(200).write('x');
  };
  await using stage = await setStage({ webhookTimeoutMs: 300 });
  await using first = await startReceiver(endless);
  await using second = await startReceiver(silent);
  for (const { uri } of [first, second]) {
    const id = await stage.subscribed(uri);
    await stage.approve(id);
    expect(await stage.until(id, { state: 'DELIVERED' })).toMatchObject({ attempts: 1 });
  }
});

test('a job that runs again does nothing once its attempt is written down', async () => {
  await using stage = await setStage({ webhookRetryDelaysMs: [60_000] });
  await using receiver = await startReceiver(answer(500));
  const id = await stage.subscribed(receiver.uri);
  await stage.approve(id);
  await stage.until(id, { attempts: 1 });
  const [job] = stage.jobs.enqueued;
  const attempt = { number: 2, isLast: false, signal: new AbortController().signal };
  await createDeliverWebhook(stage.deps).run(job?.payload, attempt);
  expect(receiver.received).toHaveLength(1);
  expect(await stage.deliveries(id)).toMatchObject([{ attempts: 1, state: 'QUEUED' }]);
});

test('two runs of one job at once count as one attempt', async () => {
  await using stage = await setStage({ webhookRetryDelaysMs: [60_000] });
  await using receiver = await startReceiver((response) => {
    setTimeout(() => response.writeHead(500).end(), 100);
  });
  await stage.jobs.stop();
  const id = await stage.subscribed(receiver.uri);
  await stage.approve(id);
  const { run } = createDeliverWebhook(stage.deps);
  const attempt = { number: 1, isLast: false, signal: new AbortController().signal };
  const payload = stage.jobs.enqueued[0]?.payload;
  await Promise.all([run(payload, attempt), run(payload, attempt)]);
  expect(receiver.received).toHaveLength(2);
  expect(await stage.deliveries(id)).toMatchObject([{ attempts: 1, state: 'QUEUED' }]);
  expect(stage.jobs.enqueued).toHaveLength(2);
});

test('a hanging receiver delays nobody else and gets few connections', async () => {
  const webhookTimeoutMs = 15_000;
  await using stage = await setStage({ webhookTimeoutMs });
  await using hanging = await startReceiver(hang);
  await using brisk = await startReceiver();
  const [slowCount, briskCount] = [100, 10];
  const slow = await Promise.all(Array.from({ length: slowCount }, () => stage.subscribed(hanging.uri)));
  await Promise.all(slow.map((id) => stage.approve(id)));
  const took: number[] = [];
  for (let index = 0; index < briskCount; index += 1) {
    const id = await stage.subscribed(brisk.uri);
    const start = Date.now();
    await stage.approve(id);
    await stage.until(id, { state: 'DELIVERED' });
    took.push(Date.now() - start);
  }
  report(
    `${slowCount} deliveries to a hanging receiver: ${hanging.connections.most} connections at most, ` +
      `${stage.jobs.enqueued.length - slowCount - briskCount} put off; another's ${briskCount} took ${Math.max(...took)} ms at most`,
  );
  // Whoever waits for a hanging one waits for its whole time limit; a busy machine may hold up one of ten for a little.
  expect(took.toSorted((one, other) => one - other)[briskCount / 2]).toBeLessThan(2_000);
  expect(Math.max(...took)).toBeLessThan(webhookTimeoutMs / 3);
  expect(hanging.connections.most).toBeLessThanOrEqual(8);
});

test('many hanging receivers of one organization delay no other organization', async () => {
  const webhookTimeoutMs = 15_000;
  await using stage = await setStage({ webhookTimeoutMs });
  const hanging = await Promise.all(Array.from({ length: 100 }, () => startReceiver(hang)));
  await using brisk = await startReceiver();
  const hung = () => hanging.filter(({ connections }) => connections.made > 0).length;
  try {
    for (const { uri } of hanging) await stage.approve(await stage.subscribed(uri));
    await waitFor(() => (hung() >= 40 ? true : undefined));
    const [other, id] = [viewerOf(uuidv7()), uuidv7()];
    const webhooks = [{ uri: brisk.uri, interactions: ['ATTACHMENT_APPROVED'] as const }];
    const start = Date.now();
    await stage.database.write(async (manager) => {
      await subscribe(manager, other, id, webhooks, new Date());
      await fanOut(stage, manager, approval(other, id));
    });
    await stage.until(id, { state: 'DELIVERED' });
    const took = Date.now() - start;
    report(`${hung()} of ${hanging.length} hang; the delivery of another organization took ${took} ms`);
    // Whoever waits for one that hangs waits for its whole time limit.
    expect(took).toBeLessThan(webhookTimeoutMs / 3);
    expect(hung()).toBeLessThan(50);
  } finally {
    await Promise.all(hanging.map((each) => each[Symbol.asyncDispose]()));
  }
});

test('names that no server answers for take few threads, and delay no other organization', async () => {
  let silent = 0;
  const resolveName: ResolveName = (name) => {
    if (!name.startsWith('silent')) return Promise.resolve([{ address: '127.0.0.1', family: 4 }]);
    silent += 1;
    return new Promise(() => undefined);
  };
  const webhookTimeoutMs = 15_000;
  await using stage = await setStage({ resolveName, webhookTimeoutMs });
  await using brisk = await startReceiver();
  const named = (name: string) => brisk.uri.replace('127.0.0.1', name);
  for (let index = 0; index < 30; index += 1)
    await stage.approve(await stage.subscribed(named(`silent-${index}.example`)));
  await waitFor(() => (silent >= 3 ? true : undefined));
  const [other, id] = [viewerOf(uuidv7()), uuidv7()];
  const webhooks = [{ uri: named('brisk.example'), interactions: ['ATTACHMENT_APPROVED'] as const }];
  await stage.database.write(async (manager) => {
    await subscribe(manager, other, id, webhooks, new Date());
    await fanOut(stage, manager, approval(other, id));
  });
  const start = Date.now();
  await stage.until(id, { state: 'DELIVERED' });
  report(`${silent} lookups hang; the delivery of another organization took ${Date.now() - start} ms`);
  expect(silent).toBe(3);
});

test('many deliveries to one brisk receiver take no detour', async () => {
  await using stage = await setStage();
  await using receiver = await startReceiver();
  const count = 100;
  const ids = await Promise.all(Array.from({ length: count }, () => stage.subscribed(receiver.uri)));
  const start = Date.now();
  await Promise.all(ids.map((id) => stage.approve(id)));
  for (const id of ids) await stage.until(id, { state: 'DELIVERED' });
  report(
    `${count} deliveries to one receiver: ${Date.now() - start} ms, ${receiver.connections.most} connections at most, ` +
      `${stage.jobs.enqueued.length - count} put off`,
  );
  expect(receiver.received).toHaveLength(count);
  expect(receiver.connections.most).toBeLessThanOrEqual(10);
});
