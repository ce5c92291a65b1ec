import { rm } from 'node:fs/promises';
import { codeOf, usageOf } from '../../service/quotas/quota-stage.js';
import { runCommand } from '../../support/run-command.js';
import { startService, type TestService } from '../../support/service.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { openTestDatabase } from '../../support/test-database.js';

let directory: string;
let service: TestService;
beforeAll(async () => {
  directory = await makeTemporaryDirectory();
  service = await startService({ DATA_DIR: directory, QUOTA_ATTACHMENTS: '7' });
});
afterAll(async () => {
  await service.close();
  await rm(directory, { recursive: true, force: true });
});

const quota = (...words: string[]) =>
  runCommand(['quota', ...words], { DATA_DIR: directory, QUOTA_ATTACHMENTS: '7' });
const upload = () => service.client.tryUpload({ content: Buffer.alloc(2_000), name: 'a.bin' });

test('a bound that is set holds in a running service, is listed, and is lifted', async () => {
  await upload();
  const set = await quota('set', '--organization', 'default', '--bytes', '3KiB', '--attachments', '100000');
  expect([set.status, set.stdout]).toEqual([
    0,
    expect.stringMatching(/^default \(\S+\): bytes at most 3072, attachments at most 100000\n$/),
  ]);
  // Uploads that end within the first second may not know of it.
  while (codeOf(await upload()) === 'ok') await quota('list');
  expect(await usageOf(service.client)).toMatchObject({ maxBytes: 3_072, maxAttachments: 100_000 });
  const { bytes, attachments } = await usageOf(service.client);
  const [listed = ''] = (await quota('list', '--json')).lines;
  expect(JSON.parse(listed)).toEqual({
    organizationId: expect.any(String),
    organization: 'default',
    bytes,
    attachments,
    maxBytes: 3_072,
    maxAttachments: 100_000,
    previewBytes: 0,
  });
  expect((await quota('list')).lines).toEqual([
    'ORGANIZATION  ID                                    BYTES  MAX BYTES  ATTACHMENTS  MAX ATTACHMENTS  PREVIEW BYTES',
    expect.stringMatching(/^default {7}\S{36} {2}\d+ +3072 +\d+ +100000 +0$/),
  ]);
  await quota('set', '--bytes', 'none', '--attachments', 'default');
  expect(await usageOf(service.client)).toMatchObject({ maxBytes: null, maxAttachments: 7 });
});

test('a recount proves the counters, and corrects wrong ones', async () => {
  const right = await quota('recount');
  expect([right.status, right.stdout]).toEqual([0, '1 organizations counted, 0 counters corrected.\n']);
  const { bytes } = await usageOf(service.client);
  const database = await openTestDatabase(directory);
  await database.write((manager) => manager.query('UPDATE usages SET bytes = bytes + 5'));
  await database.write((manager) =>
    manager.query('INSERT INTO usage_changes SELECT id, 6, 0, 0 FROM organizations'),
  );
  await database.close();
  const wrong = await quota('recount', '--json');
  expect(wrong.lines.map((line) => JSON.parse(line))).toMatchObject([
    { organization: 'default', bytes, isRight: false },
  ]);
  expect((await usageOf(service.client)).bytes).toBe(bytes);
  expect((await quota('recount')).stdout).toContain('0 counters corrected');
});

test.each([
  [['--bytes', '1,5GiB'], '--bytes must be a size such as 10GiB, none or default.'],
  [['--bytes', '-1'], '--bytes must be'],
  [['--attachments', '1KiB'], '--attachments must be a whole number, none or default.'],
  [['--attachments', '1.5'], '--attachments must be a whole number'],
  [[], 'Name --bytes or --attachments.'],
  [['--organization', 'nobody', '--bytes', '1'], 'There is no organization nobody.'],
])('quota set %p is refused', async (words, message) => {
  const { status, stdout, stderr } = await quota('set', ...words);
  expect([status, stdout, stderr]).toEqual([1, '', expect.stringContaining(message)]);
});
