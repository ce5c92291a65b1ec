import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { eicar } from '../../service/verdicts/gated-scanner.js';
import type { Client } from '../../support/client.js';
import type { SpawnedService } from '../../support/spawned-service.js';
import { Cluster } from './cluster.js';

let cluster: Cluster;
let service: SpawnedService;
let admin: pg.Client;
let other: pg.Client;
beforeAll(async () => {
  cluster = await Cluster.open();
  service = await cluster.serve({ TRASH_DAYS: '1' });
  [admin, other] = [1, 2].map(() => new pg.Client({ connectionString: cluster.postgres.url })) as [
    pg.Client,
    pg.Client,
  ];
  await Promise.all([admin.connect(), other.connect()]);
});
afterAll(async () => {
  await admin?.end();
  await other?.end();
  await cluster[Symbol.asyncDispose]();
});

const mutate = (client: Client, name: string, input: object, selection: string) =>
  client.ask<Record<string, { attachment: { id: string } }>>(
    `mutation ($input: ${name[0]?.toUpperCase()}${name.slice(1)}Input!) { ${name}(input: $input) { ${selection} } }`,
    { input },
  );

async function untilRejected(id: string): Promise<void> {
  for (;;) {
    const { attachment } = await service.client.ask<{ attachment: { status: string } }>(
      'query ($id: ID!) { attachment(id: $id) { status } }',
      { id },
    );
    if (attachment.status === 'REJECTED') return;
    await sleep(25);
  }
}

async function untilItWaitsFor(table: string): Promise<void> {
  const waiting = 'SELECT 1 FROM pg_locks WHERE NOT granted AND relation = $1::regclass';
  while ((await admin.query(waiting, [table])).rows.length === 0) await sleep(25);
}

/** As a restoration does. */
async function restore(id: string): Promise<void> {
  const { rows } = await admin.query<{ name: string }>(
    `SELECT column_name AS name FROM information_schema.columns WHERE table_name = 'attachments'`,
  );
  const columns = rows.map(({ name }) => `"${name}"`).join(', ');
  await admin.query('SELECT 1 FROM trashed_attachments WHERE id = $1 FOR UPDATE', [id]);
  await admin.query(
    `INSERT INTO attachments (${columns}) SELECT ${columns} FROM trashed_attachments WHERE id = $1`,
    [id],
  );
  await admin.query('DELETE FROM trashed_attachments WHERE id = $1', [id]);
  await admin.query('COMMIT');
}

test('a verdict is told of an attachment that leaves the trash meanwhile', async () => {
  const { client } = service;
  const { id } = await client.upload({ content: eicar, name: 'a.txt' });
  await untilRejected(id);
  const { copyAttachment } = await mutate(
    client,
    'copyAttachment',
    { attachmentId: id },
    'attachment { id }',
  );
  const copy = copyAttachment?.attachment.id ?? '';
  await mutate(client, 'deleteAttachment', { attachmentId: copy }, '__typename');
  await admin.query("UPDATE blobs SET verdict = 'PENDING'");
  // The next verdict first waits before it looks for attachments, and then gets no further than its first events.
  await other.query('BEGIN');
  await other.query('LOCK TABLE rejections IN SHARE MODE');
  await mutate(client, 'rescanAttachment', { attachmentId: id }, '__typename');
  await untilItWaitsFor('rejections');
  await admin.query('BEGIN');
  await admin.query('LOCK TABLE audit_events IN SHARE MODE');
  await other.query('COMMIT');
  await untilItWaitsFor('audit_events');
  await restore(copy);
  await untilRejected(id);
  const { auditLog } = await client.ask<{ auditLog: { nodes: object[] } }>(
    `query ($copy: ID!) { auditLog(filter: { attachmentId: $copy, action: [ATTACHMENT_REJECTED] }) {
      nodes { id } } }`,
    { copy },
  );
  expect(auditLog.nodes).toHaveLength(1);
});
