import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createLocalStorage } from '../../../src/storage/local.js';
import type { AttachmentData } from '../../support/client.js';
import { report } from '../../support/report.js';
import { roundsOf } from '../../support/seeded-random.js';
import { startService } from '../../support/service.js';
import { spawnWorker } from '../../support/spawned-service.js';
import { put } from '../../support/stored-objects.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { openTestDatabase, queryTestDatabase } from '../../support/test-database.js';

const kills = roundsOf(2);
const content = randomBytes(300_000);

test(`after ${kills} kills the next process goes on with the scrub, and each damage is told once`, async () => {
  const dataDirectory = await makeTemporaryDirectory();
  const env = { DATA_DIR: dataDirectory };
  const service = await startService({ ...env, SCRUB_DAYS: '0' });
  const database = await openTestDatabase(dataDirectory);
  const run = (sql: string) => database.write((manager) => manager.query(sql));
  const uploaded: AttachmentData[] = [];
  for (let index = 0; index < 12 * kills + 6; index += 1)
    uploaded.push(await service.client.upload({ content, name: 'a.bin' }));
  const damaged = uploaded.filter((_, index) => index % 4 === 0);
  for (const { documentKey } of damaged)
    await put(createLocalStorage(join(dataDirectory, 'files')), documentKey, content.subarray(1));
  await run('UPDATE blobs SET verified_at = 1');
  const left = async () => {
    const sql = 'SELECT COUNT(*) AS n FROM blobs WHERE verified_at = 1 AND damaged_at IS NULL';
    return Number((await queryTestDatabase<{ n: number }>(dataDirectory, sql))[0]?.n);
  };
  for (let kill = 0; kill < kills; kill += 1) {
    // As if a minute had passed since the last one was killed.
    await run('UPDATE scrubs SET held_until = 0');
    const before = await left();
    expect(before).toBeGreaterThan(0);
    const worker = await spawnWorker({ ...env, SCRUB_MIB_PER_SECOND: '1' });
    while ((await left()) === before) await pause(10);
    const exited = once(worker, 'exit');
    worker.kill('SIGKILL');
    await exited;
  }
  await run('UPDATE scrubs SET held_until = 0');
  const between = await left();
  const worker = await spawnWorker({ ...env, SCRUB_MIB_PER_SECOND: '10000' });
  while ((await left()) > 0) await pause(10);
  const exited = once(worker, 'exit');
  worker.kill('SIGTERM');
  await exited;
  report(`${kills} kills: ${uploaded.length} files to read, ${between} left after the last one, then none`);
  const query = `{ attachments(first: 1000, filter: { damaged: true }) { nodes { id } }
    auditLog(first: 1000, filter: { action: [ATTACHMENT_DAMAGED] }) { nodes { attachmentId } } }`;
  const { attachments, auditLog } = await service.client.ask<{
    attachments: { nodes: { id: string }[] };
    auditLog: { nodes: { attachmentId: string }[] };
  }>(query);
  const ids = damaged.map(({ id }) => id).sort();
  expect(attachments.nodes.map(({ id }) => id).sort()).toEqual(ids);
  expect(auditLog.nodes.map(({ attachmentId }) => attachmentId).sort()).toEqual(ids);
  await database.close();
  await service.close();
  await rm(dataDirectory, { recursive: true, force: true });
});
