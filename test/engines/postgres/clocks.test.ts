import { pathToFileURL } from 'node:url';
import { TusClient } from '../../service/targets/tus-client.js';
import { type AttachmentData, Client } from '../../support/client.js';
import { until } from '../../support/jobs-contract.js';
import { report } from '../../support/report.js';
import { runCommand } from '../../support/run-command.js';
import type { SpawnedService } from '../../support/spawned-service.js';
import { WebhookReceiver } from '../../support/webhook-receiver.js';
import { audience, claims, issuer, seconds, secret, sign } from '../../system/auth/tokens.js';
import { Cluster } from './cluster.js';

const minuteMs = 60_000;
const shifted = (minutes: number) => ({
  NODE_OPTIONS: `--import=${pathToFileURL('build/test/support/shift-clock.js').href}`,
  CLOCK_OFFSET_MS: String(minutes * minuteMs),
  GRACE_PERIOD_MINUTES: '2',
  WEBHOOK_RETRY_SECONDS: '1',
  JWT_SECRET: secret,
  JWT_CREATE_ORGANIZATIONS: 'true',
  JWT_ISSUER: issuer,
  JWT_AUDIENCE: audience,
  LOG_LEVEL: 'info',
});
const ahead = shifted(5);
const behind = shifted(-5);

let cluster: Cluster;
let early: SpawnedService;
let late: SpawnedService;
beforeAll(async () => {
  cluster = await Cluster.open();
  [early, late] = await Promise.all([
    cluster.serve(ahead, ['--no-work']),
    cluster.serve(behind, ['--no-work']),
  ]);
});
afterAll(() => cluster[Symbol.asyncDispose]());

const file = (name: string) => ({ content: `of ${name}`, name });

test('the clocks of the two processes are ten minutes apart', async () => {
  const times: number[] = [];
  for (const { url, output } of [early, late]) {
    await fetch(`${url}/nothing`);
    const line = output().stderr.trim().split('\n').at(-1);
    times.push(new Date((JSON.parse(line ?? '') as { time: number }).time).getTime());
  }
  expect(Number(times[0]) - Number(times[1])).toBeGreaterThan(9 * minuteMs);
});

test('both date what they store alike, and list it in the order in which it came', async () => {
  const names = Array.from({ length: 10 }, (_, index) => `${index}.txt`);
  const started = Date.now();
  for (const [index, name] of names.entries()) {
    const { createdAt, expiresAt } = await (index % 2 === 0 ? early : late).client.upload(file(name));
    expect(Math.abs(Date.parse(createdAt) - Date.now())).toBeLessThan(Date.now() - started + 1_000);
    expect(Date.parse(expiresAt ?? '') - Date.parse(createdAt)).toBe(2 * minuteMs);
  }
  const query = '{ attachments(orderBy: { field: CREATED_AT, direction: ASC }) { nodes { fileName } } }';
  for (const { client } of [early, late]) {
    const { attachments } = await client.ask<{ attachments: { nodes: AttachmentData[] } }>(query);
    expect(attachments.nodes.map(({ fileName }) => fileName)).toEqual(names);
  }
});

test('a process that is ahead purges nothing before its time', async () => {
  const { id } = await late.client.upload(file('kept.txt'));
  const sweep = await runCommand(['sweep'], cluster.env(ahead));
  expect(sweep).toMatchObject({ status: 0, stderr: '' });
  const claim =
    'mutation ($input: ClaimAttachmentInput!) { claimAttachment(input: $input) { attachment { id } } }';
  const input = { attachmentId: id, record: { type: 'Task', id } };
  expect(await early.client.ask(claim, { input })).toEqual({ claimAttachment: { attachment: { id } } });
  const { attachment } = await late.client.ask<{ attachment: { downloadUrl: string | null } }>(
    'query ($id: ID!) { attachment(id: $id) { downloadUrl } }',
    { id },
  );
  expect(attachment.downloadUrl).toBeNull();
});

test('a token is good until it expires and a minute longer, for both', async () => {
  for (const [expires, status] of [
    [seconds(30), 200],
    [seconds(-90), 401],
  ] as const) {
    const token = await sign(claims({ exp: expires }));
    for (const { url } of [early, late]) {
      const answer = await new Client(url, token).graphql('{ viewer { principal { id } } }');
      expect(answer.status).toBe(status);
    }
  }
});

test('both count the requests of one minute, and say alike when it ends', async () => {
  const limited = await Promise.all(
    [ahead, behind].map((clock) =>
      cluster.serve({ ...clock, RATE_LIMIT_PER_MINUTE: '30', FAILED_LOGINS_PER_MINUTE: '4' }, ['--no-work']),
    ),
  );
  const ask = async (index: number, token: string) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ query: '{ viewer { principal { id } } }' });
    return fetch(`${limited[index % 2]?.url}/graphql`, { method: 'POST', headers, body });
  };
  const token = await sign(claims({ sub: 'busy' }));
  const answers: Response[] = [];
  for (let index = 0; index < 60; index += 1) answers.push(await ask(index, token));
  const inSeconds = (answer: Response) =>
    Number(answer.headers.get('x-ratelimit-reset')) - Date.now() / 1_000;
  expect(answers.map(({ status }) => status)).toEqual([...Array(30).fill(200), ...Array(30).fill(429)]);
  for (const answer of answers) {
    expect(inSeconds(answer)).toBeGreaterThan(30);
    expect(inSeconds(answer)).toBeLessThan(62);
  }
  for (const answer of answers.slice(30)) {
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(30);
    expect(Number(answer.headers.get('retry-after'))).toBeLessThanOrEqual(60);
  }
  const guesses: number[] = [];
  for (let index = 0; index < 8; index += 1) guesses.push((await ask(index, `guess-${index}`)).status);
  expect(guesses).toEqual([401, 401, 401, 401, 429, 429, 429, 429]);
});

test('a URL that one process signs opens in the other, and a target that one hands out the other fills', async () => {
  const worker = await cluster.work(ahead);
  for (const [one, other] of [
    [early, late],
    [late, early],
  ] as const) {
    const { id } = await one.client.upload(file('signed.txt'));
    const ask = () =>
      one.client.ask<{ attachment: { downloadUrl: string | null } }>(
        'query ($id: ID!) { attachment(id: $id) { downloadUrl } }',
        { id },
      );
    await until(async () => (await ask()).attachment.downloadUrl !== null);
    const { downloadUrl } = (await ask()).attachment;
    expect((await fetch(downloadUrl?.replace(one.url, other.url) ?? '')).status).toBe(200);
    const { createUploadTarget } = await one.client.ask<{ createUploadTarget: { target: { url: string } } }>(
      'mutation ($input: CreateUploadTargetInput!) { createUploadTarget(input: $input) { target { url } } }',
      { input: { fileName: 'a.txt', contentType: 'text/plain', size: 5 } },
    );
    const sent = await fetch(createUploadTarget.target.url.replace(one.url, other.url), {
      method: 'PUT',
      headers: { 'content-type': 'text/plain' },
      body: 'hello',
    });
    expect(sent.status).toBe(201);
  }
  worker.kill('SIGKILL');
});

test('an upload by tus that one has begun the other goes on with, and both tell the same end of its time', async () => {
  for (const services of [
    [early, late],
    [late, early],
  ]) {
    const [one, other] = services.map((service) => new TusClient(service, service.client.key)) as [
      TusClient,
      TusClient,
    ];
    const url = await one.create(6);
    const first = await one.patch(url, 0, 'abc');
    const head = await other.head(url);
    expect([head.status, head.headers.get('upload-offset')]).toEqual([200, '3']);
    expect(head.headers.get('upload-expires')).toBe(first.headers.get('upload-expires'));
    expect((await other.patch(url, 3, 'def')).status).toBe(204);
    expect((await one.head(url)).headers.get('upload-offset')).toBe('6');
  }
});

test.each([
  ['ahead', ahead],
  ['behind', behind],
])(
  'a worker that is %s signs with the right time, and tries again after the second it is to wait',
  async (_, clock) => {
    const receiver = new WebhookReceiver();
    receiver.answers = [500];
    const webhooks = [{ uri: await receiver.open(), interactions: ['ATTACHMENT_APPROVED'] }];
    const worker = await cluster.work(clock);
    await late.client.upload(file('told.txt'), { webhooks });
    await receiver.got(1);
    const first = performance.now();
    await receiver.got(2);
    report(`a webhook came again after ${Math.round(performance.now() - first)} ms`);
    expect(performance.now() - first).toBeGreaterThan(700);
    expect(receiver.faults).toEqual([]);
    receiver.close();
    worker.kill('SIGKILL');
  },
);
