import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { onAttachment, openLive } from '../../service/live/live-client.js';
import { linkOf, share, statusOf as statusOfGet, tryRevoke } from '../../service/sharing/share-operations.js';
import type { AttachmentData, Client } from '../../support/client.js';
import { until } from '../../support/jobs-contract.js';
import { report } from '../../support/report.js';
import { runCommand } from '../../support/run-command.js';
import type { SpawnedService } from '../../support/spawned-service.js';
import { Cluster } from './cluster.js';

let cluster: Cluster;
let here: SpawnedService;
let there: SpawnedService;

beforeAll(async () => {
  cluster = await Cluster.open();
  [here, there] = await Promise.all([cluster.serve({}, ['--no-work']), cluster.serve({}, ['--no-work'])]);
});
afterAll(() => cluster[Symbol.asyncDispose]());

const file = (content = 'nothing to see here') => ({ content, name: 'a.txt' });

const statusOf = async ({ client }: SpawnedService, id: string): Promise<string | undefined> => {
  const query = 'query ($id: ID!) { attachment(id: $id) { status } }';
  return (await client.ask<{ attachment: AttachmentData | null }>(query, { id })).attachment?.status;
};

const linkOn = (client: Client, input: object) =>
  client.ask<{ linkAttachments: { links: { state: string }[] } }>(
    'mutation ($input: LinkAttachmentsInput!) { linkAttachments(input: $input) { links { state } } }',
    { input },
  );

test('processes that start at once on an empty database migrate it once', async () => {
  const database = { DATABASE_URL: await cluster.postgres.createDatabase() };
  const services = await Promise.all(Array.from({ length: 4 }, () => cluster.serve(database)));
  const client = new pg.Client({ connectionString: database.DATABASE_URL });
  await client.connect();
  const { rows } = await client.query('SELECT name, count(*)::int AS count FROM migrations GROUP BY name');
  const { rows: keys } = await client.query('SELECT count(*)::int AS count FROM api_keys');
  await client.end();
  expect(rows.length).toBeGreaterThan(0);
  expect(rows.every(({ count }) => count === 1)).toBe(true);
  expect(keys).toEqual([{ count: 1 }]);
  for (const { client: each } of services) expect((await each.upload(file())).id).toEqual(expect.any(String));
  await Promise.all(services.map((service) => service.end('SIGKILL')));
}, 120_000);

test('one process claims, links, shows and deletes what the other stores', async () => {
  const { id } = await here.client.upload(file('from here'));
  const record = { type: 'Task', id };
  const claim = 'mutation ($input: ClaimAttachmentInput!) { claimAttachment(input: $input) { __typename } }';
  await there.client.ask(claim, { input: { attachmentId: id, record } });
  await linkOn(here.client, { record, attachmentIds: [id] });
  const query =
    'query ($id: ID!) { attachment(id: $id) { downloadUrl record { id: recordId } links { nodes { field } } } }';
  const seen = await there.client.ask<{ attachment: object }>(query, { id });
  expect(seen.attachment).toMatchObject({
    record: { id },
    links: { nodes: [{ field: expect.any(String) }] },
  });
  const remove =
    'mutation ($input: DeleteAttachmentInput!) { deleteAttachment(input: $input) { __typename } }';
  await there.client.ask(remove, { input: { attachmentId: id } });
  expect(await statusOf(here, id)).toBeUndefined();
});

test('a URL that one process has signed opens in the other', async () => {
  await using worker = await lend();
  const { id } = await here.client.upload(file('signed'));
  await until(async () => (await statusOf(here, id)) === 'APPROVED');
  const query = 'query ($id: ID!) { attachment(id: $id) { downloadUrl } }';
  const { attachment } = await here.client.ask<{ attachment: { downloadUrl: string } }>(query, { id });
  const response = await fetch(attachment.downloadUrl.replace(here.url, there.url));
  expect([response.status, await response.text()]).toEqual([200, 'signed']);
  expect(worker.isAlive()).toBe(true);
});

test('a share link for one download gives the bytes once in both together, and a revoked one none', async () => {
  await using worker = await lend();
  const { id } = await here.client.upload(file('shared'));
  await until(async () => (await statusOf(here, id)) === 'APPROVED');
  const rounds = 3;
  for (let round = 0; round < rounds; round += 1) {
    const { url, shareLink } = await share(here.client, id, { maxDownloads: 1 });
    const urls = [url, url.replace(here.url, there.url)];
    const gets = Array.from({ length: 50 }, (_, index) => statusOfGet(urls[index % 2] ?? ''));
    const statuses = (await Promise.all(gets)).toSorted();
    expect(statuses).toEqual([200, ...Array(49).fill(410)]);
    expect((await linkOf(there.client, shareLink.id))?.downloads).toBe(1);
  }
  report(`${rounds} rounds of 50 downloads on a link for one, by two processes: one each time`);
  const { url, shareLink } = await share(here.client, id);
  const elsewhere = url.replace(here.url, there.url);
  expect(await statusOfGet(elsewhere)).toBe(200);
  await tryRevoke(here.client, shareLink.id);
  expect(await statusOfGet(elsewhere)).toBe(410);
  expect(worker.isAlive()).toBe(true);
});

test('40 retries under one key, spread over both, make one attachment', async () => {
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, index) =>
      (index % 2 === 0 ? here : there).client.upload(file(), { idempotencyKey: 'the-same' }),
    ),
  );
  expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
});

test('8 replacements at once, spread over both, are 8 versions', async () => {
  const { id } = await here.client.upload(file());
  await using worker = await lend();
  await until(async () => (await statusOf(here, id)) === 'APPROVED');
  const mutate = ({ client }: SpawnedService, name: string, input: object) => {
    const type = `${name[0]?.toUpperCase()}${name.slice(1)}Input`;
    return client.graphql(`mutation ($input: ${type}!) { ${name}(input: $input) { __typename } }`, { input });
  };
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, index) =>
      mutate(index % 2 === 0 ? here : there, 'replaceContent', {
        attachmentId: id,
        content: { base64: Buffer.from(`content ${index}`).toString('base64') },
      }),
    ),
  );
  expect(answers.flatMap(({ errors }) => errors ?? [])).toEqual([]);
  const versionOf = async () =>
    (
      await there.client.ask<{ attachment: { version: number } }>(
        'query ($id: ID!) { attachment(id: $id) { version } }',
        { id },
      )
    ).attachment.version;
  await until(async () => (await versionOf()) === 9);
  expect(worker.isAlive()).toBe(true);
});

test('a hold here ends with the verdict of a third process, and whoever listens is told', async () => {
  const { id } = await there.client.upload(file());
  // Nobody takes the job while its row is locked: the worker is there before the hold begins.
  const lock = new pg.Client({ connectionString: cluster.postgres.url });
  await lock.connect();
  await lock.query('BEGIN; SELECT FROM claimcheck_jobs._private_jobs FOR UPDATE');
  await using worker = await lend();
  const live = await openLive(there.url, there.client.key ?? '');
  const told = live.subscribe(onAttachment(id));
  await live.settled();
  const holding = linkOn(here.client, { record: { type: 'Task', id }, attachmentIds: [id], holdSeconds: 10 });
  await told.until(({ links }) => links.nodes.length === 1);
  await lock.end();
  expect((await holding).linkAttachments.links).toEqual([{ state: 'ACTIVE' }]);
  await told.until(({ status }) => status === 'APPROVED');
  expect(worker.isAlive()).toBe(true);
  live.close();
});

test('a key that is revoked here is refused there within a second', async () => {
  const created = await here.client.ask<{ createApiKey: { secret: string; apiKey: { id: string } } }>(
    'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { secret apiKey { id } } }',
    { input: { name: 'short-lived', permissions: ['attachments:read'] } },
  );
  const { secret, apiKey } = created.createApiKey;
  const asks = () =>
    fetch(`${there.url}/graphql`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: JSON.stringify({ query: '{ attachments(first: 1) { totalCount } }' }),
    }).then(({ status }) => status);
  expect(await asks()).toBe(200);
  const revoke = 'mutation ($input: RevokeApiKeyInput!) { revokeApiKey(input: $input) { __typename } }';
  await here.client.ask(revoke, { input: { id: apiKey.id } });
  await pause(1_000);
  expect(await asks()).toBe(401);
});

test('the command counts what waits, lists what has failed, and has it tried again', async () => {
  const { id } = await here.client.upload(file());
  const jobs = (...words: string[]) => runCommand(['jobs', ...words], cluster.env());
  await cluster.query(
    `SELECT claimcheck_jobs.permanently_fail_jobs(array_agg(id), 'badly') FROM claimcheck_jobs.jobs`,
  );
  const [counted, failed, unknown] = await Promise.all([
    jobs(),
    jobs('list', '--failed'),
    jobs('retry', '99999999'),
  ]);
  expect(counted.lines[1]).toMatch(/^scan-blob {2}0 {8}0 {8}1 {10}-$/);
  expect(failed.lines[1]).toMatch(/^\d+ +scan-blob +scan-blob:\S+ +0 +\S+Z +badly$/);
  expect(unknown.status).toBe(1);
  expect((await jobs('retry', failed.lines[1]?.split(' ')[0] ?? '')).stdout).toBe('1 will be tried again.\n');
  await using worker = await lend();
  await until(async () => (await statusOf(here, id)) === 'APPROVED');
  expect((await jobs()).lines).toHaveLength(1);
  expect(worker.isAlive()).toBe(true);
});

test('a worker is killed with jobs in hand: another runs them within 30 s, and every receiver is told', async () => {
  const count = 24;
  await using receiver = await startHangingReceiver();
  const doomed = await cluster.work();
  const webhooks = [{ uri: receiver.uri, interactions: ['ATTACHMENT_APPROVED'] }];
  await Promise.all(Array.from({ length: count }, () => here.client.upload(file(), { webhooks })));
  await until(() => receiver.asked.size >= 4, 60_000);
  doomed.kill('SIGKILL');
  const killedAt = performance.now();
  const held = await countHeld();
  expect(held).toBeGreaterThanOrEqual(4);
  receiver.answer();
  await using worker = await lend();
  await until(() => receiver.told.size === count, 30_000);
  report(`${held} jobs of a killed worker ran again within ${Math.round(performance.now() - killedAt)} ms`);
  expect(worker.isAlive()).toBe(true);
}, 120_000);

/** Takes webhooks and leaves them without an answer until `answer` is called. */
async function startHangingReceiver() {
  const [asked, told] = [new Set<string>(), new Set<string>()];
  let answers = false;
  const server = createServer((request, response) => {
    const id = String(request.headers['webhook-id']);
    asked.add(id);
    if (!answers) return;
    told.add(id);
    response.writeHead(204).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    uri: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    asked,
    told,
    answer: () => {
      answers = true;
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** A worker until the end of the test. */
async function lend() {
  const worker = await cluster.work();
  return {
    isAlive: () => worker.exitCode === null,
    [Symbol.asyncDispose]: async () => {
      const exited = new Promise((resolve) => worker.once('exit', resolve));
      worker.kill('SIGTERM');
      await exited;
    },
  };
}

async function countHeld(): Promise<number> {
  const [row] = await cluster.query(
    'SELECT count(*)::int AS count FROM claimcheck_jobs.jobs WHERE locked_by IS NOT NULL',
  );
  return Number(row?.['count']);
}
