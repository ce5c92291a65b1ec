import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { eicarString } from '../../../src/scanner/create-scanner.js';
import { startService, type TestService } from '../../support/service.js';
import { sha256 } from '../../support/sha256.js';
import { storedFiles, storedObjects } from '../../support/stored-files.js';
import { openTestDatabase, queryTestDatabase } from '../../support/test-database.js';

const limit = 1_000;
const ofOneSize = (size: number) => randomBytes(size);

let service: TestService;
beforeEach(async () => {
  service = await startService({ INLINE_MAX_BYTES: String(limit), SCANNER: 'eicar' });
});
afterEach(() => service.close());

const bodies = () =>
  queryTestDatabase<{ blob_id: string }>(service.dataDirectory, 'SELECT blob_id FROM blob_bodies');

async function download(url: string, headers: Record<string, string> = {}) {
  const response = await service.client.download(url, headers);
  return { status: response.status, bytes: Buffer.from(await response.arrayBuffer()) };
}

async function untilStatus(id: string, expected: string): Promise<void> {
  const query = 'query ($id: ID!) { attachment(id: $id) { status } }';
  for (;;) {
    const { attachment } = await service.client.ask<{ attachment: { status: string } }>(query, { id });
    if (attachment.status === expected) return;
    await sleep(10);
  }
}

describe('a file of up to INLINE_MAX_BYTES', () => {
  test.each([
    [0, 1, 0],
    [1, 1, 0],
    [limit, 1, 0],
    [limit + 1, 0, 1],
  ])('that has %d bytes lies in %d rows and %d objects', async (size, inRows, inObjects) => {
    const content = ofOneSize(size);
    const { url } = await service.client.upload({ content });
    expect([(await bodies()).length, (await storedObjects(service.dataDirectory)).length]).toEqual([
      inRows,
      inObjects,
    ]);
    const whole = await download(url);
    expect([whole.status, sha256(whole.bytes)]).toEqual([200, sha256(content)]);
  });

  test('is served in ranges', async () => {
    const content = ofOneSize(500);
    const { url } = await service.client.upload({ content });
    for (const [range, part] of [
      ['bytes=0-0', content.subarray(0, 1)],
      ['bytes=100-199', content.subarray(100, 200)],
      ['bytes=-10', content.subarray(490)],
      ['bytes=499-', content.subarray(499)],
    ] as const)
      expect(await download(url, { Range: range })).toEqual({ status: 206, bytes: part });
    expect((await download(url, { Range: 'bytes=500-' })).status).toBe(416);
  });

  test('goes with the last attachment that uses it, in the same transaction', async () => {
    const { id, url } = await service.client.upload({ content: 'small' });
    const { copyAttachment } = await service.client.ask<{
      copyAttachment: { attachment: { id: string } };
    }>('mutation ($id: ID!) { copyAttachment(input: { attachmentId: $id }) { attachment { id } } }', { id });
    const remove = (attachmentId: string) =>
      service.client.ask(
        'mutation ($id: ID!) { deleteAttachment(input: { attachmentId: $id }) { deletedAttachmentId } }',
        { id: attachmentId },
      );
    await remove(id);
    expect(await bodies()).toHaveLength(1);
    await remove(copyAttachment.attachment.id);
    expect(await bodies()).toHaveLength(0);
    const due = await queryTestDatabase(service.dataDirectory, 'SELECT document_key FROM removals');
    expect(due).toEqual([]);
    expect((await download(url)).status).toBe(404);
  });

  test('is scanned', async () => {
    const [bad, good] = [
      await service.client.upload({ content: eicarString }),
      await service.client.upload({ content: 'clean' }),
    ];
    expect(await bodies()).toHaveLength(2);
    await untilStatus(bad.id, 'REJECTED');
    await untilStatus(good.id, 'APPROVED');
    expect((await download(bad.url)).status).toBe(409);
    expect(String((await download(good.url)).bytes)).toBe('clean');
  });

  test('leaves nothing if its input is refused', async () => {
    const refused = service.client.upload({ content: 'small' }, { contentType: 'no type' });
    await expect(refused).rejects.toThrow();
    expect(await storedFiles(service.dataDirectory)).toEqual([]);
    expect(await bodies()).toEqual([]);
  });

  test('can be read once INLINE_MAX_BYTES is lower', async () => {
    const content = ofOneSize(500);
    const { url } = await service.client.upload({ content });
    const dataDirectory = service.dataDirectory;
    const later = await startService({
      DATA_DIR: dataDirectory,
      BOOTSTRAP_API_KEY: service.key,
      INLINE_MAX_BYTES: '0',
    });
    const response = await later.client.download(new URL(url).pathname);
    expect(sha256(Buffer.from(await response.arrayBuffer()))).toBe(sha256(content));
    await later.client.upload({ content });
    expect(await storedObjects(dataDirectory)).toHaveLength(1);
    await later.close();
  });
});

describe('a deletion beside a download of inlined bytes', () => {
  test('gives all of them or NOT_FOUND', async () => {
    const content = ofOneSize(limit);
    const outcomes = new Map<string, number>();
    for (let round = 0; round < 20; round += 1) {
      const { id, url } = await service.client.upload({ content });
      const [one, other] = await Promise.all([
        download(url),
        download(url, { 'If-None-Match': '"x"' }),
        service.client.ask(
          'mutation ($id: ID!) { deleteAttachment(input: { attachmentId: $id }) { deletedAttachmentId } }',
          { id },
        ),
      ]);
      for (const { status, bytes } of [one, other]) {
        if (status === 200) expect(bytes).toEqual(content);
        outcomes.set(String(status), (outcomes.get(String(status)) ?? 0) + 1);
      }
    }
    expect([...outcomes.keys()].filter((status) => !['200', '404'].includes(status))).toEqual([]);
    expect(await bodies()).toEqual([]);
  });
});

describe('the bytes of a row', () => {
  test('cannot outlive it, nor come without it', async () => {
    const { id } = await service.client.upload({ content: 'small' });
    const database = await openTestDatabase(service.dataDirectory);
    try {
      await expect(
        database.write((manager) =>
          manager.query(`INSERT INTO blob_bodies (blob_id, body) VALUES ('none', 'x')`),
        ),
      ).rejects.toThrow();
      await database.write(async (manager) => {
        await manager.query(`DELETE FROM attachments WHERE id = '${id}'`);
        await manager.query('DELETE FROM blobs');
      });
      expect(await bodies()).toEqual([]);
    } finally {
      await database.close();
    }
  });
});

test('files on both sides of what a statement may share, read at once, are each their own', async () => {
  await using large = await startService({ INLINE_MAX_BYTES: '1048576', SCANNER: 'eicar' });
  const sizes = [1, 65_535, 65_536, 65_537, 300_000, 1_048_576];
  const files = await Promise.all(
    sizes.map(async (size) => {
      const content = ofOneSize(size);
      return { digest: sha256(content), url: (await large.client.upload({ content })).url };
    }),
  );
  expect(await storedObjects(large.dataDirectory)).toEqual([]);
  const all = Array.from({ length: 5 }, () => files).flat();
  const digests = await Promise.all(
    all.map(async ({ url }) => sha256(Buffer.from(await (await large.client.download(url)).arrayBuffer()))),
  );
  expect(digests).toEqual(all.map(({ digest }) => digest));
  const [last] = files.slice(-1);
  const range = await large.client.download(last?.url ?? '', { range: 'bytes=1048570-' });
  expect([range.status, (await range.arrayBuffer()).byteLength]).toEqual([206, 6]);
});
