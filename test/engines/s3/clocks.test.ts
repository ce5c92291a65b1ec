import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { cephPackages } from '../../support/ceph.js';
import { createBucket, storageEnvironment } from '../../support/s3-store.js';
import { sharedStore } from '../../support/shared-ceph.js';
import { describeWithProgram } from '../../support/skip-without.js';
import type { SpawnedService } from '../../support/spawned-service.js';
import { Cluster } from '../postgres/cluster.js';
import { bringToStore } from './store-upload.js';

describeWithProgram('radosgw', cephPackages, () => {
  let cluster: Cluster;
  let service: SpawnedService;
  afterEach(() => cluster[Symbol.asyncDispose]());

  /** A service on a machine whose clock is wrong, beside a database and a store whose clocks are right. */
  async function startShifted(minutes: number): Promise<void> {
    cluster = await Cluster.open();
    service = await cluster.serve({
      ...storageEnvironment(await createBucket(await sharedStore())),
      NODE_OPTIONS: `--import=${pathToFileURL('build/test/support/shift-clock.js').href}`,
      CLOCK_OFFSET_MS: String(minutes * 60_000),
    });
  }

  test.each([
    ['behind', -5],
    ['ahead', 5],
  ])('URLs of the store that a machine %s has signed are good from now on', async (_, minutes) => {
    await startShifted(minutes);
    const content = randomBytes(4 * 1024 * 1024);
    const documentKey = await bringToStore(service.client, content);
    const { createAttachment } = await service.client.ask<{
      createAttachment: { attachment: { id: string; url: string } };
    }>(
      `mutation ($input: CreateAttachmentInput!) {
        createAttachment(input: $input) { attachment { id url } } }`,
      { input: { content: { documentKey } } },
    );
    const { attachment } = createAttachment;
    let response = await service.client.download(attachment.url);
    for (let left = 100; left > 0 && !response.ok; left -= 1) {
      await sleep(100);
      response = await service.client.download(attachment.url);
    }
    expect(response.redirected).toBe(true);
    expect(Buffer.from(await response.arrayBuffer()).equals(content)).toBe(true);
  });
});
