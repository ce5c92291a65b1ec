import { v7 as uuidv7 } from 'uuid';
import { WebhookDeliveryRow, WebhookSubscriptionRow } from '../../../src/database/entities/webhook.js';
import { toPageRequest } from '../../../src/database/page.js';
import { createDeliverWebhook } from '../../../src/webhooks/deliver.js';
import { fanOut, forgetWebhooks, subscribe } from '../../../src/webhooks/fan-out.js';
import { countDeliveries, findDelivery, listDeliveries } from '../../../src/webhooks/list-deliveries.js';
import { redeliverWebhook } from '../../../src/webhooks/settle-delivery.js';
import { answer, inTurn, startReceiver, verify } from './receiver.js';
import { approval, setStage, viewerOf, waitFor } from './stage.js';

const uri = 'http://127.0.0.1:9/';
const stranger = viewerOf(uuidv7());

describe('fan-out', () => {
  test('queues for those who wait for it, and nothing where the verdict is undone', async () => {
    await using stage = await setStage();
    const { database, jobs, viewer } = stage;
    await jobs.stop();
    const id = uuidv7();
    await database.write((manager) =>
      subscribe(
        manager,
        viewer,
        id,
        [
          { uri, interactions: ['ATTACHMENT_REJECTED', 'ATTACHMENT_REJECTED'] },
          { uri: 'http://127.0.0.1:9/all', interactions: ['ATTACHMENT_APPROVED', 'ATTACHMENT_REJECTED'] },
        ],
        new Date(),
      ),
    );
    await stage.approve(id);
    expect(await stage.deliveries(id)).toMatchObject([{ uri: 'http://127.0.0.1:9/all', state: 'QUEUED' }]);
    const rejection = { reason: 'MALWARE', message: 'Found something.', signature: 'Eicar' };
    const rejected = {
      ...approval(viewer, id),
      interaction: 'ATTACHMENT_REJECTED' as const,
      rejection: { ...rejection, secret: 'kept' },
    };
    const undone = database.write(async (manager) => {
      await fanOut({ jobs }, manager, rejected);
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    expect(await stage.deliveries(id)).toHaveLength(1);
    await database.write((manager) => fanOut({ jobs }, manager, rejected));
    const [, ...others] = await stage.deliveries(id);
    expect(others.map((one) => one.uri)).toEqual([uri, 'http://127.0.0.1:9/all']);
    for (const { body } of others) {
      expect(JSON.parse(body)).toMatchObject({ type: 'attachment_rejected', data: { rejection } });
      expect(body).not.toContain('kept');
    }
  });

  test('is not for the copies of an attachment, nor for another organization', async () => {
    await using stage = await setStage();
    const { database, jobs } = stage;
    const id = await stage.subscribed(uri);
    const copy = uuidv7();
    await stage.approve(copy);
    await database.write((manager) => fanOut({ jobs }, manager, approval(stranger, id)));
    expect(await database.read.count(WebhookDeliveryRow)).toBe(0);
  });
});

test('deliveries are listed page by page, the newest first, in their organization only', async () => {
  await using stage = await setStage();
  const { database, jobs, viewer } = stage;
  await jobs.stop();
  const id = await stage.subscribed(...Array.from({ length: 7 }, (_, index) => `${uri}${index}`));
  await stage.approve(id);
  const all = (await stage.deliveries(id)).map((one) => one.id).toReversed();
  const seen: string[] = [];
  let after: string | null = null;
  const sizes: number[] = [];
  do {
    const page = await listDeliveries(
      database.read,
      viewer,
      { attachmentId: id, states: null },
      toPageRequest({ first: 3, after }),
    );
    const before = page.edges[0]?.cursor ?? null;
    const previous = await listDeliveries(
      database.read,
      viewer,
      { attachmentId: id, states: null },
      toPageRequest({ last: 1, before }),
    );
    expect(previous.edges.map(({ node }) => node.id)).toEqual(seen.slice(-1));
    seen.push(...page.edges.map(({ node }) => node.id));
    sizes.push(page.edges.length);
    after = page.hasMore ? (page.edges.at(-1)?.cursor ?? null) : null;
  } while (after !== null);
  expect([seen, sizes]).toEqual([all, [3, 3, 1]]);
  expect(await countDeliveries(database.read, viewer, { attachmentId: id, states: null })).toEqual({
    count: 7,
    isExact: true,
  });
  const theirs = await listDeliveries(
    database.read,
    stranger,
    { attachmentId: id, states: null },
    toPageRequest({ first: 3 }),
  );
  expect(theirs.edges).toEqual([]);
  expect(await countDeliveries(database.read, stranger, { attachmentId: id, states: null })).toEqual({
    count: 0,
    isExact: true,
  });
  expect(await findDelivery(database.read, stranger, seen[0] ?? '')).toBeNull();
  expect(await findDelivery(database.read, viewer, seen[0] ?? '')).toMatchObject({ id: all[0] });
  for (const wrong of [
    { first: 3, after: 'x' },
    { first: 1_001, after: null },
  ]) {
    const list = async () =>
      listDeliveries(database.read, viewer, { attachmentId: id, states: null }, toPageRequest(wrong));
    await expect(list()).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
  }
});

describe('redelivery', () => {
  test('sends the same delivery again at once; its delays begin anew', async () => {
    await using stage = await setStage();
    await using receiver = await startReceiver(
      inTurn(answer(500), answer(500), answer(500), answer(500), answer(200)),
    );
    const id = await stage.subscribed(receiver.uri);
    await stage.approve(id);
    const failed = await stage.until(id, { state: 'FAILED' });
    const queued = await redeliverWebhook(stage.deps, stage.viewer, failed.id);
    expect(queued).toMatchObject({ id: failed.id, state: 'QUEUED', attempts: 3 });
    expect(await stage.until(id, { state: 'DELIVERED' })).toMatchObject({ attempts: 5, body: failed.body });
    await redeliverWebhook(stage.deps, stage.viewer, failed.id);
    await stage.until(id, { state: 'DELIVERED', attempts: 6 });
    expect(receiver.received).toHaveLength(6);
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id']))).toEqual(
      new Set([failed.id]),
    );
    for (const one of receiver.received) verify(one, stage.secret);
  });

  test('makes one that waits due at once, in its turn of the delays', async () => {
    await using stage = await setStage({ webhookRetryDelaysMs: [60_000] });
    await using receiver = await startReceiver(answer(500));
    const id = await stage.subscribed(receiver.uri);
    await stage.approve(id);
    const waiting = await stage.until(id, { attempts: 1 });
    expect(waiting.nextAttemptAt?.getTime()).toBeGreaterThan(Date.now() + 50_000);
    await redeliverWebhook(stage.deps, stage.viewer, waiting.id);
    expect(await stage.until(id, { attempts: 2 })).toMatchObject({ state: 'FAILED' });
  });

  test('during an attempt leaves one outcome', async () => {
    await using stage = await setStage();
    let answer = () => {};
    const asked = new Promise<void>((resolve) => {
      answer = resolve;
    });
    await using receiver = await startReceiver((response) => {
      void asked.then(() => response.writeHead(200).end());
    });
    const id = await stage.subscribed(receiver.uri);
    await stage.approve(id);
    await waitFor(() => receiver.received[0]);
    const [delivery] = await stage.deliveries(id);
    await Promise.all(
      Array.from({ length: 5 }, () => redeliverWebhook(stage.deps, stage.viewer, delivery?.id ?? '')),
    );
    answer();
    await stage.until(id, { state: 'DELIVERED', attempts: 1 });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(receiver.received).toHaveLength(1);
  });

  test('is for its organization only', async () => {
    await using stage = await setStage();
    await using receiver = await startReceiver();
    const id = await stage.subscribed(receiver.uri);
    await stage.approve(id);
    const { id: deliveryId } = await stage.until(id, { state: 'DELIVERED' });
    for (const [viewer, wanted] of [
      [stranger, deliveryId],
      [stage.viewer, uuidv7()],
      [stage.viewer, 'x'],
    ] as const) {
      await expect(redeliverWebhook(stage.deps, viewer, wanted)).rejects.toMatchObject({
        code: 'NOT_FOUND',
        details: [{ loc: ['input', 'deliveryId'] }],
      });
    }
    expect(receiver.received).toHaveLength(1);
  });
});

describe('an attachment that is deleted', () => {
  test('takes its subscriptions and what is done with it; what is queued is sent and then goes', async () => {
    await using stage = await setStage();
    const { database } = stage;
    await using receiver = await startReceiver(inTurn(answer(200), answer(500), answer(200)));
    const id = await stage.subscribed(receiver.uri);
    await stage.approve(id);
    await stage.until(id, { state: 'DELIVERED' });
    await database.write(async (manager) => {
      await fanOut(stage.deps, manager, approval(stage.viewer, id));
      await forgetWebhooks(manager, [id]);
    });
    expect(await stage.deliveries(id)).toHaveLength(1);
    await waitFor(async () => (await stage.deliveries(id)).length === 0 || undefined);
    expect(receiver.received).toHaveLength(3);
    expect(await database.read.count(WebhookSubscriptionRow)).toBe(0);
  });

  test('leaves those of others alone, and nothing behind where the receiver is gone', async () => {
    await using stage = await setStage();
    await using gone = await startReceiver(answer(410));
    const id = await stage.subscribed(gone.uri);
    const other = await stage.subscribed(uri);
    await stage.database.write(async (manager) => {
      for (let count = 0; count < 3; count += 1) {
        await fanOut(stage.deps, manager, approval(stage.viewer, id));
      }
      await forgetWebhooks(manager, [id]);
    });
    await waitFor(async () => (await stage.deliveries(id)).length === 0 || undefined);
    expect(await stage.database.read.countBy(WebhookSubscriptionRow, { attachmentId: other })).toBe(1);
  });
});

test('a process that stops gives its attempt up; the job that runs later sends again', async () => {
  await using stage = await setStage({ webhookTimeoutMs: 15_000 });
  await using receiver = await startReceiver((response, number) => {
    if (number > 1) response.writeHead(200).end();
  });
  const id = await stage.subscribed(receiver.uri);
  await stage.approve(id);
  await waitFor(() => receiver.received[0]);
  const start = Date.now();
  await stage.jobs.stop();
  expect(Date.now() - start).toBeLessThan(1_000);
  expect(await stage.deliveries(id)).toMatchObject([{ state: 'QUEUED', attempts: 0, lastError: null }]);
  const attempt = { number: 1, isLast: false, signal: new AbortController().signal };
  await createDeliverWebhook(stage.deps).run(stage.jobs.enqueued[0]?.payload, attempt);
  expect(await stage.deliveries(id)).toMatchObject([{ state: 'DELIVERED', attempts: 1 }]);
  expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
});
