import { rm } from 'node:fs/promises';
import { v7 as uuidv7 } from 'uuid';
import { until } from '../../support/jobs-contract.js';
import { runCommand } from '../../support/run-command.js';
import { randomKey } from '../../support/service.js';
import { spawnService, spawnWorker } from '../../support/spawned-service.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { exhaust, withOwnJobs } from './own-jobs.js';

let env: { DATA_DIR: string; BOOTSTRAP_API_KEY: string; SCANNER: string };
beforeEach(async () => {
  env = { DATA_DIR: await makeTemporaryDirectory(), BOOTSTRAP_API_KEY: randomKey(), SCANNER: 'eicar' };
});
afterEach(() => rm(env.DATA_DIR, { recursive: true, force: true }));

const jobs = (...words: string[]) => runCommand(['jobs', ...words], env);

test('lists what waits and what has failed, and has it tried again by the running service', async () => {
  const service = await spawnService(env, ['--no-work']);
  const upload = (content: string) => service.client.upload({ content });
  const uploaded = [await upload('one'), await upload('two'), await upload('three')];
  const from = Date.now();
  await withOwnJobs(env.DATA_DIR, (own) =>
    exhaust(own, 'scan-blob', 6, 'The process\nended \u001b[31mbadly.'),
  );
  const to = Date.now();
  await upload('four');
  const counts = await jobs();
  expect(counts.lines).toEqual([
    'KIND       WAITING  RUNNING  EXHAUSTED  OLDEST DUE',
    expect.stringMatching(/^scan-blob {2}1 {8}0 {8}3 {10}\d{4}-\d\d-\d\dT[\d:.]+Z$/),
  ]);
  const failed = await jobs('list', '--failed');
  const [heading = '', ...rows] = failed.lines;
  expect(heading.split(/ {2,}/)).toEqual(['ID', 'KIND', 'KEY', 'ATTEMPTS', 'SINCE', 'LAST ERROR']);
  const [id = '', ...cells] = rows[0]?.split(/ {2,}/) ?? [];
  const key = expect.stringMatching(/^scan-blob:[0-9a-f-]{36}$/);
  const error = 'The process ended [31mbadly.';
  expect(cells).toEqual(['scan-blob', key, '6', expect.any(String), error]);
  const failedAt = Date.parse(cells[3] ?? '');
  expect([failedAt >= from, failedAt <= to]).toEqual([true, true]);
  expect([rows.length, failed.status]).toEqual([3, 0]);

  const worker = await spawnWorker(env);
  const statuses = async () => {
    const { attachments } = await service.client.ask<{ attachments: { nodes: { status: string }[] } }>(
      '{ attachments(first: 10) { nodes { status } } }',
    );
    return attachments.nodes.filter(({ status }) => status === 'APPROVED').length;
  };
  await until(async () => (await statuses()) === 1);
  expect((await jobs('retry', id)).stdout).toBe('1 will be tried again.\n');
  await until(async () => (await statuses()) === 2);
  expect((await jobs('retry', '--all')).stdout).toBe('2 will be tried again.\n');
  await until(async () => (await statuses()) === uploaded.length + 1);
  await until(async () => (await jobs()).lines.length === 1);
  expect((await jobs('--failed')).lines).toHaveLength(1);
  worker.kill('SIGTERM');
  await service.end('SIGTERM');
}, 60_000);

test.each([
  ['no job', []],
  ['a job and --all', [uuidv7(), '--all']],
  ['a job that is not there', [uuidv7()]],
])('retry refuses %s', async (_name, words) => {
  await withOwnJobs(env.DATA_DIR, async () => undefined);
  const { status, stdout, stderr } = await jobs('retry', ...words);
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toMatch(/^(Name one job, or say --all|There is no exhausted job with the id \S+)\.\n$/);
});

test('more than a batch are tried again at once', async () => {
  await withOwnJobs(env.DATA_DIR, async (own) => {
    await own.database.write(async (manager) => {
      for (let n = 0; n < 450; n += 1) await own.jobs.enqueue(manager, { kind: 'note', payload: { n } });
    });
    await exhaust(own, 'note', 1, 'no');
    expect(await own.jobs.counts()).toMatchObject([{ kind: 'note', waiting: 0, running: 0, exhausted: 450 }]);
  });
  expect((await jobs('retry', '--all')).stdout).toBe('450 will be tried again.\n');
  expect((await jobs()).lines[1]).toMatch(/^note {2,}450 +0 +0 /);
});
