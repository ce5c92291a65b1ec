import { randomBytes } from 'node:crypto';
import { attach, TusClient } from '../../service/targets/tus-client.js';
import { cephPackages } from '../../support/ceph.js';
import { createBucket } from '../../support/s3-store.js';
import type { TestService } from '../../support/service.js';
import { sha256 } from '../../support/sha256.js';
import { sharedStore } from '../../support/shared-ceph.js';
import { describeWithProgram } from '../../support/skip-without.js';
import { Bucket, startOnBucket } from './s3-stage.js';

const mebibyte = 1024 * 1024;

describeWithProgram('radosgw', cephPackages, () => {
  let bucket: Bucket;
  let one: TestService;
  let other: TestService;
  beforeAll(async () => {
    bucket = new Bucket(await createBucket(await sharedStore()));
    one = await startOnBucket(bucket.location);
    other = await startOnBucket(bucket.location, {
      DATA_DIR: one.dataDirectory,
      BOOTSTRAP_API_KEY: one.key,
    });
  }, 120_000);
  afterAll(async () => {
    await other?.close();
    await one?.close();
  });

  test('an upload by tus is whole whichever process takes its requests, and leaves nothing beside', async () => {
    const content = randomBytes(17 * mebibyte + 3);
    const clients = [new TusClient(one, one.key), new TusClient(other, one.key)] as const;
    const url = await clients[0].create(content.length);
    const ends = [3 * mebibyte, 3 * mebibyte + 1, 14 * mebibyte, 14 * mebibyte + 100, content.length];
    for (const [index, end] of ends.entries()) {
      const tus = clients[index % 2 === 0 ? 0 : 1];
      const offset = await tus.offset(url);
      const { status, headers } = await tus.patch(url, offset, content.subarray(offset, end));
      expect([status, headers.get('upload-offset')]).toEqual([204, String(end)]);
    }
    const { headers } = await clients[0].head(url);
    const key = headers.get('upload-document-key') ?? '';
    expect(await attach(one, key)).toMatchObject({ size: content.length, sha256: { hash: sha256(content) } });
    expect([await bucket.keys(), await bucket.unfinished()]).toEqual([[key], 0]);
  });

  test('a terminated upload leaves nothing', async () => {
    const before = await bucket.keys();
    const tus = new TusClient(one, one.key);
    const url = await tus.create(20 * mebibyte);
    await tus.patch(url, 0, randomBytes(11 * mebibyte));
    expect([(await bucket.keys()).length, await bucket.unfinished()]).toEqual([before.length + 1, 1]);
    expect((await tus.send(url, { method: 'DELETE' })).status).toBe(204);
    expect([await bucket.keys(), await bucket.unfinished()]).toEqual([before, 0]);
  });

  test('parts of a concatenation are read from the store', async () => {
    const tus = new TusClient(one, one.key);
    const contents = [randomBytes(6 * mebibyte), randomBytes(10)];
    const urls: string[] = [];
    for (const content of contents) {
      const url = await tus.create(content.length, { 'upload-concat': 'partial' });
      await tus.patch(url, 0, content);
      urls.push(url);
    }
    const { status, headers } = await tus.post({ 'upload-concat': `final;${urls.join(' ')}` });
    expect(status).toBe(201);
    expect(await attach(one, headers.get('upload-document-key') ?? '')).toMatchObject({
      sha256: { hash: sha256(Buffer.concat(contents)) },
    });
  });

  test('many requests with less than a part each leave one object', async () => {
    const tus = new TusClient(one, one.key);
    const content = randomBytes(60);
    const url = await tus.create(content.length);
    for (let start = 0; start < content.length; start += 10)
      await tus.patch(url, start, content.subarray(start, start + 10));
    const { headers } = await tus.head(url);
    expect(await attach(one, headers.get('upload-document-key') ?? '')).toMatchObject({
      sha256: { hash: sha256(content) },
    });
    expect((await bucket.keys()).filter((name) => name.startsWith('unfinished/'))).toEqual([]);
  });
});
