import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import type { Scanner } from '../../../src/scanner/scanner.js';
import { onAttachment, onRecord, openLive } from '../../service/live/live-client.js';
import { GatedScanner } from '../../service/verdicts/gated-scanner.js';
import type { Client } from '../../support/client.js';
import { until } from '../../support/jobs-contract.js';
import { report } from '../../support/report.js';
import { roundsOf } from '../../support/seeded-random.js';
import { startService, type TestService } from '../../support/service.js';
import { storedFiles } from '../../support/stored-files.js';
import { Cluster } from './cluster.js';
import { DatabaseProxy } from './database-proxy.js';

let cluster: Cluster;
const services: TestService[] = [];
beforeAll(async () => {
  cluster = await Cluster.open();
});
afterEach(async () => {
  for (const service of services.splice(0)) await service.close();
});
afterAll(() => cluster[Symbol.asyncDispose]());

/** With `scanner`, or as `env` says. */
async function start(
  env: Record<string, string> = {},
  scanner: Scanner | null = new GatedScanner(),
): Promise<TestService> {
  const service = await startService(cluster.env(env), scanner ? { scanner } : {});
  services.push(service);
  return service;
}

const statusOf = async (client: Client, id: string): Promise<string> => {
  const query = 'query ($id: ID!) { attachment(id: $id) { status } }';
  return (await client.ask<{ attachment: { status: string } }>(query, { id })).attachment.status;
};

/** Stands before the database, and holds the commit of an upload back for a while after it has cut off who asked for it. */
class CuttingProxy extends DatabaseProxy {
  isArmed = false;

  /** `commit`: the words of the statement that commits it. */
  constructor(
    url: string,
    private readonly commit: 'COMMIT' | 'WITH given',
  ) {
    super(url);
  }

  protected join(client: Socket, server: Socket): void {
    server.pipe(client);
    let hasInserted = false;
    client.on('data', (bytes: Buffer) => {
      hasInserted ||= bytes.includes('INSERT INTO "attachments"');
      if (!this.isArmed || !hasInserted || !bytes.includes(this.commit)) return void server.write(bytes);
      this.isArmed = false;
      client.destroy();
      setTimeout(() => server.end(bytes), 500);
    });
    client.on('end', () => server.end());
  }
}

test('an upload whose commit was never answered is refused, and keeps its bytes for the row that is there after all', async () => {
  const proxy = new CuttingProxy(cluster.postgres.url, 'COMMIT');
  const service = await start({ DATABASE_URL: await proxy.open(), SCANNER: 'none' });
  const content = Buffer.alloc(4 * 1024 * 1024, 'kept ');
  const upload = () =>
    service.client.tryUpload({ content, name: 'a.txt' }, { idempotencyKey: 'an upload cut off' });
  proxy.isArmed = true;
  const cut = await upload();
  expect(cut.errors?.[0]?.extensions.code).toBe('STORAGE_UNAVAILABLE');
  await until(async () => (await cluster.query('SELECT id FROM attachments')).length === 1);
  const { data } = await upload();
  const { url, documentKey } = data?.createAttachment?.attachment ?? { url: '', documentKey: '' };
  const response = await service.client.download(url);
  expect(Buffer.from(await response.arrayBuffer()).equals(content)).toBe(true);
  expect(await storedFiles(cluster.directory)).toContain(documentKey);
  proxy.close();
});

test('an upload whose one statement was never answered keeps its bytes, too', async () => {
  const before = await cluster.query('SELECT id FROM attachments');
  const proxy = new CuttingProxy(cluster.postgres.url, 'WITH given');
  const service = await start({ DATABASE_URL: await proxy.open(), SCANNER: 'none' }, null);
  const content = Buffer.alloc(4 * 1024 * 1024, 'kept, too ');
  proxy.isArmed = true;
  const cut = await service.client.tryUpload({ content, name: 'b.txt' });
  expect(cut.errors?.[0]?.extensions.code).toBe('STORAGE_UNAVAILABLE');
  const made = `SELECT a.id, b.document_key FROM attachments a JOIN blobs b ON b.id = a.blob_id WHERE a.file_name = 'b.txt'`;
  await until(async () => (await cluster.query('SELECT id FROM attachments')).length > before.length);
  const [row] = await cluster.query<{ id: string; document_key: string }>(made);
  const { attachment } = await service.client.ask<{ attachment: { url: string } }>(
    'query ($id: ID!) { attachment(id: $id) { url } }',
    { id: row?.id },
  );
  const response = await service.client.download(attachment.url);
  expect(Buffer.from(await response.arrayBuffer()).equals(content)).toBe(true);
  expect(await storedFiles(cluster.directory)).toContain(row?.document_key);
  proxy.close();
});

test('connections that are ended under load refuse by type, end no process, and its jobs go on', async () => {
  const service = await cluster.serve();
  const admin = new pg.Client({ connectionString: cluster.postgres.url });
  await admin.connect();
  let isOver = false;
  const codes = new Map<string, number>();
  const uploadOn = async () => {
    while (!isOver) {
      const { errors } = await service.client.tryUpload({ content: 'x'.repeat(20_000), name: 'a.txt' });
      const code = errors?.[0]?.extensions.code ?? 'stored';
      codes.set(code, (codes.get(code) ?? 0) + 1);
    }
  };
  const uploading = Array.from({ length: 8 }, uploadOn);
  for (let round = 0; round < 30; round += 1) {
    await pause(100);
    await admin.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()',
    );
  }
  isOver = true;
  await Promise.all(uploading);
  await admin.end();
  const { id } = await service.client.upload({ content: 'judged in the end', name: 'a.txt' });
  expect(service.process.exitCode).toBeNull();
  // Its first attempt may have been taken on a connection that ended before the answer: the lease and a retry are awaited.
  await until(async () => (await statusOf(service.client, id)) === 'APPROVED', 60_000);
  expect(await service.end('SIGTERM')).toBe(0);
  report(`connections ended 30 times: ${JSON.stringify(Object.fromEntries(codes))}`);
  codes.delete('stored');
  expect([...codes.keys()]).toEqual(['STORAGE_UNAVAILABLE']);
}, 120_000);

test('a process that did not hear the others tells of their changes once it hears them again', async () => {
  const here = await start();
  const admin = new pg.Client({ connectionString: cluster.postgres.url });
  await admin.connect();
  const listening = `SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN "claimcheck_changes%' OR query LIKE '%pg_notify%' AND pid <> pg_backend_pid()`;
  const ofOthers = await admin.query<{ pid: number }>(listening);
  const there = await start();
  const record = { type: 'Task', id: 'watched' };
  const { id } = await there.client.upload({ content: 'x', name: 'a.txt' }, { record });
  const live = await openLive(here.url, here.key);
  const [ofOne, ofRecord] = [live.subscribe(onAttachment(id)), live.subscribe(onRecord(record))];
  await live.settled();
  await pause(500);
  const [one, all] = [ofOne.events.length, ofRecord.events.length];
  await admin.query('SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) pid', [
    ofOthers.rows.map(({ pid }) => pid),
  ]);
  await admin.end();
  await there.client.ask(
    `mutation ($id: ID!) { updateAttachment(input: { attachmentId: $id, fileName: "b.txt" }) { __typename } }`,
    { id },
  );
  await ofOne.settle(() => ofOne.events.length > one);
  await ofRecord.settle(() => ofRecord.events.length > all);
  live.close();
});

test('releasing and rescanning at once never leaves a file waiting for good', async () => {
  const scanner = new GatedScanner();
  const service = await start({ SCAN_RETRY_SECONDS: '0' }, scanner);
  const reaches = (id: string, expected: string) =>
    until(async () => (await statusOf(service.client, id)) === expected, 30_000);
  const act = (name: string, id: string, more = '') =>
    service.client.graphql(
      `mutation ($id: ID!) { ${name}(input: { attachmentId: $id ${more} }) { __typename } }`,
      { id },
    );
  let released = 0;
  const count = roundsOf(6);
  for (let round = 0; round < count; round += 1) {
    scanner.outcome = { outcome: 'no verdict', reason: 'down' };
    const { id } = await service.client.upload({ content: `${round}`, name: 'a.txt' });
    await reaches(id, 'SCAN_FAILED');
    scanner.outcome = null;
    const answers = await Promise.all([
      act('rescanAttachment', id),
      act('releaseAttachment', id, ', reason: "known"'),
      act('rescanAttachment', id),
    ]);
    released += answers[1]?.errors ? 0 : 1;
    await reaches(id, 'APPROVED');
  }
  report(`${count} rounds of a release between two rescans: ${released} released, all approved in the end`);
});
