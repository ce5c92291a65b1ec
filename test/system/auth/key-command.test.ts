import { execFile } from 'node:child_process';
import { readdir, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { listKeys, statusOf, whoAmI } from '../../service/auth/key-operations.js';
import { Client } from '../../support/client.js';
import { type SpawnedService, spawnService } from '../../support/spawned-service.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { databaseEnvironment } from '../../support/test-database.js';
import { claims, secret, sign } from './tokens.js';

const run = promisify(execFile);

const faults = [
  ['create', '--permissions', 'attachments:read,everything'],
  ['create', '--permissions', ''],
  ['create', '--permissions', ' , '],
  ['create', '--expires-at', '2020-01-01'],
  ['create', '--expires-at', 'tomorrow'],
  ['create', '--expires-at', '9999-12-31T23:59:59-00:01'],
  ['create', '--expires-at', '2999-02-29T00:00:00Z'],
  ['create', '--name', ''],
  ['create', '--name', 'a\tb'],
  ['create', '--organization', ''],
  ['create', '--organization', 'no\nname'],
  ['create', '--unknown'],
  ['list', '--organization', 'nobody'],
  ['revoke', 'nothing'],
  ['revoke'],
];

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

describe('claimcheck keys, while the service runs', () => {
  let directory: string;
  let service: SpawnedService;
  beforeAll(async () => {
    directory = await makeTemporaryDirectory();
    service = await spawnService({ DATA_DIR: directory, JWT_SECRET: secret });
  });
  afterAll(async () => {
    await service.end('SIGTERM');
    await rm(directory, { recursive: true, force: true });
  });

  const keys = async (...options: string[]): Promise<Ended> =>
    run(process.execPath, ['dist/claimcheck.cjs', 'keys', ...options], {
      env: { PATH: process.env['PATH'], DATA_DIR: directory, ...(await databaseEnvironment(directory)) },
    }).then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      ({ code, stdout, stderr }: Ended) => ({ code, stdout, stderr }),
    );
  const clientOf = ({ stdout }: Ended) => new Client(service.url, stdout.trim());
  const idOf = ({ stderr }: Ended) => /id is (\S+);/.exec(stderr)?.[1] ?? '';

  test('create prints a key that is good at once', async () => {
    const created = await keys('create');
    expect(created.stdout).toMatch(/^cck_[\w-]{43}\n$/);
    const first = await whoAmI(service.client);
    expect(await whoAmI(clientOf(created))).toEqual({
      principal: { id: expect.any(String), kind: 'SERVICE', name: 'key' },
      organizationId: first.organizationId,
      permissions: ['attachments:read', 'attachments:write'],
    });
  });

  test('create makes an organization, once, with what it is told', async () => {
    const acme = ['--organization', 'acme', '--permissions', 'keys:admin, attachments:read'];
    const made = await keys('create', ...acme, '--name', 'CI', '--expires-at', '2999-01-01T00:00:00Z');
    const again = await keys('create', '--organization', 'acme');
    const viewer = await whoAmI(clientOf(made));
    expect(viewer).toMatchObject({ organizationId: 'acme', permissions: ['attachments:read', 'keys:admin'] });
    const { nodes } = await listKeys(clientOf(made));
    expect(nodes.map(({ name, expiresAt }) => [name, expiresAt])).toEqual([
      ['key', null],
      ['CI', '2999-01-01T00:00:00.000Z'],
    ]);
    const user = new Client(service.url, await sign(claims({ org: 'acme' })));
    const { url } = await clientOf(again).upload({ content: 'x' }, { record: { type: 'T', id: '1' } });
    expect((await user.download(url)).status).toBe(200);
    const spaced = await keys('create', '--organization', 'Two Words');
    expect((await whoAmI(clientOf(spaced))).organizationId).toMatch(/^[0-9a-f-]{36}$/);
    const same = await keys('create', '--organization', 'Two Words');
    expect((await whoAmI(clientOf(same))).organizationId).toBe(
      (await whoAmI(clientOf(spaced))).organizationId,
    );
  });

  test('list is a table without any secret', async () => {
    const created = await keys('create', '--organization', 'listed', '--name', 'Shown here');
    const { stdout } = await keys('list');
    const [heading, ...lines] = stdout.trimEnd().split('\n');
    expect(heading).toMatch(
      /^ID +ORGANIZATION +NAME +PREFIX +PERMISSIONS +CREATED +EXPIRES +LAST USED +REVOKED$/,
    );
    expect(lines.length).toBeGreaterThan(1);
    const line = lines.find((text) => text.startsWith(idOf(created))) ?? '';
    expect(line).toMatch(
      / listed +Shown here +cck_[\w-]{8} +attachments:read,attachments:write +20\S+Z +- +- +-$/,
    );
    expect(stdout).not.toContain(created.stdout.trim());
    const own = (await keys('list', '--organization', 'listed')).stdout.trimEnd().split('\n');
    expect(own).toHaveLength(2);
  });

  test('revoke ends a key within a second, and again is harmless', async () => {
    const created = await keys('create');
    const client = clientOf(created);
    expect(await statusOf(client)).toBe(200);
    expect(await keys('revoke', idOf(created))).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Revoked key \(cck_/),
    });
    const revokedAt = performance.now();
    while ((await statusOf(client)) !== 401) await sleep(20);
    expect(performance.now() - revokedAt).toBeLessThan(1_500);
    expect((await keys('revoke', idOf(created))).code).toBe(0);
  });

  test('a fault is one line on stderr and exit status 1, and makes no key', async () => {
    const before = (await keys('list')).stdout.split('\n').length;
    for (const options of faults) {
      const { code, stdout, stderr } = await keys(...options);
      expect({ options, code, stdout }).toEqual({ options, code: 1, stdout: '' });
      expect(stderr).toMatch(/^[^\n]+\n$/);
    }
    expect((await keys('list')).stdout.split('\n')).toHaveLength(before);
  });

  test('many at once, beside uploads, all succeed', async () => {
    const uploads = Array.from({ length: 30 }, () => service.client.tryUpload({ content: 'x' }));
    const made = await Promise.all(
      Array.from({ length: 4 }, () => keys('create', '--organization', 'burst')),
    );
    expect(made.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    expect((await Promise.all(uploads)).filter(({ errors }) => errors)).toEqual([]);
    const organizations = await Promise.all(
      made.map(async (one) => (await whoAmI(clientOf(one))).organizationId),
    );
    expect(new Set(organizations)).toEqual(new Set(['burst']));
  });
});

test('a key that is refused leaves no database in an empty folder', async () => {
  const directory = await makeTemporaryDirectory();
  for (const options of faults.filter(([command]) => command === 'create')) {
    const env = { PATH: process.env['PATH'], DATA_DIR: directory };
    const made = run(process.execPath, ['dist/claimcheck.cjs', 'keys', ...options], { env });
    await expect(made).rejects.toMatchObject({ code: 1 });
    expect({ options, left: await readdir(directory) }).toEqual({ options, left: [] });
  }
  await rm(directory, { recursive: true });
});
