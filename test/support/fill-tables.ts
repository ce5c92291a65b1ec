import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../../src/database/database.js';
import { entities } from '../../src/database/entities/all.js';
import { JobRow } from '../../src/database/entities/job.js';
import { QuotaRow, ReservationRow } from '../../src/database/entities/organization.js';
import {
  IntakeRow,
  RemovalRow,
  ScrubRow,
  SweepRow,
  SweptKeyRow,
} from '../../src/database/entities/stored-bytes.js';
import { eicarString } from '../../src/scanner/create-scanner.js';
import { claim } from '../service/doors/links.js';
import { share } from '../service/sharing/share-operations.js';
import type { Client } from './client.js';
import { png } from './hostile-pictures.js';
import type { TestService } from './service.js';
import { openTestDatabase } from './test-database.js';

const mutate = <Data>(client: Client, name: string, input: object, selection = '__typename') => {
  const type = `${name[0]?.toUpperCase()}${name.slice(1)}Input`;
  return client.ask<Record<string, Data>>(
    `mutation ($input: ${type}!) { ${name}(input: $input) { ${selection} } }`,
    { input },
  );
};

/** A record of a service with one of everything that an attachment can have and become. */
export interface Filled {
  /** In use, with two contents, a preview and a share link. */
  picture: string;
  trashed: string;
  rejected: string;
  shareUrl: string;
  previewUrl: string;
  quota: { maxAttachments: number };
}

/** Puts rows into every table, through the service if clients can. It needs SCANNER=eicar and TRASH_DAYS. */
export async function fillTables({ client, dataDirectory }: TestService): Promise<Filled> {
  const record = { type: 'Task', id: 'all' };
  const place = { record, field: 'files', idempotencyKey: 'a key' };
  const webhooks = [{ uri: 'https://receiver.invalid/', interactions: ['ATTACHMENT_APPROVED'] }];
  const upload = (content: string | Uint8Array<ArrayBuffer>, name: string, input: object = {}) =>
    client.upload({ content, name }, input);
  const picture = await upload(png(600, 400), 'picture.png', { ...place, webhooks });
  const trashed = await upload('in the trash', 'trashed.txt');
  const rejected = await upload(eicarString, 'rejected.txt');
  const released = await upload(`${eicarString}\n`, 'released.txt');
  for (const { id } of [picture, trashed, rejected, released]) await settled(client, id);
  await claim(client, trashed.id, record);
  await mutate(client, 'replaceContent', {
    attachmentId: picture.id,
    content: { base64: Buffer.from(png(500, 300)).toString('base64') },
  });
  while ((await see(client, picture.id)).version < 2) await sleep(10);
  await mutate(client, 'deleteAttachment', { attachmentId: trashed.id });
  await mutate(client, 'releaseAttachment', { attachmentId: released.id, reason: 'a test' });
  await mutate(client, 'createUploadTarget', { fileName: 'later.txt', size: 5 });
  // Told of nothing: no file is transferred.
  const endpoint = { uri: 'https://receiver.invalid/', events: ['ATTACHMENT_TRANSFERRED'] };
  await mutate(client, 'createWebhookEndpoint', endpoint);
  const { url: shareUrl } = await share(client, picture.id);
  const { preview } = await see(client, picture.id);
  await (await fetch(preview)).arrayBuffer();
  const quota = { maxAttachments: 100 };
  await addOwnRows(dataDirectory, picture.organizationId, quota);
  return {
    ...{ picture: picture.id, trashed: trashed.id, rejected: rejected.id },
    ...{ shareUrl, previewUrl: preview, quota },
  };
}

const see = async (client: Client, id: string) =>
  (
    await client.ask<{ attachment: { version: number; status: string; preview: string } }>(
      'query ($id: ID!) { attachment(id: $id) { version status preview } }',
      { id },
    )
  ).attachment;

async function settled(client: Client, id: string): Promise<void> {
  while ((await see(client, id)).status === 'PENDING') await sleep(10);
}

/** Rows that clients cannot ask for. */
async function addOwnRows(
  dataDirectory: string,
  organizationId: string,
  quota: Filled['quota'],
): Promise<void> {
  const now = new Date();
  const database = await openTestDatabase(dataDirectory);
  const keyOf = (name: string) => `2026-01-01/00/${organizationId}/${name}`;
  await database.write(async (manager) => {
    await manager.insert(QuotaRow, { organizationId, maxBytes: null, ...quota });
    await manager.insert(RemovalRow, { documentKey: keyOf('removal'), createdAt: now });
    await manager.insert(SweptKeyRow, { documentKey: keyOf('swept'), sweptAt: now });
    await manager.upsert(SweepRow, { name: 'storage', sweptUntil: now }, ['name']);
    await manager.upsert(ScrubRow, { name: 'blobs', heldUntil: now }, ['name']);
    await manager.insert(IntakeRow, { documentKey: keyOf('removal'), leaseId: 'lease', beat: 1 });
    await manager.insert(ReservationRow, { id: 'reserved', organizationId, bytes: 1, beat: 1 });
  });
  await database.close();
}

/** How many rows there are in each table, but for jobs, which come and go. */
export async function countTables(database: Database): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const entity of entities.filter((one) => one !== JobRow))
    counts[entity.name] = await database.read.count<object>(entity);
  return counts;
}
