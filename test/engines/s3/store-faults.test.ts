import { randomBytes } from 'node:crypto';
import { hourPartition } from '../../../src/storage/document-key.js';
import { createS3Storage } from '../../../src/storage/s3.js';
import { cephPackages } from '../../support/ceph.js';
import type { AttachmentData } from '../../support/client.js';
import { until } from '../../support/jobs-contract.js';
import { createBucket, type S3Store, storageEnvironment } from '../../support/s3-store.js';
import { allStored, startService, type TestService } from '../../support/service.js';
import { sha256 } from '../../support/sha256.js';
import { sharedStore } from '../../support/shared-ceph.js';
import { describeWithProgram } from '../../support/skip-without.js';
import { untilReadyIs } from '../../support/until-ready.js';
import { type Fault, FaultyGateway } from './faulty-gateway.js';
import { Bucket } from './s3-stage.js';

const mebibyte = 1024 * 1024;
/** Long enough for a machine that has much else to do. All faults are tried at once, as most of the time is waiting. */
const timeouts = { connection: 2_000, silence: 2_500 };
const faults: Fault[] = [
  'error 500',
  'error 503',
  'no answer',
  'half the request',
  'half the answer',
  'answer lost',
];

/** A service, and what stands between it and the bucket. */
interface Place {
  gateway: FaultyGateway;
  service: TestService;
}

async function openPlace(bucket: Bucket, store: S3Store): Promise<Place> {
  const gateway = new FaultyGateway(store.endpoint);
  const location = { ...bucket.location, endpoint: await gateway.open() };
  const settings = {
    ...allStored,
    ...storageEnvironment(location),
    DOWNLOADS: 'proxy',
    LOG_LEVEL: 'debug',
    SHUTDOWN_TIMEOUT_SECONDS: '1',
  };
  return { gateway, service: await startService(settings, { storage: createS3Storage(location, timeouts) }) };
}

describeWithProgram('radosgw', cephPackages, () => {
  let bucket: Bucket;
  /** One for each fault. */
  let places: (Place & { fault: Fault })[];
  let gateway: FaultyGateway;
  let service: TestService;
  beforeAll(async () => {
    const store = await sharedStore();
    bucket = new Bucket(await createBucket(store));
    await bucket.warmUp();
    places = await Promise.all(faults.map(async (fault) => ({ fault, ...(await openPlace(bucket, store)) })));
    ({ gateway, service } = await openPlace(bucket, store));
  }, 120_000);
  const all = (): Place[] => [...places, { gateway, service }];
  beforeEach(() => {
    for (const place of all()) place.gateway.faultOf = () => null;
  });
  afterAll(async () => {
    for (const place of all()) {
      place.gateway.faultOf = () => null;
      await place.service.close();
      place.gateway.close();
    }
    bucket?.client.destroy();
  });

  /** The store may be busy for a while, and says so to some. */
  async function uploadInTheEnd(text: string): Promise<AttachmentData> {
    let made: AttachmentData | undefined;
    await until(async () => {
      made = (await service.client.tryUpload({ content: text })).data?.createAttachment?.attachment;
      return made !== undefined;
    }, 30_000);
    if (!made) throw new Error('Nothing was made.');
    return made;
  }

  const countIn = async ({ client }: TestService) =>
    (await client.ask<{ attachments: { totalCount: number } }>('{ attachments { totalCount } }')).attachments
      .totalCount;
  const download = async ({ url }: AttachmentData, { client } = service) =>
    sha256(Buffer.from(await (await client.download(url)).arrayBuffer()));
  const expectStored = async (place: Place, content: Buffer<ArrayBuffer>) =>
    expect(await download(await place.service.client.upload({ content }), place.service)).toBe(
      sha256(content),
    );
  /** The first request of each operation goes wrong, but for reading: what has begun to be sent cannot be taken back. */
  const failOnce = (place: Place & { fault: Fault }) => {
    const failed = new Set<string>();
    place.gateway.faultOf = (operation) => {
      if (operation === 'GetObject' || failed.has(operation)) return null;
      failed.add(operation);
      return place.fault;
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

    /** If an answer has no body, its half is the whole. */
    const placesAt = (step: string) =>
      places.filter(({ fault }) => fault !== 'half the answer' || step.includes('Multipart'));

    test.each(steps)('at every %s with any fault, is refused and leaves no row', async (step, content) => {
      const refuse = async (place: Place & { fault: Fault }) => {
        const { fault } = place;
        const before = await countIn(place.service);
        place.gateway.faultOf = (operation) => (operation === step ? fault : null);
        const { status, headers, errors } = await place.service.client.tryUpload({ content });
        expect([fault, errors]).toEqual([
          fault,
          [
            {
              message: 'The storage cannot be reached or is full. Try again later.',
              extensions: { code: 'STORAGE_UNAVAILABLE', details: [] },
            },
          ],
        ]);
        expect([fault, status, headers.get('retry-after')]).toEqual([fault, 503, '5']);
        expect([fault, await countIn(place.service)]).toEqual([fault, before]);
        place.gateway.faultOf = () => null;
        await expectStored(place, content);
      };
      await Promise.all(placesAt(step).map(refuse));
    });

    test.each([
      ['small', small],
      ['large', large],
    ])('with any fault once at each step, is stored all the same: %s', async (_, content) => {
      const failAndStore = async (place: Place & { fault: Fault }) => {
        failOnce(place);
        await expectStored(place, content);
      };
      await Promise.all(places.map(failAndStore));
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

    test('by a hundred and fifty readers who pause keeps nobody else from the store', async () => {
      const paused = await Promise.all(
        Array.from({ length: 150 }, () => service.client.download(stored.url)),
      );
      const another = await service.client.upload({ content: 'still' });
      await Promise.all(paused.map(({ body }) => body?.cancel()));
      // The store may be busy for a while with the end of so many.
      await until(async () => (await download(another)) === sha256(Buffer.from('still')), 30_000);
    });
  });

  test('a deletion while the store is away is done, and its bytes go later', async () => {
    const { id, documentKey } = await uploadInTheEnd('short-lived');
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

  test('the log of all that has no credential in it', () => {
    const log = all()
      .flatMap(({ service: { logLines } }) => logLines)
      .join('\n');
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
