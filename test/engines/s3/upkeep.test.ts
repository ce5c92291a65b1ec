import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createS3Storage } from '../../../src/storage/s3.js';
import { cephPackages } from '../../support/ceph.js';
import type { AttachmentData } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { runCommand } from '../../support/run-command.js';
import { createBucket, storageEnvironment } from '../../support/s3-store.js';
import { allStored, type TestService } from '../../support/service.js';
import { sharedStore } from '../../support/shared-ceph.js';
import { describeWithProgram } from '../../support/skip-without.js';
import { put } from '../../support/stored-objects.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { openTestDatabase } from '../../support/test-database.js';
import { Bucket, startOnBucket } from './s3-stage.js';

const size = 300_000;

describeWithProgram('radosgw', cephPackages, () => {
  let bucket: Bucket;
  let service: TestService;
  let env: Record<string, string>;
  beforeAll(async () => {
    bucket = new Bucket(await createBucket(await sharedStore()));
    await bucket.warmUp();
    service = await startOnBucket(bucket.location, { SCRUB_DAYS: '0', SCANNER: 'none' });
    env = { ...allStored, ...storageEnvironment(bucket.location), DATA_DIR: service.dataDirectory };
  }, 120_000);
  afterAll(() => service?.close());

  const upload = (client = service.client) =>
    client.upload({ content: randomBytes(size), name: 'a.bin' }, { record: { type: 'Task', id: '1' } });

  const damaged = async (): Promise<string[]> => {
    const query = '{ attachments(first: 100, filter: { damaged: true }) { nodes { id } } }';
    const { attachments } = await service.client.ask<{ attachments: { nodes: { id: string }[] } }>(query);
    return attachments.nodes.map(({ id }) => id).sort();
  };

  test('scrubbing finds a flipped byte, a cut and an object that is missing, and what is put back is good again', async () => {
    const files: AttachmentData[] = [];
    for (let index = 0; index < 6; index += 1) files.push(await upload());
    const [flipped, cut, missing, ...whole] = files as [AttachmentData, AttachmentData, AttachmentData];
    const storage = createS3Storage(bucket.location);
    const contentOf = async ({ url }: AttachmentData) =>
      Buffer.from(await (await service.client.download(url)).arrayBuffer());
    const original = await contentOf(flipped);
    const changed = Buffer.from(original);
    changed[1_000] = (changed[1_000] ?? 0) ^ 1;
    await put(storage, flipped.documentKey, changed);
    await put(storage, cut.documentKey, (await contentOf(cut)).subarray(1));
    await storage.remove(missing.documentKey);
    const database = await openTestDatabase(service.dataDirectory);
    await database.write((manager) => manager.query('UPDATE blobs SET verified_at = 1'));
    await database.close();
    const scrubber = await startOnBucket(bucket.location, {
      ...env,
      BOOTSTRAP_API_KEY: service.key,
      SCANNER: 'none',
      SCRUB_MIB_PER_SECOND: '10000',
    });
    const found = [flipped, cut, missing].map(({ id }) => id).sort();
    while ((await damaged()).length < found.length) await pause(20);
    expect(await damaged()).toEqual(found);
    await scrubber.close();
    for (const { url } of [flipped, cut, missing])
      expect((await service.client.download(url)).status).toBeGreaterThanOrEqual(400);
    for (const { url } of whole) expect((await service.client.download(url)).status).toBe(200);
    await put(storage, flipped.documentKey, original);
    expect((await runCommand(['verify'], env)).status).not.toBe(0);
    expect(await damaged()).toEqual(found.filter((id) => id !== flipped.id));
    expect(await contentOf(flipped)).toEqual(original);
  });

  test('an import keeps its files in the bucket, and a second run changes nothing', async () => {
    const folder = await makeTemporaryDirectory();
    const contents = Array.from({ length: 3 }, () => randomBytes(size));
    const { viewer } = await service.client.ask<{ viewer: { organizationId: string } }>(
      '{ viewer { organizationId } }',
    );
    const lines = contents.map((_, index) => ({
      id: `0190a000-0000-7000-8000-00000000000${index}`,
      organizationId: viewer.organizationId,
      fileName: `${index}.bin`,
      path: `${index}.bin`,
      createdAt: '2019-05-06T07:08:09.000Z',
      createdBy: { id: 'anna', kind: 'USER', name: 'Anna' },
      record: { type: 'Task', id: '9' },
      field: 'files',
    }));
    for (const [index, content] of contents.entries()) await writeFile(join(folder, `${index}.bin`), content);
    const list = join(folder, 'list.jsonl');
    await writeFile(list, lines.map((line) => JSON.stringify(line)).join('\n'));
    const before = await bucket.keys();
    expect(await runCommand(['import', '--from', list], env)).toMatchObject({ status: 0 });
    const after = await bucket.keys();
    expect(after).toHaveLength(before.length + contents.length);
    expect(await runCommand(['import', '--from', list], env)).toMatchObject({ status: 0 });
    expect(await bucket.keys()).toEqual(after);
    for (const [index, { id }] of lines.entries()) {
      const query = 'query ($id: ID!) { attachment(id: $id) { url createdAt } }';
      const { attachment } = await service.client.ask<{ attachment: AttachmentData }>(query, { id });
      expect(new Date(attachment.createdAt).toISOString()).toBe('2019-05-06T07:08:09.000Z');
      const response = await service.client.download(attachment.url);
      expect(Buffer.from(await response.arrayBuffer())).toEqual(contents[index]);
    }
  });

  test('an erasure takes the objects of what nobody owns out of the bucket, and leaves the others', async () => {
    const client = await newClient(service);
    const { viewer } = await client.ask<{ viewer: { principal: { id: string } } }>(
      '{ viewer { principal { id } } }',
    );
    const owned = await upload(client);
    const loose = await client.upload({ content: randomBytes(size), name: 'loose.bin' });
    const erased = await runCommand(['erase', '--principal', viewer.principal.id, '--json'], env);
    expect(erased).toMatchObject({ status: 0, stderr: '' });
    const gone = await service.client.ask('query ($id: ID!) { node(id: $id) { id } }', { id: loose.id });
    expect(gone).toEqual({ node: null });
    expect(await runCommand(['sweep'], env)).toMatchObject({ status: 0 });
    const keys = await bucket.keys();
    expect([keys.includes(owned.documentKey), keys.includes(loose.documentKey)]).toEqual([true, false]);
    expect((await service.client.download(owned.url)).status).toBe(200);
  });
});
