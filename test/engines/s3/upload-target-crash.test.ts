import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { cephPackages } from '../../support/ceph.js';
import type { AttachmentData, Client } from '../../support/client.js';
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

  const moments: [string, Fault][] = [
    ['CopyObject', 'no answer'],
    ['CopyObject', 'answer lost'],
    ['DeleteObject', 'no answer'],
    ['DeleteObject', 'answer lost'],
  ];

  /** Kills the service when it asks the store for this, before or after that is done, and starts another. */
  async function killAt([step, fault]: [string, Fault], target: StoreTarget): Promise<void> {
    const isAsked = new Promise<void>((resolve) => {
      let times = 0;
      gateway.faultOf = (operation) => {
        if (operation !== step) return null;
        resolve();
        times += 1;
        // The next attempts hang, so that the service is still at this step when it is killed.
        return times === 1 ? fault : 'no answer';
      };
    });
    const cutOff = create(service.client, target).catch(() => null);
    await isAsked;
    // The store does as it has been told, even if nobody waits for its answer.
    if (fault === 'answer lost') await sleep(500);
    expect(await service.end('SIGKILL')).toBe('SIGKILL');
    expect(await cutOff).toBeNull();
    gateway.faultOf = () => null;
    service = await spawnService(env);
  }

  test('bytes sent to the store outlive kill -9 before and after each step of taking them over', async () => {
    const brought: [StoreTarget, Buffer][] = [];
    for (const moment of moments) {
      const content = randomBytes(size);
      const target = await newTarget(service.client, size);
      await sendToStore(target, content);
      await killAt(moment, target);
      brought.push([target, content]);
    }
    const begun = performance.now();
    for (const [target, content] of brought) {
      while ((await codeOf(target)) === 'UPLOAD_NOT_FINISHED') {
        if (performance.now() > begun + 60_000) throw new Error('It is never finished.');
      }
      await expectContent(target, content);
    }
    const seconds = ((performance.now() - begun) / 1000).toFixed(1);
    report(`${moments.length} kills while bytes were taken over: all whole, ${seconds} s after the last`);
  }, 120_000);

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
