import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import type { Viewer } from '../../../src/auth/viewer.js';
import type { Database } from '../../../src/database/database.js';
import { WebhookDeliveryRow, type WebhookInteraction } from '../../../src/database/entities/webhook.js';
import { resolveName } from '../../../src/webhooks/check-webhooks.js';
import { createDeliverWebhook, type DeliverWebhookDependencies } from '../../../src/webhooks/deliver.js';
import { deliverWebhookKind } from '../../../src/webhooks/endpoint-queue.js';
import { fanOut, subscribe, type WebhookEvent } from '../../../src/webhooks/fan-out.js';
import { makeWebhookSecret } from '../../../src/webhooks/sign-webhook.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { openTestDatabase } from '../../support/test-database.js';
import { RecordedJobs } from './recorded-jobs.js';

export interface Stage extends AsyncDisposable {
  database: Database;
  jobs: RecordedJobs;
  secret: string;
  viewer: Viewer;
  deps: DeliverWebhookDependencies;
  /** Subscribes `uris` to a new attachment, whose id is returned. */
  subscribed(...uris: string[]): Promise<string>;
  approve(attachmentId: string): Promise<void>;
  deliveries(attachmentId: string): Promise<WebhookDeliveryRow[]>;
  /** Resolves with the attachment's only delivery once it is as `wanted` says. */
  until(attachmentId: string, wanted: Partial<WebhookDeliveryRow>): Promise<WebhookDeliveryRow>;
}

export const viewerOf = (organizationId: string): Viewer => ({
  principal: { id: 'tester', kind: 'USER', name: null },
  organizationId,
  permissions: new Set(),
  keyId: null,
});

const waitsForBoth: WebhookInteraction[] = ['ATTACHMENT_APPROVED', 'ATTACHMENT_REJECTED'];

/** A database with jobs at work that deliver webhooks to loopback, by short delays. */
export async function setStage(changes: Partial<DeliverWebhookDependencies> = {}): Promise<Stage> {
  const directory = await makeTemporaryDirectory();
  const database = await openTestDatabase(directory);
  const jobs = await RecordedJobs.open(directory, database);
  const secret = makeWebhookSecret();
  const viewer = viewerOf(uuidv7());
  const deps: DeliverWebhookDependencies = {
    database,
    jobs,
    clock: () => new Date(),
    webhookSecrets: [secret],
    webhookRetryDelaysMs: [50, 50],
    webhookAllowPrivate: true,
    resolveName,
    webhookTimeoutMs: 1_000,
    webhookPauseMs: 0,
    ...changes,
  };
  await jobs.work({ [deliverWebhookKind]: createDeliverWebhook(deps) });
  const deliveries = (attachmentId: string) =>
    database.read.find(WebhookDeliveryRow, { where: { attachmentId }, order: { id: 'ASC' } });
  return {
    database,
    jobs,
    secret,
    viewer,
    deps,
    deliveries,
    subscribed: async (...uris) => {
      const id = uuidv7();
      const webhooks = uris.map((uri) => ({ uri, interactions: waitsForBoth }));
      await database.write((manager) => subscribe(manager, viewer, id, webhooks, new Date()));
      return id;
    },
    approve: (id) => database.write((manager) => fanOut({ jobs }, manager, approval(viewer, id))),
    until: (id, wanted) => waitFor(async () => (await deliveries(id)).find((one) => matches(one, wanted))),
    [Symbol.asyncDispose]: async () => {
      await jobs.stop();
      await database.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

export function approval({ organizationId }: Viewer, id: string): WebhookEvent {
  return {
    interaction: 'ATTACHMENT_APPROVED',
    attachment: {
      id,
      organizationId,
      fileName: 'Änderung.txt',
      contentType: 'text/plain',
      size: 19,
      md5: '0'.repeat(32),
      sha256: '1'.repeat(64),
      status: 'APPROVED',
    },
    rejection: null,
    now: new Date(),
  };
}

function matches(row: WebhookDeliveryRow, wanted: Partial<WebhookDeliveryRow>): boolean {
  return Object.entries(wanted).every(([name, value]) => row[name as keyof WebhookDeliveryRow] === value);
}

/** Resolves with what `find` finds, as soon as it finds something; throws after ten seconds. */
export async function waitFor<T>(find: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (const end = Date.now() + 10_000; Date.now() < end; await sleep(10)) {
    const found = await find();
    if (found !== undefined) return found;
  }
  throw new Error('It has not come to that within 10 s.');
}
