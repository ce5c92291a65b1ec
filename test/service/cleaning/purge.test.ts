import { setTimeout as sleep } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import { AttachmentRow } from '../../../src/database/entities/attachment.js';
import { WebhookDeliveryRow, type WebhookDeliveryState } from '../../../src/database/entities/webhook.js';
import { insertRows } from '../../../src/database/insert-row.js';
import type { AttachmentData } from '../../support/client.js';
import { report } from '../../support/report.js';
import { startService } from '../../support/service.js';
import { runsOnPostgres } from '../../support/test-database.js';
import { claim, faultsOf, link, see } from '../doors/links.js';
import { day, minute, PurgeStage } from './purge-stage.js';

const grace = 60 * minute;
const retention = 2 * day;

let purge: PurgeStage;
beforeEach(async () => {
  purge = await PurgeStage.open({ GRACE_PERIOD_MINUTES: '60', UNLINKED_RETENTION_DAYS: '2' });
});
afterEach(() => purge.expectNothingDangling());
afterEach(() => purge[Symbol.asyncDispose]());

const event = (id: string) => ({ type: 'Event', id });
const task = (id: string) => ({ type: 'Task', id });

describe('attachments', () => {
  test('go after the grace period, bytes and all, unless claimed or linked', async () => {
    const { owner } = purge.stage;
    const [unused, claimed, owned, shared] = [
      await purge.upload(),
      await purge.upload(),
      await purge.upload({ record: task('1') }),
      await purge.upload({ record: event('1'), field: 'files' }),
    ];
    await claim(owner, claimed.id, task('2'));
    const all = [unused, claimed, owned, shared];
    purge.now += grace;
    await purge.cleanUp();
    expect(await purge.left(...all)).toEqual([true, true, true, true]);
    purge.now += 1;
    await purge.cleanUp();
    expect(await purge.left(...all)).toEqual([false, true, true, true]);
    expect(await purge.stored(...all.map(({ documentKey }) => documentKey))).toEqual([
      false,
      true,
      true,
      true,
    ]);
    expect((await owner.download(unused.url)).status).toBe(404);
    expect(faultsOf(await claim(owner, unused.id, task('1')))?.code).toBe('NOT_FOUND');
  });

  test('that are late, but still there, can be claimed and linked: then they stay', async () => {
    const { owner } = purge.stage;
    const [claimed, linked] = [await purge.upload(), await purge.upload()];
    purge.now += 2 * grace;
    expect(faultsOf(await claim(owner, claimed.id, task('1')))).toBeUndefined();
    expect(faultsOf(await link(owner, { record: event('1'), attachmentIds: [linked.id] }))).toBeUndefined();
    await purge.cleanUp();
    expect(await purge.left(claimed, linked)).toEqual([true, true]);
  });

  test('that are linked stay, whatever end an earlier version has left them', async () => {
    const linked = await purge.upload({ record: event('1'), field: 'files' });
    const { database } = purge.stage.ledger;
    await database.write((manager) =>
      manager.update(AttachmentRow, { id: linked.id }, { expiresAt: new Date(purge.now - 1) }),
    );
    await purge.cleanUp();
    expect(await purge.left(linked)).toEqual([true]);
    expect(await see(purge.stage.owner, linked.id)).toMatchObject({ expiresAt: null });
  });

  test.each(['Event', 'Task'])(
    'that left a %s go after the retention, unless they are back',
    async (type) => {
      const record = { type, id: '1' };
      const { owner } = purge.stage;
      const attachments = [await purge.upload(), await purge.upload()];
      const ids = attachments.map(({ id }) => id);
      await link(owner, { record, attachmentIds: ids });
      purge.now += day;
      await link(owner, { record, attachmentIds: [] });
      purge.now += retention;
      await purge.cleanUp();
      expect(await purge.left(...attachments)).toEqual([true, true]);
      await link(owner, { record, attachmentIds: ids.slice(1) });
      purge.now += 1;
      await purge.cleanUp();
      expect(await purge.left(...attachments)).toEqual([false, true]);
    },
  );

  test('that were unlinked stay for good where the retention is 0', async () => {
    await using forGood = await PurgeStage.open({ UNLINKED_RETENTION_DAYS: '0' });
    const { owner } = forGood.stage;
    const attachment = await forGood.upload();
    await link(owner, { record: event('1'), attachmentIds: [attachment.id] });
    await link(owner, { record: event('1'), attachmentIds: [] });
    expect(await see(owner, attachment.id)).toMatchObject({ expiresAt: null, links: { totalCount: 0 } });
    forGood.now += 36_500 * day;
    await forGood.cleanUp();
    expect(await forGood.left(attachment)).toEqual([true]);
    await forGood.expectNothingDangling();
  });

  test('share their bytes with copies, which go with the last of them', async () => {
    const { owner } = purge.stage;
    const copy = async ({ id }: AttachmentData) => {
      const query = `mutation ($input: CopyAttachmentInput!) { copyAttachment(input: $input) { attachment { id } } }`;
      const made = await owner.ask<{ copyAttachment: { attachment: { id: string } } }>(query, {
        input: { attachmentId: id },
      });
      return made.copyAttachment.attachment;
    };
    const [original, kept] = [await purge.upload(), await purge.upload()];
    const [claimedCopy, lateCopy] = [await copy(original), await copy(kept)];
    const keys = [original.documentKey, kept.documentKey];
    await claim(owner, claimedCopy.id, task('1'));
    await claim(owner, kept.id, task('2'));
    purge.now += grace + 1;
    await purge.cleanUp();
    expect(await purge.left(original, claimedCopy, kept, lateCopy)).toEqual([false, true, true, false]);
    expect(await purge.stored(...keys)).toEqual([true, true]);
    expect(await (await owner.download(kept.url)).text()).toBe('not for long');

    const twin = await purge.upload();
    await copy(twin);
    purge.now += grace + 1;
    await purge.cleanUp();
    expect(await purge.stored(twin.documentKey)).toEqual([false]);
  });

  test('go however many there are, and hold nobody up', async () => {
    const original = await purge.upload();
    const { read, write } = purge.stage.ledger.database;
    const row = await read.findOneByOrFail(AttachmentRow, { id: original.id });
    const count = runsOnPostgres() ? 600 : 1_200;
    await write(async (manager) => {
      for (let made = 0; made < count; made += 100) {
        await manager.insert(
          AttachmentRow,
          Array.from({ length: 100 }, () => ({ ...row, id: uuidv7() })),
        );
      }
    });
    purge.now += grace + 1;
    const started = performance.now();
    const [answer] = await Promise.all([purge.upload({ record: task('1') }), purge.cleanUp()]);
    report(`purged ${count + 1} in ${Math.round(performance.now() - started)} ms`);
    expect((await purge.stage.ledger.count()).attachments).toBe(1);
    expect(await purge.stored(original.documentKey, answer.documentKey)).toEqual([false, true]);
  });
});

test('a restart cleans at once', async () => {
  const [late, early] = [await purge.upload(), await purge.upload({ record: task('1') })];
  const { dataDirectory, key } = purge.stage.service;
  const clock = () => new Date(purge.now + grace + 1);
  await using restarted = await startService({ DATA_DIR: dataDirectory, BOOTSTRAP_API_KEY: key }, { clock });
  for (let waited = 0; (await purge.stored(late.documentKey))[0] && waited < 10_000; waited += 20)
    await sleep(20);
  expect(await purge.left(late, early)).toEqual([false, true]);
  expect((await restarted.client.download(early.url)).status).toBe(200);
});

test('idempotency keys go after a day', async () => {
  const first = await purge.upload({ idempotencyKey: 'one', record: task('1') });
  purge.now += day;
  await purge.upload({ idempotencyKey: 'two', record: task('1') });
  await purge.cleanUp();
  expect((await purge.stage.ledger.count()).idempotencyKeys).toBe(2);
  purge.now += 1;
  await purge.cleanUp();
  expect((await purge.stage.ledger.count()).idempotencyKeys).toBe(1);
  expect((await purge.upload({ idempotencyKey: 'one', record: task('1') })).id).not.toBe(first.id);
});

test('deliveries of webhook endpoints go after their retention, unless they wait still', async () => {
  const { database } = purge.stage.ledger;
  const delivery = (subscriptionId: string, state: WebhookDeliveryState, endpointId: string | null) => ({
    ...{ id: uuidv7(), organizationId: uuidv7(), attachmentId: uuidv7(), subscriptionId, endpointId, state },
    ...{ uri: 'http://127.0.0.1:9/', interaction: 'ATTACHMENT_CREATED' as const, body: '{}' },
    ...{ attempts: 1, attemptsBefore: 0, lastStatusCode: null, lastError: null, nextAttemptAt: null },
    ...{ createdAt: new Date(purge.now), deliveredAt: null },
  });
  const rows = [
    delivery('done', 'DELIVERED', 'endpoint'),
    delivery('failed', 'FAILED', 'endpoint'),
    delivery('waits', 'QUEUED', 'endpoint'),
    delivery('an upload has named it', 'DELIVERED', null),
  ];
  await database.write((manager) => insertRows(manager, WebhookDeliveryRow, rows));
  const left = async () => {
    const found = await database.read.find(WebhookDeliveryRow, { order: { id: 'ASC' } });
    return found.map(({ subscriptionId }) => subscriptionId);
  };
  await purge.cleanUp();
  expect(await left()).toHaveLength(4);
  purge.now += day;
  await purge.cleanUp();
  expect(await left()).toEqual(['waits', 'an upload has named it']);
});
