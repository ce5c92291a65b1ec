import { createS3Storage } from '../../../src/storage/s3.js';
import { attach, TusClient } from '../../service/targets/tus-client.js';
import { cephPackages } from '../../support/ceph.js';
import { createBucket } from '../../support/s3-store.js';
import type { TestService } from '../../support/service.js';
import { sha256 } from '../../support/sha256.js';
import { sharedStore } from '../../support/shared-ceph.js';
import { describeWithProgram } from '../../support/skip-without.js';
import { FaultyGateway } from './faulty-gateway.js';
import { Bucket, startOnBucket } from './s3-stage.js';

const makeTarget = `mutation ($size: SafeInt!, $hash: String!) { createUploadTarget(input: {
  fileName: "a.txt", size: $size, protocol: TUS, digest: { algorithm: SHA256, hash: $hash } }) {
    target { documentKey url } } }`;

describeWithProgram('radosgw', cephPackages, () => {
  let bucket: Bucket;
  let gateway: FaultyGateway;
  let slow: TestService;
  let other: TestService;
  beforeAll(async () => {
    const store = await sharedStore();
    bucket = new Bucket(await createBucket(store));
    gateway = new FaultyGateway(store.endpoint);
    other = await startOnBucket(bucket.location);
    const shared = { DATA_DIR: other.dataDirectory, BOOTSTRAP_API_KEY: other.key };
    const location = { ...bucket.location, endpoint: await gateway.open() };
    slow = await startOnBucket(bucket.location, shared, { storage: createS3Storage(location) });
  }, 120_000);
  afterAll(async () => {
    await slow?.close();
    await other?.close();
    gateway?.close();
    bucket?.client.destroy();
  });

  test('wrong bytes that reach the store late are not those that an attachment has by then', async () => {
    const content = 'the right bytes';
    const { createUploadTarget } = await other.client.ask<{
      createUploadTarget: { target: { documentKey: string; url: string } };
    }>(makeTarget, { size: content.length, hash: sha256(Buffer.from(content)) });
    const { documentKey, url } = createUploadTarget.target;
    const [late, going] = [slow, other].map((service) => new TusClient(service, other.key)) as [
      TusClient,
      TusClient,
    ];
    // The process that gets the rest has not seen this: it reads all bytes to know their digest.
    await going.patch(url, 0, 'the ');
    let passOn = () => {};
    gateway.late = new Promise<void>((resolve) => {
      passOn = resolve;
    });
    gateway.faultOf = (operation, path) =>
      operation === 'PutObject' && path.includes(documentKey) && !path.includes('unfinished/')
        ? 'late'
        : null;
    const wrong = late.patch(url, 4, 'wrong bytes');
    while ((await going.offset(url)) !== 0) await going.patch(url, content.length, '');
    expect((await going.patch(url, 0, content)).status).toBe(204);
    expect(await attach(other, documentKey)).toMatchObject({ size: content.length });
    passOn();
    expect((await wrong).fault).toBe('DIGEST_MISMATCH digest_mismatch');
    const stored = await createS3Storage(bucket.location).read(documentKey);
    expect(String(Buffer.concat((await stored?.toArray()) ?? []))).toBe(content);
  });
});
