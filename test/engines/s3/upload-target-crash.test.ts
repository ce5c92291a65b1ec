import { randomBytes } from 'node:crypto';
import { cephPackages } from '../../support/ceph.js';
import type { AttachmentData, Client } from '../../support/client.js';
import { until } from '../../support/jobs-contract.js';
import { report } from '../../support/report.js';
import { createBucket, storageEnvironment } from '../../support/s3-store.js';
import { randomKey } from '../../support/service.js';
import { sharedStore } from '../../support/shared-ceph.js';
import { describeWithProgram } from '../../support/skip-without.js';
import { type SpawnedService, spawnService } from '../../support/spawned-service.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { type Fault, FaultyGateway } from './faulty-gateway.js';
import { Bucket } from './s3-stage.js';
import { newTarget, type StoreTarget, sendToStore } from './store-upload.js';

const size = 4 * 1024 * 1024;

const create = (client: Client, { documentKey }: StoreTarget) =>
  client.graphql<{ createAttachment: { attachment: AttachmentData } }>(
    `mutation ($input: CreateAttachmentInput!) {
      createAttachment(input: $input) { attachment { id url } } }`,
    { input: { content: { documentKey } } },
  );

describeWithProgram('radosgw', cephPackages, () => {
  let bucket: Bucket;
  let gateway: FaultyGateway;
  let env: Record<string, string>;
  let service: SpawnedService;
  beforeAll(async () => {
    const store = await sharedStore();
    bucket = new Bucket(await createBucket(store));
    gateway = new FaultyGateway(store.endpoint);
    const location = { ...bucket.location, endpoint: await gateway.open() };
    env = {
      ...storageEnvironment(location),
      DOWNLOADS: 'proxy',
      DATA_DIR: await makeTemporaryDirectory(),
      BOOTSTRAP_API_KEY: randomKey(),
    };
    service = await spawnService(env);
  }, 120_000);
  afterEach(() => {
    gateway.faultOf = () => null;
  });
  afterAll(async () => {
    await service?.end('SIGTERM');
    gateway?.close();
    bucket?.client.destroy();
  });

  const codeOf = async (target: StoreTarget) =>
    (await create(service.client, target)).errors?.[0]?.extensions.code;
  async function expectContent(target: StoreTarget, content: Buffer): Promise<void> {
    const { data } = await create(service.client, target);
    const response = await service.client.download(data?.createAttachment.attachment.url ?? '');
    expect(Buffer.from(await response.arrayBuffer()).equals(content)).toBe(true);
  }

  interface Moment {
    step: string;
    fault: Fault;
    target: StoreTarget;
    content: Buffer<ArrayBuffer>;
    /** How often the store was asked for the step. */
    attempts: number;
  }

  async function bringFor(step: string, fault: Fault): Promise<Moment> {
    const content = randomBytes(size);
    const target = await newTarget(service.client, size);
    await sendToStore(target, content);
    return { step, fault, target, content, attempts: 0 };
  }

  /** Kills the service once it waits for the store at each of these moments, and starts another. */
  async function killAt(moments: Moment[]): Promise<void> {
    gateway.faultOf = (operation, path) => {
      const moment = moments.find(
        ({ step, target }) => step === operation && path.includes(target.documentKey),
      );
      if (!moment) return null;
      moment.attempts += 1;
      // The next attempts hang, so that the service is still at this step when it is killed.
      return moment.attempts === 1 ? moment.fault : 'no answer';
    };
    const cutOff = moments.map(({ target }) => create(service.client, target).catch(() => null));
    // A second attempt comes after the store has done the first, whose answer is lost.
    const isThere = ({ fault, attempts }: Moment) => attempts >= (fault === 'answer lost' ? 2 : 1);
    await until(() => moments.every(isThere), 60_000);
    expect(await service.end('SIGKILL')).toBe('SIGKILL');
    expect(await Promise.all(cutOff)).toEqual(moments.map(() => null));
    gateway.faultOf = () => null;
    service = await spawnService(env);
  }

  test('bytes sent to the store outlive kill -9 before and after each step of taking them over', async () => {
    const moments = [
      await bringFor('CopyObject', 'no answer'),
      await bringFor('CopyObject', 'answer lost'),
      await bringFor('DeleteObject', 'no answer'),
      await bringFor('DeleteObject', 'answer lost'),
    ];
    await killAt(moments);
    const begun = performance.now();
    for (const { target, content } of moments) {
      await until(async () => (await codeOf(target)) !== 'UPLOAD_NOT_FINISHED', 60_000);
      await expectContent(target, content);
    }
    const seconds = ((performance.now() - begun) / 1000).toFixed(1);
    report(`killed while ${moments.length} were taken over: all whole, ${seconds} s after it`);
  }, 180_000);

  test('eight attachments made at once of one key all have its bytes', async () => {
    const content = randomBytes(size);
    const target = await newTarget(service.client, size);
    await sendToStore(target, content);
    const answers = await Promise.all(Array.from({ length: 8 }, () => create(service.client, target)));
    const urls = answers.map(({ data }) => data?.createAttachment.attachment.url ?? '');
    for (const url of urls) {
      const response = await service.client.download(url);
      expect(Buffer.from(await response.arrayBuffer()).equals(content)).toBe(true);
    }
    report(`8 attachments at once of one key: ${new Set(urls).size} made`);
  });
});
