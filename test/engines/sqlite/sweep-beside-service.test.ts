import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import { AttachmentRow } from '../../../src/database/entities/attachment.js';
import { RemovalRow } from '../../../src/database/entities/stored-bytes.js';
import { claim } from '../../service/doors/links.js';
import { report } from '../../support/report.js';
import { startCommand } from '../../support/run-command.js';
import { startService } from '../../support/service.js';
import { newKey } from '../../support/stored-objects.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { openTestDatabase } from '../../support/test-database.js';

/** Attachments that are due, and as many bytes. */
const dueCount = 800;
const hourMs = 3_600_000;

let dataDirectory: string;
beforeEach(async () => {
  dataDirectory = await makeTemporaryDirectory();
});
afterEach(() => rm(dataDirectory, { recursive: true, force: true }));

/** Lets an attachment be due so often, beside its original. */
async function addDue(id: string): Promise<void> {
  const database = await openTestDatabase(dataDirectory);
  const original = await database.read.findOneByOrFail(AttachmentRow, { id });
  const past = new Date(Date.now() - hourMs);
  const many = Array.from({ length: dueCount });
  const attachments = many.map(() => ({ ...original, id: uuidv7(), expiresAt: past }));
  const removals = many.map(() => ({
    documentKey: newKey(original.organizationId, past),
    createdAt: past,
  }));
  await database.write(async (manager) => {
    // One by one they would take longer than the sweep.
    await manager.insert(AttachmentRow, attachments);
    await manager.insert(RemovalRow, removals);
  });
  await database.close();
}

/** Purges and claims, in the order in which they were written. */
async function readOrder(): Promise<string[]> {
  const database = await openTestDatabase(dataDirectory);
  const events = await database.read.query<{ action: string }[]>(
    `SELECT action FROM audit_events WHERE action IN ('ATTACHMENT_PURGED', 'ATTACHMENT_CLAIMED') ORDER BY rowid`,
  );
  await database.close();
  return events.map(({ action }) => action);
}

test('claims succeed, and come between the commits, while another process sweeps many rows', async () => {
  await using service = await startService({ DATA_DIR: dataDirectory });
  const { client } = service;
  const { id } = await client.upload({ content: 'claimed over and over' });
  await addDue(id);
  const sweeping = startCommand(['sweep'], { DATA_DIR: dataDirectory });
  let isOver = false;
  const swept = sweeping.result.finally(() => {
    isOver = true;
  });
  // One that fails prints nothing.
  await Promise.race([once(sweeping.process.stdout ?? sweeping.process, 'data'), swept]);
  let claims = 0;
  for (; !isOver; claims += 1) {
    const { id: own } = await client.upload({ content: 'claimed' });
    const answer = await claim(client, own, { type: 'Task', id: String(claims) });
    expect(answer.errors).toBeUndefined();
    // Processes that share a file ask for its lock again and again: one that never pauses leaves the other little.
    await sleep(20);
  }
  expect(await swept).toMatchObject({ status: 0, stderr: '' });
  const order = (await readOrder()).join(' ');
  const purges = order.match(/(ATTACHMENT_PURGED ?)+/g) ?? [];
  const between = order.match(/(ATTACHMENT_CLAIMED ?)+/g) ?? [];
  const longest = Math.max(...purges.map((run) => run.split(' ').length));
  report(
    `${claims} claims beside ${dueCount} purges in ${purges.length} runs, the longest of ${longest}; ${between.length} gaps`,
  );
  // A commit has a hundred.
  expect(purges.length).toBeGreaterThan(dueCount / 100 / 2);
}, 120_000);
