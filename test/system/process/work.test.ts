import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { spawnService, spawnWorker } from '../../support/spawned-service.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

test('one process works on what another serves: a hold here ends with the verdict there', async () => {
  const env = { DATA_DIR: await makeTemporaryDirectory(), SCANNER: 'eicar' };
  const service = await spawnService(env, ['--no-work']);
  const { client } = service;
  const { id, status } = await client.upload({ content: 'x', name: 'x.txt' });
  expect(status).toBe('PENDING');
  const link = (holdSeconds: number) =>
    client.ask<{ linkAttachments: { links: { state: string }[] } }>(
      `mutation ($input: LinkAttachmentsInput!) { linkAttachments(input: $input) { links { state } } }`,
      { input: { record: { type: 'Event', id: '1' }, attachmentIds: [id], holdSeconds } },
    );
  expect((await link(1)).linkAttachments.links).toEqual([{ state: 'PENDING' }]);
  const holding = link(10);
  const worker = await spawnWorker(env);
  expect((await holding).linkAttachments.links).toEqual([{ state: 'ACTIVE' }]);
  worker.kill('SIGTERM');
  expect((await once(worker, 'exit'))[0]).toBe(0);
  expect(await service.end('SIGTERM')).toBe(0);
  await rm(env.DATA_DIR, { recursive: true, force: true });
});

test('a process that only works takes the first key from nobody', async () => {
  const env = { DATA_DIR: await makeTemporaryDirectory(), BOOTSTRAP_API_KEY: '' };
  const worker = await spawnWorker(env);
  worker.kill('SIGTERM');
  expect((await once(worker, 'exit'))[0]).toBe(0);
  const service = await spawnService(env);
  await sleep(200);
  expect(service.output().stdout).toMatch(/cck_[\w-]{40,}/);
  await service.end('SIGTERM');
  await rm(env.DATA_DIR, { recursive: true, force: true });
});
