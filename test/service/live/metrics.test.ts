import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { randomKey, startService, type TestService } from '../../support/service.js';
import { StatementCounter } from '../../support/statement-counter.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { openTestDatabase, runsOnPostgres } from '../../support/test-database.js';
import { WebhookReceiver, webhookSecret } from '../../support/webhook-receiver.js';
import { eicar, GatedScanner } from '../verdicts/gated-scanner.js';
import { eventually, openLive } from './live-client.js';

const scanner = new GatedScanner();
const receiver = new WebhookReceiver();
const counter = new StatementCounter();
let service: TestService;

beforeAll(async () => {
  const env = { WEBHOOK_SECRET: webhookSecret, WEBHOOK_ALLOW_PRIVATE: 'true', SCAN_RETRY_SECONDS: '0' };
  service = await startService(
    { ...env, WEBHOOK_RETRY_SECONDS: '0', MAX_FILE_SIZE: '1000' },
    { scanner, statementLogger: counter },
  );
});
afterAll(async () => {
  receiver.close();
  await service.close();
});

const scrape = async () => (await fetch(`${service.url}/metrics`)).text();

/** The value of a series, by its name and labels as they are written; 0 where it is not there yet. */
async function read(series: string): Promise<number> {
  const line = (await scrape()).split('\n').find((each) => each.startsWith(`${series} `));
  return Number(line?.split(' ').at(-1) ?? 0);
}

/** By how much a series grows through `work` and what follows it. */
async function growth(series: string, work: () => Promise<unknown>, by = 1): Promise<void> {
  const before = await read(series);
  await work();
  for (let round = 0; round < 200; round += 1) {
    if ((await read(series)) - before === by) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`${series} has grown by ${(await read(series)) - before}, not ${by}.`);
}

const create = (content: object, input: object = {}) =>
  service.client.graphql(
    'mutation ($input: CreateAttachmentInput!) { createAttachment(input: $input) { attachment { id } } }',
    { input: { content, fileName: 'a.txt', ...input } },
  );
const text = (length: number) => Buffer.alloc(length, 'x').toString('base64');

describe('uploads, by door and outcome', () => {
  test.each<[string, string, () => Promise<unknown>]>([
    ['multipart', 'accepted', () => service.client.upload({ content: 'x', name: 'a.txt' })],
    ['multipart', 'refused', () => service.client.tryUpload({ content: 'x'.repeat(1_001), name: 'a.txt' })],
    ['multipart', 'refused', () => service.client.tryUpload({ content: 'x' }, { fileName: 'a/b' })],
    ['base64', 'accepted', () => create({ base64: text(10) })],
    ['base64', 'refused', () => create({ base64: text(1_001) })],
    ['base64', 'refused', () => create({ base64: '***' })],
    ['base64', 'refused', () => create({ base64: '*'.repeat(300_000) })],
    ['dataUrl', 'accepted', () => create({ dataUrl: `data:text/plain;base64,${text(10)}` })],
    ['documentKey', 'refused', () => create({ documentKey: 'nothing' })],
    ['direct', 'accepted', () => sendDirectly(10)],
    ['direct', 'refused', () => sendDirectly(9)],
  ])('%s %s', async (door, outcome, upload) => {
    await growth(`claimcheck_uploads_total{door="${door}",outcome="${outcome}"}`, upload);
  });

  test.each<[string, () => Promise<unknown>]>([
    ['multipart', () => service.client.upload({ content: 'x'.repeat(10), name: 'a.txt' })],
    ['base64', () => create({ base64: text(10) })],
    ['direct', () => sendDirectly(10)],
  ])('bytes stored by %s', async (door, upload) => {
    await growth(`claimcheck_upload_bytes_total{door="${door}"}`, upload, 10);
  });

  async function sendDirectly(length: number): Promise<void> {
    const { createUploadTarget } = await service.client.ask<{
      createUploadTarget: { target: { url: string } };
    }>(
      `mutation { createUploadTarget(input: { fileName: "a.txt", contentType: "text/plain", size: 10 }) { target { url } } }`,
    );
    const { url } = createUploadTarget.target;
    await fetch(url, { method: 'PUT', headers: { 'content-type': 'text/plain' }, body: 'x'.repeat(length) });
  }
});

test('verdicts, by outcome', async () => {
  const series = (outcome: string) => `claimcheck_verdicts_total{outcome="${outcome}"}`;
  await growth(series('approved'), () => service.client.upload({ content: 'x', name: 'a.txt' }));
  await growth(series('rejected'), () => service.client.upload({ content: eicar, name: 'a.txt' }));
  scanner.outcome = { outcome: 'no verdict', reason: 'none' };
  await growth(series('failed'), () => service.client.upload({ content: 'x', name: 'a.txt' }));
  scanner.outcome = null;
});

test('webhooks, by outcome', async () => {
  const webhooks = [{ uri: await receiver.open(), interactions: ['ATTACHMENT_APPROVED'] }];
  const upload = () => service.client.upload({ content: 'x', name: 'a.txt' }, { webhooks });
  const series = (outcome: string) => `claimcheck_webhook_deliveries_total{outcome="${outcome}"}`;
  await growth(series('delivered'), upload);
  receiver.answers = [500, 500];
  await growth(series('retrying'), upload);
  await eventually(() => receiver.received.length === 3);
  receiver.answers = [500, 500];
  await growth(series('failed'), upload);
});

test('jobs by kind and state, and how late they are, counted once in five seconds', async () => {
  const kinds = ['scan-blob', 'deliver-webhook'];
  for (const kind of kinds) {
    for (const state of ['waiting', 'running', 'exhausted']) {
      expect(await scrape()).toContain(`claimcheck_jobs{kind="${kind}",state="${state}"}`);
    }
    expect(await scrape()).toContain(`claimcheck_job_lag_seconds{kind="${kind}"}`);
  }
  const during = await counter.during(async () => {
    for (let time = 0; time < 50; time += 1) await scrape();
  });
  expect(during.filter((statement) => /COUNT\(\*\)/.test(statement)).length).toBeLessThan(3);
  scanner.shut();
  const uploads = 40;
  await Promise.all(
    Array.from({ length: uploads }, () => service.client.upload({ content: 'x', name: 'a.txt' })),
  );
  const waiting = () => read('claimcheck_jobs{kind="scan-blob",state="waiting"}');
  const lag = () => read('claimcheck_job_lag_seconds{kind="scan-blob"}');
  const running = () => read('claimcheck_jobs{kind="scan-blob",state="running"}');
  // Jobs are counted once in five seconds.
  for (let round = 0; round < 100 && (await waiting()) + (await running()) < uploads; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect((await waiting()) + (await running())).toBe(uploads);
  expect(await waiting()).toBeGreaterThan(0);
  expect(await running()).toBeGreaterThan(0);
  expect(await lag()).toBeGreaterThan(0);
  scanner.open();
}, 30_000);

test('open WebSockets', async () => {
  const before = await read('claimcheck_websockets_open');
  const live = await openLive(service.url, service.key);
  expect(await read('claimcheck_websockets_open')).toBe(before + 1);
  live.close();
});

test('requests, by method, route and class of status, and their durations', async () => {
  const answers = (route: string, status: string, method = 'GET') =>
    `claimcheck_http_requests_total{method="${method}",route="${route}",status="${status}"}`;
  await growth(answers('/health/live', '2xx'), () => fetch(`${service.url}/health/live`));
  await growth(answers('none', '4xx'), () => fetch(`${service.url}/nothing`));
  await growth(answers('/attachments/:id/*', '4xx'), () => fetch(`${service.url}/attachments/x/y`));
  const send = (method: string) => fetch(`${service.url}/uploads/nothing`, { method, body: 'x' });
  await growth(answers('/uploads/*', '4xx', 'PATCH'), () => send('PATCH'));
  await growth(answers('/graphql', '2xx', 'POST'), () => service.client.graphql('{ __typename }'));
  const count = 'claimcheck_http_request_duration_seconds_count{method="GET",route="/health/live"}';
  await growth(count, () => fetch(`${service.url}/health/live`));
});

test('metrics of the process', async () => {
  expect(await read('process_resident_memory_bytes')).toBeGreaterThan(0);
  const response = await fetch(`${service.url}/metrics`);
  expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  expect(response.headers.get('cache-control')).toBe('no-store');
});

test('500 unknown paths, operation names and methods make no further series, and nothing of a tenant is told', async () => {
  const { id, organizationId, fileName } = await service.client.upload({ content: 'x', name: 'secret.txt' });
  const send = async () => {
    for (let round = 0; round < 125; round += 1) {
      const word = randomBytes(6).toString('hex');
      await Promise.all([
        fetch(`${service.url}/${word}`),
        fetch(`${service.url}/attachments/${word}/${word}`),
        fetch(`${service.url}/uploads/${word}`, { method: 'PUT', body: 'x' }),
        service.client.graphql(`query x${word} { viewer { organizationId } }`),
        fetch(`${service.url}/health/live?${word}`, {
          method: ['PATCH', 'DELETE', 'PURGE'][round % 3] ?? '',
        }),
      ]);
    }
  };
  const names = async () =>
    (await scrape())
      .replace(/ \S+$/gm, '')
      .split('\n')
      .filter((line) => !/^#|nodejs_active|nodejs_gc/.test(line));
  await send();
  const before = await names();
  await send();
  expect((await names()).toSorted()).toEqual(before.toSorted());
  const page = await scrape();
  for (const told of [id, organizationId, fileName, service.key]) expect(page).not.toContain(told);
});

test('everything else is told if the jobs cannot be counted', async () => {
  const dataDirectory = await makeTemporaryDirectory();
  const broken = await startService({ DATA_DIR: dataDirectory, BOOTSTRAP_API_KEY: randomKey() });
  const database = await openTestDatabase(dataDirectory);
  const schema = runsOnPostgres() ? 'claimcheck_jobs.' : '';
  const table = runsOnPostgres() ? '_private_jobs' : 'jobs';
  await database.write((manager) => manager.query(`ALTER TABLE ${schema}${table} RENAME TO jobs_gone`));
  const page = await (await fetch(`${broken.url}/metrics`)).text();
  expect(page).toContain('claimcheck_websockets_open 0');
  expect(page).not.toMatch(/^claimcheck_jobs\{/m);
  await database.write((manager) => manager.query(`ALTER TABLE ${schema}jobs_gone RENAME TO ${table}`));
  await database.close();
  await broken.close();
  await rm(dataDirectory, { recursive: true });
});
