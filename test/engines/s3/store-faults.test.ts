import { randomBytes } from 'node:crypto';
import { hourPartition } from '../../../src/storage/document-key.js';
import { createS3Storage } from '../../../src/storage/s3.js';
import { cephPackages } from '../../support/ceph.js';
import type { AttachmentData } from '../../support/client.js';
import { createBucket, type S3Store, storageEnvironment } from '../../support/s3-store.js';
import { startService, type TestService } from '../../support/service.js';
import { sha256 } from '../../support/sha256.js';
import { sharedStore } from '../../support/shared-ceph.js';
import { describeWithProgram } from '../../support/skip-without.js';
import { untilReadyIs } from '../../support/until-ready.js';
import { type Fault, FaultyGateway } from './faulty-gateway.js';
import { Bucket } from './s3-stage.js';

const mebibyte = 1024 * 1024;
const timeouts = { connection: 500, silence: 900 };
const faults: Fault[] = [
  'error 500',
  'error 503',
  'no answer',
  'half the request',
  'half the answer',
  'answer lost',
];

describeWithProgram('radosgw', cephPackages, () => {
  let store: S3Store;
  let bucket: Bucket;
  let gateway: FaultyGateway;
  let service: TestService;
  beforeAll(async () => {
    store = await sharedStore();
    bucket = new Bucket(await createBucket(store));
    await bucket.warmUp();
    gateway = new FaultyGateway(store.endpoint);
    const location = { ...bucket.location, endpoint: await gateway.open() };
    service = await startService(
      {
        ...storageEnvironment(location),
        DOWNLOADS: 'proxy',
        LOG_LEVEL: 'debug',
        SHUTDOWN_TIMEOUT_SECONDS: '1',
      },
      { storage: createS3Storage(location, timeouts) },
    );
  }, 120_000);
  beforeEach(() => {
    gateway.faultOf = () => null;
  });
  afterAll(async () => {
    gateway.faultOf = () => null;
    await service?.close();
    gateway?.close();
    bucket?.client.destroy();
  });

  const count = async () =>
    (await service.client.ask<{ attachments: { totalCount: number } }>('{ attachments { totalCount } }'))
      .attachments.totalCount;
  const download = async ({ url }: AttachmentData) =>
    sha256(Buffer.from(await (await service.client.download(url)).arrayBuffer()));
  /** The first request of each operation goes wrong, but for reading: what has begun to be sent cannot be taken back. */
  const failOnce = (fault: Fault) => {
    const failed = new Set<string>();
    gateway.faultOf = (operation) => {
      if (operation === 'GetObject' || failed.has(operation)) return null;
      failed.add(operation);
      return fault;
    };
  };

  describe('an upload', () => {
    const small = randomBytes(100_000);
    const large = randomBytes(7 * mebibyte);
    const steps: [string, Buffer<ArrayBuffer>][] = [
      ['PutObject', small],
      ['CreateMultipartUpload', large],
      ['UploadPart', large],
      ['CompleteMultipartUpload', large],
    ];

    /** Where the answer has no body, its half is the whole. */
    const stepsWith = (fault: Fault) =>
      steps.filter(([step]) => fault !== 'half the answer' || step.includes('Multipart'));

    describe.each(faults)('where the store gives: %s', (fault) => {
      test.each(stepsWith(fault))('at every %s, is refused and leaves no row', async (step, content) => {
        const before = await count();
        gateway.faultOf = (operation) => (operation === step ? fault : null);
        const { status, headers, errors } = await service.client.tryUpload({ content });
        expect(errors).toEqual([
          {
            message: 'The storage cannot be reached or is full. Try again later.',
            extensions: { code: 'STORAGE_UNAVAILABLE', details: [] },
          },
        ]);
        expect([status, headers.get('retry-after')]).toEqual([503, '5']);
        expect(await count()).toBe(before);
        gateway.faultOf = () => null;
        expect(await download(await service.client.upload({ content }))).toBe(sha256(content));
      });

      test.each([
        ['small', small],
        ['large', large],
      ])('once at each step, is stored all the same: %s', async (_, content) => {
        failOnce(fault);
        expect(await download(await service.client.upload({ content }))).toBe(sha256(content));
      });
    });

    test('leaves nothing in the bucket that no row names, but for what the sweep takes', async () => {
      const storage = createS3Storage(bucket.location);
      await storage.removeUnfinished(hourPartition(new Date()), 0);
      await storage.removeUnfinished(hourPartition(new Date(Date.now() - 3_600_000)), 0);
      expect(await bucket.unfinished()).toBe(0);
    });
  });

  describe('a download', () => {
    let stored: AttachmentData;
    const content = randomBytes(12 * mebibyte);
    beforeAll(async () => {
      gateway.faultOf = () => null;
      stored = await service.client.upload({ content });
    });
    const failReading = (fault: Fault) => {
      gateway.faultOf = (operation) => (operation === 'GetObject' ? fault : null);
    };

    test.each<Fault>(['error 500', 'error 503', 'no answer', 'half the request', 'answer lost'])(
      'is refused where the store gives: %s',
      async (fault) => {
        failReading(fault);
        const response = await service.client.download(stored.url);
        expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5']);
        expect(await response.json()).toMatchObject({
          errors: [{ extensions: { code: 'STORAGE_UNAVAILABLE' } }],
        });
      },
    );

    test.each<Fault>(['half the answer', 'answer stops'])(
      'breaks off, and is never short, with: %s',
      async (fault) => {
        failReading(fault);
        const response = await service.client.download(stored.url);
        expect(response.status).toBe(200);
        await expect(response.arrayBuffer()).rejects.toThrow();
        gateway.faultOf = () => null;
        expect(await download(stored)).toBe(sha256(content));
      },
    );

    test('waits for a reader who pauses for longer than the store may', async () => {
      const response = await service.client.download(stored.url);
      await new Promise((resolve) => setTimeout(resolve, 3 * timeouts.silence));
      expect(sha256(Buffer.from(await response.arrayBuffer()))).toBe(sha256(content));
    });

    test('of a hundred and fifty who pause keeps nobody else from the store', async () => {
      const paused = await Promise.all(
        Array.from({ length: 150 }, () => service.client.download(stored.url)),
      );
      const another = await service.client.upload({ content: 'still' });
      await Promise.all(paused.map(({ body }) => body?.cancel()));
      expect(await download(another)).toBe(sha256(Buffer.from('still')));
    });
  });

  test('a deletion while the store is away is done, and its bytes go later', async () => {
    const { id, documentKey } = await service.client.upload({ content: 'short-lived' });
    gateway.faultOf = () => 'error 500';
    await service.client.ask(
      'mutation ($id: ID!) { deleteAttachment(input: { attachmentId: $id }) { deletedAttachmentId } }',
      { id },
    );
    expect(await bucket.keys()).toContain(documentKey);
  });

  test('a store that does not answer makes the service unready within seconds, and only as long', async () => {
    gateway.faultOf = () => 'no answer';
    await untilReadyIs(service.url, 503);
    const unready = await fetch(`${service.url}/health/ready`);
    expect([unready.status, await unready.json()]).toEqual([
      503,
      { status: 'unavailable', failing: ['storage'] },
    ]);
    gateway.faultOf = () => null;
    expect(await untilReadyIs(service.url, 200)).toBe(200);
    expect((await bucket.keys()).filter((key) => key.includes('probe-'))).toEqual([]);
  });

  test('many who ask at once whether it is ready share a look at the store', async () => {
    const isWrite = (operation: string) => operation === 'PutObject';
    const before = gateway.operations.filter(isWrite).length;
    const ask = async () => (await fetch(`${service.url}/health/ready`)).status;
    const statuses = await Promise.all(Array.from({ length: 50 }, ask));
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(gateway.operations.filter(isWrite).length - before).toBeLessThan(25);
  });

  test('what is logged of all that has no credential in it', () => {
    const log = service.logLines.join('\n');
    expect(log).toContain('InternalError');
    for (const secret of [
      bucket.location.secretAccessKey,
      'AWS4-HMAC-SHA256',
      'Signature=',
      'authorization',
    ]) {
      expect(log.split(secret)).toHaveLength(1);
    }
  });
});
