import { rm } from 'node:fs/promises';
import { v7 as uuidv7 } from 'uuid';
import { recordEvent } from '../../../src/audit/audit-events.js';
import { type Database, openDatabase } from '../../../src/database/database.js';
import { WebhookDeliveryRow, WebhookEndpointRow } from '../../../src/database/entities/webhook.js';
import { insertRow } from '../../../src/database/insert-row.js';
import { readEvents, type WaitingEvent } from '../../../src/database/webhook-events.js';
import { moveRows } from '../../../src/transfer/move-rows.js';
import { tellEndpoints } from '../../../src/webhooks/tell-endpoints.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { openTestDatabase } from '../../support/test-database.js';
import { viewerOf } from './stage.js';

const viewer = viewerOf(uuidv7());
const clock = () => new Date();
const jobs = { enqueue: async () => undefined };

let directories: [string, string];
let source: Database;
let target: Database;
beforeAll(async () => {
  directories = [await makeTemporaryDirectory(), await makeTemporaryDirectory()];
  source = await openDatabase(directories[0]);
  target = await openTestDatabase(directories[1]);
});
afterAll(async () => {
  await source.close();
  await target.close();
  for (const directory of directories) await rm(directory, { recursive: true, force: true });
});

const happen = (database: Database, subjectId: string) =>
  database.write((manager) =>
    recordEvent(manager, viewer, {
      action: 'ATTACHMENT_LINKED',
      subjectId,
      at: clock(),
      details: { field: subjectId },
    }),
  );

async function waitingIn({ read }: Database): Promise<WaitingEvent[]> {
  const all: WaitingEvent[] = [];
  for await (const batch of readEvents(read)) all.push(...batch);
  return all;
}

const move = () => moveRows(source.read, target, async () => undefined);

test('a move takes endpoints, their deliveries and events that wait along, and tells nothing a second time', async () => {
  const endpoint = Object.assign(new WebhookEndpointRow(), {
    ...{ id: uuidv7(), organizationId: viewer.organizationId, uri: 'http://127.0.0.1:9/' },
    ...{ events: ['ATTACHMENT_LINKED'], description: null, state: 'ENABLED' },
    ...{
      secrets: [{ secret: 'whsec_x', until: null }],
      failingSince: null,
      pausedAt: null,
      pauseReason: null,
    },
    ...{ createdById: 'tester', createdAt: clock(), updatedAt: clock() },
  });
  await source.write((manager) => insertRow(manager, WebhookEndpointRow, endpoint));
  for (const id of ['told', 'told']) await happen(source, id);
  await tellEndpoints({ database: source, jobs, clock });
  // More than one batch.
  const waiting = Array.from({ length: 130 }, (_, index) => `waits ${index}`);
  for (const id of waiting) await happen(source, id);
  for (let round = 0; round < 2; round += 1) {
    await move();
    expect(await target.read.findBy(WebhookEndpointRow, {})).toEqual([endpoint]);
    const moved = await waitingIn(target);
    expect(moved.map(({ attachmentId }) => attachmentId)).toEqual([...waiting, ...Array(round).fill('late')]);
    expect(moved).toEqual(await waitingIn(source));
    await happen(source, 'late');
  }
  // The database moved to goes on with the queue of the one moved from.
  await tellEndpoints({ database: target, jobs, clock });
  await happen(target, 'told');
  await tellEndpoints({ database: target, jobs, clock });
  const queue = await target.read.find(WebhookDeliveryRow, {
    where: { attachmentId: 'told' },
    order: { id: 'ASC' },
  });
  expect(queue.map(({ nextAttemptAt }) => nextAttemptAt !== null)).toEqual([true, false, false]);
  expect(await target.read.countBy(WebhookDeliveryRow, { endpointId: endpoint.id })).toBe(134);
  expect(await waitingIn(target)).toEqual([]);
});
