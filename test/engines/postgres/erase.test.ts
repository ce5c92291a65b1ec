import { createKey } from '../../service/auth/key-operations.js';
import { share, statusOf } from '../../service/sharing/share-operations.js';
import { startCommand } from '../../support/run-command.js';
import type { SpawnedService } from '../../support/spawned-service.js';
import { Cluster } from './cluster.js';
import { holdLocks, untilBlocked } from './held-locks.js';

let cluster: Cluster;
let service: SpawnedService;
beforeAll(async () => {
  cluster = await Cluster.open();
  service = await cluster.serve({ SCANNER: 'none' }, ['--no-work']);
});
afterAll(() => cluster[Symbol.asyncDispose]());

async function newAnna() {
  const permissions = ['attachments:read', 'attachments:write'];
  const { client, apiKey } = await createKey(service.client, { name: 'anna', permissions });
  return { client, id: apiKey.principal.id };
}

const erase = (id: string) => startCommand(['erase', '--principal', id, '--json'], cluster.env()).result;

interface Told {
  gone: { attachments: { id: string }[] };
  ended: { shareLinks: number };
}

test('an upload and a share link that come between its deletions and its pseudonym go too', async () => {
  const { client, id } = await newAnna();
  const owned = await client.upload(
    { content: 'owned', name: 'a.txt' },
    { record: { type: 'Task', id: '1' }, idempotencyKey: 'once' },
  );
  const comes = await holdLocks(cluster, 'LOCK TABLE blobs, share_links IN SHARE ROW EXCLUSIVE MODE');
  const uploading = client.upload({ content: 'loose', name: 'b.txt' });
  const sharing = share(client, owned.id);
  await untilBlocked(cluster, /blobs/);
  await untilBlocked(cluster, /share_links/);
  const deletes = await holdLocks(
    cluster,
    `SELECT 1 FROM idempotency_keys WHERE principal_id = '${id}' FOR UPDATE`,
  );
  const erasing = erase(id);
  await untilBlocked(cluster, /idempotency_keys/);
  const renames = await holdLocks(cluster, `SELECT 1 FROM api_keys WHERE principal_id = '${id}' FOR UPDATE`);
  await deletes();
  await untilBlocked(cluster, /UPDATE api_keys SET name/);
  await comes();
  const [loose, { url }] = await Promise.all([uploading, sharing]);
  await renames();
  const { status, stdout } = await erasing;
  expect(status).toBe(0);
  const told = JSON.parse(stdout) as Told;
  expect(told.gone.attachments.map((each) => each.id)).toEqual([loose.id]);
  expect(told.ended.shareLinks).toBe(1);
  expect(await cluster.query('SELECT id FROM attachments')).toEqual([{ id: owned.id }]);
  expect(await statusOf(url)).toBe(410);
});

test('an erasure goes on after another one of the same principal has ended', async () => {
  const { id } = await newAnna();
  const erases = await holdLocks(cluster, `SELECT 1 FROM principals WHERE id = '${id}' FOR UPDATE`);
  const erasing = erase(id);
  await untilBlocked(cluster, /UPDATE "principals"/);
  await erases(`DELETE FROM principals WHERE id = '${id}'`);
  const { status, stderr } = await erasing;
  expect([status, stderr]).toEqual([0, '']);
  expect(await cluster.query(`SELECT id FROM principals WHERE id = '${id}'`)).toEqual([]);
});

test('an erasure that another one has overtaken says so, and states nothing', async () => {
  const { id } = await newAnna();
  const begins = await holdLocks(cluster, 'LOCK TABLE principals IN SHARE ROW EXCLUSIVE MODE');
  const late = startCommand(['erase', '--principal', id, '--json'], cluster.env());
  await untilBlocked(cluster, /INSERT INTO "principals"/);
  late.process.kill('SIGSTOP');
  await begins();
  const { status, stdout } = await erase(id);
  const { pseudonym } = JSON.parse(stdout) as { pseudonym: string };
  late.process.kill('SIGCONT');
  const overtaken = await late.result;
  expect([status, overtaken.status, overtaken.stdout]).toEqual([0, 1, '']);
  expect(overtaken.stderr).toContain('Another run has erased the principal');
  expect(await cluster.query(`SELECT id FROM principals WHERE id = '${id}'`)).toEqual([]);
  expect(
    await cluster.query("SELECT subject_id FROM audit_events WHERE action = 'PRINCIPAL_ERASED'"),
  ).toContainEqual({
    subject_id: pseudonym,
  });
});
