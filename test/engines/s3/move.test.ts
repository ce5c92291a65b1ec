import { randomBytes } from 'node:crypto';
import { rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { cephPackages } from '../../support/ceph.js';
import type { AttachmentData, Client } from '../../support/client.js';
import { until } from '../../support/jobs-contract.js';
import { type Postgres, startPostgres } from '../../support/postgres.js';
import { report } from '../../support/report.js';
import { runCommand, startCommand } from '../../support/run-command.js';
import { createBucket, type S3Store, storageEnvironment } from '../../support/s3-store.js';
import { allStored, randomKey, startService, type TestService } from '../../support/service.js';
import { severalAtOnce } from '../../support/several-at-once.js';
import { sha256 } from '../../support/sha256.js';
import { sharedStore } from '../../support/shared-ceph.js';
import { describeWithProgram } from '../../support/skip-without.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { Bucket } from './s3-stage.js';

const mebibyte = 1024 * 1024;
const secrets = {
  SIGNING_SECRET: 'a secret for the tests of a move',
  WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 1).toString('base64')}`,
};

/** A page of everything, with what a move could lose. */
const everything = `{ attachments(first: 100) { totalCount nodes {
  id fileName contentType size status createdAt claimedAt expiresAt url record { type id: recordId } createdBy { id kind name }
  digest { hash } metadata { type attributes } description { raw html }
  links { nodes { field position state record { type id: recordId } } } } } }`;

interface Moved extends AttachmentData {
  digest: { hash: string };
  links: { nodes: { state: string }[] };
}

interface Everything {
  attachments: { totalCount: number; nodes: Moved[] };
}

/** Descriptions in a database where no service has begun to work yet, and those that came with their HTML. */
async function countDescriptions(connectionString: string): Promise<{ all: number; rendered: number }> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  const { rows } = await client.query<{ all: number; rendered: number }>(
    'SELECT count(description)::int AS all, count(description_html)::int AS rendered FROM attachments',
  );
  await client.end();
  return rows[0] ?? { all: 0, rendered: 0 };
}

describeWithProgram('radosgw', cephPackages, () => {
  let store: S3Store;
  let postgres: Postgres;
  let directory: string;
  const key = randomKey();
  let embedded: Record<string, string>;
  let target: Record<string, string>;
  let options: string[];

  beforeAll(async () => {
    store = await sharedStore();
    postgres = await startPostgres();
  }, 120_000);
  afterAll(async () => {
    await postgres?.stop();
  });

  beforeEach(async () => {
    directory = await makeTemporaryDirectory();
    const bucket = storageEnvironment(await createBucket(store));
    const database = await postgres.createDatabase();
    embedded = { ...allStored, DATA_DIR: directory, BOOTSTRAP_API_KEY: key, ...secrets };
    target = { ...embedded, ...bucket, DATABASE_URL: database };
    options = ['move', '--to-storage', bucket['STORAGE_URL'] ?? '', '--to-database', database];
  });
  afterEach(async () => {
    await Promise.all([...started].map(stop));
    await rm(directory, { recursive: true, force: true });
  });

  const credentials = () => ({
    AWS_ACCESS_KEY_ID: store.accessKeyId,
    AWS_SECRET_ACCESS_KEY: store.secretAccessKey,
  });
  const moving = () => ({ ...embedded, ...credentials() });
  const started = new Set<TestService>();
  const start = async (env: Record<string, string>) => {
    const service = await startService(env);
    started.add(service);
    return service;
  };
  const stop = async (service: TestService) => {
    started.delete(service);
    await service.close();
  };

  /** Files of many sizes, some claimed, some in a field, one copied. */
  async function fill(client: Client, count: number): Promise<void> {
    const add = async (index: number) => {
      const content = randomBytes(index === 0 ? 12 * mebibyte : index * 1_000);
      const record = { type: 'Order', id: String(index % 3) };
      const place = index % 3 === 0 ? {} : index % 3 === 1 ? { record } : { record, field: 'papers' };
      const metadata = { type: 'AR', attributes: { index, ü: '🙂' } };
      const description = index % 2 === 0 ? `**${index}**` : null;
      await client.upload({ content, name: `Datei ${index}.bin` }, { ...place, metadata, description });
    };
    await severalAtOnce(Array.from({ length: count }).keys(), add);
  }

  async function assertSame(before: Everything, service: TestService): Promise<void> {
    const after = await service.client.ask<Everything>(everything);
    const rest = ({ url: _, ...node }: Moved) => node;
    expect(after.attachments.nodes.map(rest)).toEqual(before.attachments.nodes.map(rest));
    for (const { url, digest } of after.attachments.nodes) {
      const response = await fetch(url, { headers: { authorization: `Bearer ${key}` } });
      const bytes = Buffer.from(await response.arrayBuffer());
      expect(sha256(bytes)).toBe(digest.hash);
    }
  }

  test('everything is there afterwards, and what was still to be done is done there', async () => {
    const unreachable = { SCANNER: 'clamd://127.0.0.1:1', SCAN_RETRY_SECONDS: '3,3,3,3,3,3,3,3' };
    const first = await start({ ...embedded, ...unreachable });
    await fill(first.client, 24);
    const before = await first.client.ask<Everything>(everything);
    await stop(first);
    const moved = await runCommand(options, moving());
    expect(moved.status).toBe(0);
    expect(moved.stdout).toContain('Files: 24 copied, 0 there before, 0 missing, 0 damaged.');
    const again = await runCommand(options, moving());
    expect(again.stdout).toContain('Files: 0 copied, 24 there before');
    expect(again.stdout).toMatch(/Rows: \d+ the same in both, 0 of them written now/);
    expect(await countDescriptions(target['DATABASE_URL'] ?? '')).toEqual({ all: 12, rendered: 12 });
    const second = await start({ ...target, SCANNER: 'eicar' });
    expect(before.attachments.nodes.map(({ status }) => status)).toEqual(Array(24).fill('PENDING'));
    await until(async () => {
      const { attachments } = await second.client.ask<Everything>(everything);
      return attachments.nodes.every(({ status }) => status === 'APPROVED');
    }, 60_000);
    const approved = before.attachments.nodes.map((node) => ({
      ...node,
      status: 'APPROVED',
      links: { nodes: node.links.nodes.map((link) => ({ ...link, state: 'ACTIVE' })) },
    }));
    await assertSame({ attachments: { ...before.attachments, nodes: approved } }, second);
  }, 180_000);

  test('the service answers what only reads meanwhile, and a move that is killed goes on', async () => {
    const first = await start(embedded);
    await fill(first.client, 30);
    let kills = 0;
    let reads = 0;
    let refused = 0;
    for (const delayMs of [600, 1_000, 1_400]) {
      const { process: child, result } = startCommand(options, moving());
      const timer = setTimeout(() => child.kill('SIGKILL'), delayMs);
      const { status } = await result;
      clearTimeout(timer);
      if (status === 'SIGKILL') kills += 1;
    }
    await first.client.upload({ content: 'between two attempts', name: 'late.txt' });
    let count = 31;
    const { result } = startCommand(options, moving());
    let isOver = false;
    const ended = result.finally(() => {
      isOver = true;
    });
    while (!isOver) {
      const { attachments } = await first.client.ask<Everything>(everything);
      expect(attachments.totalCount).toBe(count);
      reads += 1;
      // Until it is clear that nothing can be written any more, and no longer.
      if (refused < 2 && reads % 10 === 5) {
        const answer = await first.client.tryUpload({ content: 'too late', name: 'x.txt' });
        if (answer.errors) {
          expect(answer.errors[0]?.extensions.code).toBe('STORAGE_UNAVAILABLE');
          refused += 1;
        } else {
          count += 1;
        }
      }
    }
    expect(await ended).toMatchObject({ status: 0 });
    report(`${kills} moves killed; ${reads} pages read and ${refused} uploads refused during the last`);
    // Uploads that waited for the end of the move are accepted since: the last move is made with the service stopped.
    const before = await first.client.ask<Everything>(everything);
    await stop(first);
    expect(await runCommand(options, moving())).toMatchObject({ status: 0 });
    const second = await start(target);
    await assertSame(before, second);
  }, 180_000);

  test('files that the source lacks are named, and the rest is moved', async () => {
    const first = await start(embedded);
    await fill(first.client, 5);
    const { attachments } = await first.client.ask<
      Everything & { attachments: { nodes: { documentKey: string }[] } }
    >('{ attachments(first: 5) { totalCount nodes { documentKey size } } }');
    await stop(first);
    const [gone, cut] = attachments.nodes
      .filter(({ size }) => size > 0)
      .map(({ documentKey }) => documentKey);
    await rm(join(directory, 'files', gone ?? ''));
    await truncate(join(directory, 'files', cut ?? ''), 10);
    const moved = await runCommand(options, moving());
    expect(moved.status).toBe(1);
    expect(moved.lines).toEqual(expect.arrayContaining([`missing ${gone}`, `damaged ${cut}`]));
    expect(moved.stdout).toContain('Files: 3 copied, 0 there before, 1 missing, 1 damaged.');
    const bucket = new Bucket({ ...(await createBucket(store)), bucket: new URL(options[2] ?? '').hostname });
    expect(await bucket.keys()).toHaveLength(3);
  }, 180_000);

  test('while a service runs on the database to move to, nothing is moved', async () => {
    const first = await start(embedded);
    await fill(first.client, 3);
    await stop(first);
    expect(await runCommand(options, moving())).toMatchObject({ status: 0 });
    const second = await start(target);
    const bucket = new Bucket({ ...(await createBucket(store)), bucket: new URL(options[2] ?? '').hostname });
    const before = await bucket.keys();
    const again = await start(embedded);
    await again.client.upload({ content: 'since', name: 'since.txt' });
    await stop(again);
    const moved = await runCommand(options, moving());
    expect([moved.status, moved.stdout]).toEqual([1, '']);
    expect(moved.stderr).toBe('A service runs on the database to move to: stop it first.\n');
    expect(await bucket.keys()).toEqual(before);
    await stop(second);
    expect(await runCommand(options, moving())).toMatchObject({ status: 0 });
    expect(await bucket.keys()).toHaveLength(4);
  }, 180_000);

  test('the database of another service is left alone', async () => {
    const other = await start({ ...target, DATA_DIR: await makeTemporaryDirectory() });
    await stop(other);
    const first = await start({ ...embedded, BOOTSTRAP_API_KEY: randomKey() });
    await stop(first);
    const moved = await runCommand(options, moving());
    expect(moved.status).toBe(1);
    expect(moved.stderr).toContain(
      'The database to move to is in use: it has organizations that are not here.\n',
    );
  }, 180_000);
});
