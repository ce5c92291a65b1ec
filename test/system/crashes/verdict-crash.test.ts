import { rm } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { eicar } from '../../service/verdicts/gated-scanner.js';
import type { AttachmentData, Client } from '../../support/client.js';
import { report } from '../../support/report.js';
import { roundsOf, seededRandom } from '../../support/seeded-random.js';
import { randomKey } from '../../support/service.js';
import { spawnService } from '../../support/spawned-service.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { WebhookReceiver, webhookSecret } from '../../support/webhook-receiver.js';

const rounds = roundsOf(3);
const uploadsAtOnce = 4;

/** Uploads, one after the other, until the service is gone; those that were answered are acknowledged. */
async function uploadUntilKilled(
  client: Client,
  uri: string,
  acknowledged: Map<string, string>,
  isInfected: () => boolean,
): Promise<void> {
  const webhooks = [{ uri, interactions: ['ATTACHMENT_APPROVED', 'ATTACHMENT_REJECTED'] }];
  for (;;) {
    const infected = isInfected();
    const content = infected ? eicar : 'clean';
    const uploaded = await client.tryUpload({ content, name: 'a.txt' }, { webhooks }).catch(() => null);
    if (!uploaded) return;
    const id = uploaded.data?.createAttachment?.attachment.id;
    if (id) acknowledged.set(id, infected ? 'REJECTED' : 'APPROVED');
  }
}

async function readStatuses(client: Client, ids: string[]): Promise<Map<string, string>> {
  const statuses = new Map<string, string>();
  for (let start = 0; start < ids.length; start += 50) {
    const fields = ids
      .slice(start, start + 50)
      .map((id, index) => `a${index}: attachment(id: "${id}") { id status }`);
    const answer = await client.ask<Record<string, AttachmentData | null>>(`{ ${fields.join(' ')} }`);
    for (const attachment of Object.values(answer)) {
      if (attachment) statuses.set(attachment.id, attachment.status);
    }
  }
  return statuses;
}

test(`after ${rounds} kills at random moments every acknowledged file has its verdict, and every receiver was told`, async () => {
  const random = seededRandom();
  const receiver = new WebhookReceiver();
  const uri = await receiver.open();
  const dataDirectory = await makeTemporaryDirectory();
  const env = {
    DATA_DIR: dataDirectory,
    SCANNER: 'eicar',
    WEBHOOK_SECRET: webhookSecret,
    WEBHOOK_ALLOW_PRIVATE: 'true',
    BOOTSTRAP_API_KEY: randomKey(),
    LOG_LEVEL: 'silent',
  };
  const acknowledged = new Map<string, string>();
  for (let round = 0; round < rounds; round += 1) {
    const service = await spawnService(env);
    const before = acknowledged.size;
    const uploading = Array.from({ length: uploadsAtOnce }, () =>
      uploadUntilKilled(service.client, uri, acknowledged, () => random.integer(0, 3) === 0),
    );
    while (acknowledged.size === before) await pause(5);
    await pause(random.integer(0, 300));
    await service.end('SIGKILL');
    await Promise.all(uploading);
  }
  const told = () => new Set(receiver.received.map(({ body }) => String(body.data.attachment['id'])));
  const service = await spawnService(env);
  const deadline = Date.now() + 60_000;
  while ([...acknowledged.keys()].some((id) => !told().has(id)) && Date.now() < deadline) await pause(100);
  expect([...acknowledged.keys()].filter((id) => !told().has(id))).toEqual([]);
  const statuses = await readStatuses(service.client, [...acknowledged.keys()]);
  expect([...statuses].toSorted()).toEqual([...acknowledged].toSorted());
  const wrong = receiver.received.filter(({ body }) => {
    const { id, status } = body.data.attachment;
    return status !== (acknowledged.get(String(id)) ?? status);
  });
  expect([wrong, receiver.faults]).toEqual([[], []]);
  expect(acknowledged.size).toBeGreaterThanOrEqual(rounds);
  report(
    `seed ${random.seed}: ${rounds} kills, ${acknowledged.size} files acknowledged, all judged; ${receiver.received.length} webhooks for ${told().size} files`,
  );
  await service.end('SIGTERM');
  receiver.close();
  await rm(dataDirectory, { recursive: true, force: true });
}, 240_000);
