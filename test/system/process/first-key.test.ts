import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { createFirstApiKey } from '../../../src/auth/manage-api-keys.js';
import { ApiKeyRow } from '../../../src/database/entities/organization.js';
import { whoAmI } from '../../service/auth/key-operations.js';
import { Client } from '../../support/client.js';
import { runCommand } from '../../support/run-command.js';
import { randomKey } from '../../support/service.js';
import { type SpawnedService, spawnService } from '../../support/spawned-service.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { openTestDatabase } from '../../support/test-database.js';

let directory: string;
const running: SpawnedService[] = [];
beforeEach(async () => {
  directory = await makeTemporaryDirectory();
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((service) => service.end('SIGKILL')));
  await rm(directory, { recursive: true, force: true });
});

async function start(env: Record<string, string> = {}): Promise<SpawnedService> {
  const service = await spawnService({ DATA_DIR: directory, BOOTSTRAP_API_KEY: '', ...env });
  running.push(service);
  return service;
}

/** The output of a service once it answers. All that it says at its start comes in one piece. */
async function toldBy(service: SpawnedService): Promise<string> {
  await fetch(`${service.url}/health/live`);
  return service.output().stdout;
}

const keyIn = (text: string) => /cck_[\w-]{40,}/.exec(text)?.[0] ?? '';

async function storedKeys(): Promise<ApiKeyRow[]> {
  const database = await openTestDatabase(directory);
  try {
    return await database.read.find(ApiKeyRow);
  } finally {
    await database.close();
  }
}

test('a start whose port is taken names PORT and makes no key; the next one makes it and shows it', async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const address = taken.address();
  const port = String(typeof address === 'object' ? address?.port : '');
  await expect(start({ PORT: port })).rejects.toThrow(`PORT: another program listens on 127.0.0.1:${port}`);
  expect(await storedKeys()).toEqual([]);
  await new Promise((resolve) => taken.close(resolve));
  const service = await start({ PORT: port });
  const key = keyIn(await toldBy(service));
  expect((await whoAmI(new Client(service.url, key))).permissions).toHaveLength(4);
});

test('a host that is none of this machine is told by name', async () => {
  await expect(start({ HOST: '192.0.2.1' })).rejects.toThrow('HOST: 192.0.2.1:0');
  expect(await storedKeys()).toEqual([]);
});

test('a key that was made and never shown is told of at each start until another is there', async () => {
  const database = await openTestDatabase(directory);
  await createFirstApiKey({ database, clock: database.clock }, null);
  await database.close();
  const [lost] = await storedKeys();
  const told = await toldBy(await start());
  expect(keyIn(told)).toBe('');
  expect(told).toContain(`keys revoke ${lost?.id}`);
  expect(told).toContain('claimcheck keys create --permissions attachments:read,');
  expect(told).not.toContain('BOOTSTRAP_API_KEY');
  const toldWithKey = await toldBy(await start({ BOOTSTRAP_API_KEY: randomKey() }));
  expect(toldWithKey).toContain('BOOTSTRAP_API_KEY is not one of this database');
  expect(toldWithKey).toContain(`keys revoke ${lost?.id}`);
  const made = await runCommand(['keys', 'create', '--permissions', 'keys:admin'], { DATA_DIR: directory });
  const service = await start();
  expect(await toldBy(service)).toBe(`Claimcheck listens on ${service.url}\n`);
  expect((await whoAmI(new Client(service.url, made.stdout.trim()))).permissions).toEqual(['keys:admin']);
});

test('a key that the operator has chosen is not repeated, and another one than the first is told of', async () => {
  const key = randomKey();
  const service = await start({ BOOTSTRAP_API_KEY: key });
  // Whoever comes before the first key is there waits for it.
  const asked = Array.from({ length: 5 }, () => service.client.graphql('{ viewer { organizationId } }'));
  const statuses = (await Promise.all(asked)).map(({ status }) => status);
  expect(new Set(statuses)).toEqual(new Set([200]));
  const { stdout, stderr } = { ...service.output(), stdout: await toldBy(service) };
  expect(stdout).toContain('Your API key is the one in BOOTSTRAP_API_KEY.');
  expect(stdout + stderr).not.toContain(key.slice(0, 12));
  await whoAmI(service.client);
  expect((await storedKeys()).map(({ prefix }) => prefix)).toEqual([key.slice(0, 12)]);
  expect(await service.end('SIGTERM')).toBe(0);
  const again = await start({ BOOTSTRAP_API_KEY: key });
  expect(await toldBy(again)).toBe(`Claimcheck listens on ${again.url}\n`);
  const other = await start({ BOOTSTRAP_API_KEY: randomKey() });
  expect(await toldBy(other)).toContain('BOOTSTRAP_API_KEY is not one of this database');
  expect(await storedKeys()).toHaveLength(1);
});
