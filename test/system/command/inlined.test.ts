import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { AttachmentData } from '../../support/client.js';
import { type Postgres, startPostgres } from '../../support/postgres.js';
import { runCommand } from '../../support/run-command.js';
import { startService, type TestService } from '../../support/service.js';
import { sha256 } from '../../support/sha256.js';
import { storedObjects } from '../../support/stored-files.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { openTestDatabase } from '../../support/test-database.js';

let service: TestService;
let files: { attachment: AttachmentData; hash: string }[];
beforeEach(async () => {
  service = await startService();
  files = [];
  for (const size of [0, 10, 65_536, 65_537]) {
    const content = randomBytes(size);
    const record = { type: 'Task', id: '1' };
    files.push({ attachment: await service.client.upload({ content }, { record }), hash: sha256(content) });
  }
});
afterEach(() => service.close());

const run = (...words: string[]) => runCommand(words, { DATA_DIR: service.dataDirectory });

async function change(sql: string): Promise<void> {
  const database = await openTestDatabase(service.dataDirectory);
  await database.write((manager) => manager.query(sql));
  await database.close();
}

const blobOf = (index: number) => files[index]?.attachment.documentKey.split('/').at(-1);

describe('files that are kept with their rows', () => {
  test('are verified as any others', async () => {
    const well = await run('verify', '--rate', '0');
    expect([well.status, well.stdout]).toEqual([
      0,
      'Verified 4 files of 131083 bytes: 0 missing, 0 damaged, 0 orphaned.\n',
    ]);
    await change(`UPDATE blob_bodies SET body = x'00010203040506070809' WHERE blob_id = '${blobOf(1)}'`);
    await change(`DELETE FROM blob_bodies WHERE blob_id = '${blobOf(2)}'`);
    const ill = await run('verify', '--rate', '0');
    expect(ill.status).toBe(1);
    expect(ill.stdout).toContain(`damaged ${files[1]?.attachment.documentKey}: its md5 and sha256 differ`);
    expect(ill.stdout).toContain(`missing ${files[2]?.attachment.documentKey}: it is not in the storage`);
  });

  test('are nothing that a sweep would take', async () => {
    const { status, stdout } = await run('sweep', '--dry-run');
    expect([status, stdout]).toEqual([0, '0 would go.\n']);
    expect((await run('sweep')).status).toBe(0);
    for (const { attachment, hash } of files) {
      const response = await service.client.download(attachment.url);
      expect(sha256(Buffer.from(await response.arrayBuffer()))).toBe(hash);
    }
  });

  test('stay in their rows if the others move, and a damaged one is told of', async () => {
    const folder = await makeTemporaryDirectory();
    const move = () => run('move', '--to-storage', pathToFileURL(join(folder, 'files')).href);
    const moved = await move();
    expect([moved.status, moved.stdout]).toEqual([
      0,
      'Files: 1 copied, 3 there before, 0 missing, 0 damaged.\n',
    ]);
    expect(await storedObjects(folder)).toEqual([files[3]?.attachment.documentKey]);
    await change(`UPDATE blob_bodies SET body = x'00' WHERE blob_id = '${blobOf(1)}'`);
    const again = await move();
    expect(again.status).toBe(1);
    expect(again.stdout).toContain(`damaged ${files[1]?.attachment.documentKey}`);
    await rm(folder, { recursive: true });
  });

  describe('on the way to PostgreSQL', () => {
    let postgres: Postgres | undefined;
    beforeAll(async () => {
      postgres = await startPostgres();
    });
    afterAll(() => postgres?.stop());

    test('move with their rows, also if they were changed or removed in between', async () => {
      const url = (await postgres?.createDatabase()) ?? '';
      const move = () => run('move', '--to-database', url);
      expect((await move()).status).toBe(0);
      const other = randomBytes(10);
      await change(
        `UPDATE blob_bodies SET body = x'${other.toString('hex')}' WHERE blob_id = '${blobOf(1)}'`,
      );
      expect((await move()).status).toBe(0);
      const { dataDirectory, key } = service;
      const env = { DATA_DIR: dataDirectory, DATABASE_URL: url, BOOTSTRAP_API_KEY: key };
      await using there = await startService(env);
      for (const [index, { attachment, hash }] of files.entries()) {
        const response = await there.client.download(new URL(attachment.url).pathname);
        const bytes = Buffer.from(await response.arrayBuffer());
        expect([response.status, sha256(bytes)]).toEqual([200, index === 1 ? sha256(other) : hash]);
      }
    });
  });
});
