import 'reflect-metadata';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import type { Database } from '../../../src/database/database.js';
import { entities } from '../../../src/database/entities/all.js';
import { WebhookDeliveryRow, WebhookSubscriptionRow } from '../../../src/database/entities/webhook.js';
import { migrations } from '../../../src/database/migrations/all.js';
import { toPageRequest } from '../../../src/database/page.js';
import type { NewJob } from '../../../src/jobs/jobs.js';
import { resolveName } from '../../../src/webhooks/check-webhooks.js';
import { createDeliverWebhook } from '../../../src/webhooks/deliver.js';
import { fanOut, forgetWebhooks, subscribe } from '../../../src/webhooks/fan-out.js';
import { countDeliveries, listDeliveries } from '../../../src/webhooks/list-deliveries.js';
import { redeliverWebhook } from '../../../src/webhooks/settle-delivery.js';
import { makeWebhookSecret } from '../../../src/webhooks/sign-webhook.js';
import { type Postgres, startPostgres } from '../../support/postgres.js';
import { report } from '../../support/report.js';
import { answer, inTurn, startReceiver } from './receiver.js';
import { approval, viewerOf } from './stage.js';

let postgres: Postgres | undefined;
let source: DataSource | undefined;
beforeAll(async () => {
  postgres = await startPostgres();
  source = new DataSource({ type: 'postgres', url: postgres.url, entities, migrations });
  await source.initialize();
  await source.runMigrations();
});
afterAll(async () => {
  await source?.destroy();
  await postgres?.stop();
});

/** The same stage as on SQLite, with each job run by hand. */
function setPostgresStage() {
  if (!source) throw new Error('There is no database.');
  const { manager } = source;
  const enqueued: NewJob[] = [];
  const database: Database = {
    read: manager,
    reader: async () => manager,
    list: (_organizationId, from, work) => work(from),
    aside: manager,
    check: async () => undefined,
    write: (work) => manager.transaction(work),
    create: (_creation, work) => manager.transaction(work),
    writeInBackground: (work) => manager.transaction(work),
    shrink: async () => undefined,
    clock: () => new Date(),
    close: async () => undefined,
  };
  const jobs = {
    enqueue: async (_manager: unknown, job: NewJob) => {
      enqueued.push(job);
    },
  };
  const deps = {
    database,
    jobs,
    clock: () => new Date(),
    webhookSecrets: [makeWebhookSecret()],
    webhookRetryDelaysMs: [0],
    webhookAllowPrivate: true,
    webhookPauseMs: 0,
    resolveName,
  };
  const handler = createDeliverWebhook(deps);
  const attempt = { number: 1, isLast: false, signal: new AbortController().signal };
  const runLast = () => handler.run(enqueued.at(-1)?.payload, attempt);
  return { database, deps, enqueued, runLast, viewer: viewerOf(uuidv7()) };
}

type PostgresStage = ReturnType<typeof setPostgresStage>;

async function approveNew({ database, deps, viewer }: PostgresStage, uri: string): Promise<string> {
  const id = uuidv7();
  const webhooks = [{ uri, interactions: ['ATTACHMENT_APPROVED' as const] }];
  await database.write(async (manager) => {
    await subscribe(manager, viewer, id, webhooks, new Date());
    await fanOut(deps, manager, approval(viewer, id));
  });
  return id;
}

test('on PostgreSQL: attempts, failure, redelivery, list, deletion', async () => {
  const stage = setPostgresStage();
  const { database, deps, viewer, runLast } = stage;
  await using receiver = await startReceiver(inTurn(answer(500), answer(500), answer(200)));
  const id = await approveNew(stage, receiver.uri);
  await runLast();
  await runLast();
  const [failed] = await database.read.findBy(WebhookDeliveryRow, { attachmentId: id });
  expect(failed).toMatchObject({ state: 'FAILED', attempts: 2, lastStatusCode: 500 });
  await redeliverWebhook(deps, viewer, failed?.id ?? '');
  await Promise.all([runLast(), runLast()]);
  const page = await listDeliveries(
    database.read,
    viewer,
    { attachmentId: id, states: null },
    toPageRequest({ first: 1 }),
  );
  expect(page.edges).toMatchObject([
    { node: { id: failed?.id, state: 'DELIVERED', attempts: 3, attemptsBefore: 2 } },
  ]);
  const after = page.edges[0]?.cursor ?? null;
  expect(
    (
      await listDeliveries(
        database.read,
        viewer,
        { attachmentId: id, states: null },
        toPageRequest({ first: 1, after }),
      )
    ).edges,
  ).toEqual([]);
  expect(await countDeliveries(database.read, viewer, { attachmentId: id, states: null })).toEqual({
    count: 1,
    isExact: true,
  });
  await database.write((manager) => forgetWebhooks(manager, [id]));
  expect(await database.read.countBy(WebhookDeliveryRow, { attachmentId: id })).toBe(0);
});

test('on PostgreSQL: 410 ends the subscription', async () => {
  const stage = setPostgresStage();
  await using receiver = await startReceiver(answer(410));
  const id = await approveNew(stage, receiver.uri);
  await stage.runLast();
  const [row] = await stage.database.read.findBy(WebhookSubscriptionRow, { attachmentId: id });
  expect(row?.endedAt).toBeInstanceOf(Date);
});

test('on PostgreSQL: a deletion during the attempt leaves nothing behind, whichever comes first', async () => {
  const stage = setPostgresStage();
  await using receiver = await startReceiver();
  let left = 0;
  const rounds = 40;
  for (let round = 0; round < rounds; round += 1) {
    const id = await approveNew(stage, receiver.uri);
    const sent = receiver.received.length + 1;
    const running = stage.runLast();
    while (receiver.received.length < sent) await new Promise(setImmediate);
    await stage.database.write((manager) => forgetWebhooks(manager, [id]));
    await running;
    left += await stage.database.read.countBy(WebhookDeliveryRow, { attachmentId: id });
  }
  report(`${rounds} deletions during an attempt on PostgreSQL: ${left} deliveries left behind`);
  expect(left).toBe(0);
});
