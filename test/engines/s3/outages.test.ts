import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { type Ceph, cephPackages, startCeph } from '../../support/ceph.js';
import type { AttachmentData } from '../../support/client.js';
import { until } from '../../support/jobs-contract.js';
import { peakMebibytes } from '../../support/peak-memory.js';
import { report } from '../../support/report.js';
import { createBucket, storageEnvironment } from '../../support/s3-store.js';
import type { TestService } from '../../support/service.js';
import { sha256 } from '../../support/sha256.js';
import { describeWithProgram } from '../../support/skip-without.js';
import { spawnService } from '../../support/spawned-service.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { untilReadyIs } from '../../support/until-ready.js';
import { FaultyGateway } from './faulty-gateway.js';
import { Bucket, startOnBucket } from './s3-stage.js';

const mebibyte = 1024 * 1024;
describeWithProgram('radosgw', cephPackages, () => {
  let ceph: Ceph;
  let bucket: Bucket;
  beforeAll(async () => {
    ceph = await startCeph();
    bucket = new Bucket(await createBucket(ceph));
  }, 120_000);
  afterAll(async () => {
    bucket?.client.destroy();
    await ceph?.stop();
  });

  const startProxying = (endpoint = ceph.endpoint) =>
    startOnBucket({ ...bucket.location, endpoint }, { DOWNLOADS: 'proxy' });
  const totalCount = async ({ client }: TestService) =>
    (await client.ask<{ attachments: { totalCount: number } }>('{ attachments { totalCount } }')).attachments
      .totalCount;
  const fetched = async ({ client }: Pick<TestService, 'client'>, { url }: AttachmentData) =>
    sha256(Buffer.from(await (await client.download(url)).arrayBuffer()));

  test('a gateway that dies in the middle of an upload: refused, no row; once it is back, all works without a restart', async () => {
    const gateway = new FaultyGateway(ceph.endpoint);
    const service = await startProxying(await gateway.open());
    let isKilled = false;
    gateway.faultOf = (operation) => {
      if (operation !== 'UploadPart' || isKilled) return null;
      isKilled = true;
      void ceph.killGateway();
      return null;
    };
    const content = randomBytes(40 * mebibyte);
    const refused = await service.client.tryUpload({ content });
    expect(refused.errors?.map(({ extensions }) => extensions.code)).toEqual(['STORAGE_UNAVAILABLE']);
    expect(await totalCount(service)).toBe(0);
    expect(await untilReadyIs(service.url, 503)).toBe(503);

    await ceph.startGateway();
    const stored = await service.client.upload({ content });
    expect(await fetched(service, stored)).toBe(sha256(content));
    expect(await untilReadyIs(service.url, 200)).toBe(200);
    await service.close();
    gateway.close();
  }, 120_000);

  test('a gateway that dies in the middle of a download breaks it off; once it is back, the rest can be had by a range', async () => {
    const service = await startProxying();
    const content = randomBytes(60 * mebibyte);
    const stored = await service.client.upload({ content });
    const response = await service.client.download(stored.url);
    const received: Uint8Array[] = [];
    const reading = (async () => {
      for await (const chunk of response.body ?? []) {
        received.push(chunk);
        if (received.length === 1) await ceph.killGateway();
      }
    })();
    await expect(reading).rejects.toThrow();
    const part = Buffer.concat(received);
    expect(part.length).toBeLessThan(content.length);
    expect(part.equals(content.subarray(0, part.length))).toBe(true);
    expect((await service.client.download(stored.url)).status).toBe(503);

    await ceph.startGateway();
    const rest = await service.client.download(stored.url, { range: `bytes=${part.length}-` });
    expect(rest.status).toBe(206);
    expect(sha256(Buffer.concat([part, Buffer.from(await rest.arrayBuffer())]))).toBe(sha256(content));
    await service.close();
  }, 120_000);

  test('a gateway that comes and goes: what was acknowledged is whole, and nothing else has a row', async () => {
    const service = await startProxying();
    const before = await totalCount(service);
    const acknowledged: { stored: AttachmentData; hash: string }[] = [];
    let refused = 0;
    let isOver = false;
    const uploader = async (size: number) => {
      while (!isOver) {
        const content = randomBytes(size);
        const { data, errors } = await service.client.tryUpload({ content });
        if (data?.createAttachment)
          acknowledged.push({ stored: data.createAttachment.attachment, hash: sha256(content) });
        for (const { extensions } of errors ?? []) expect(extensions.code).toBe('STORAGE_UNAVAILABLE');
        if (errors) refused += 1;
      }
    };
    const uploading = Promise.all([1_000, 300_000, 7 * mebibyte, 12 * mebibyte].map(uploader));
    for (let round = 0; round < 3; round += 1) {
      const [stored, failed] = [acknowledged.length, refused];
      await until(() => acknowledged.length >= stored + 3, 30_000);
      await ceph.killGateway();
      await until(() => refused >= failed + 3, 30_000);
      await ceph.startGateway();
    }
    isOver = true;
    await uploading;
    expect(await totalCount(service)).toBe(before + acknowledged.length);
    for (const { stored, hash } of acknowledged) expect(await fetched(service, stored)).toBe(hash);
    report(
      `S3: ${acknowledged.length} uploads acknowledged and whole, ${refused} refused, through three outages`,
    );
    expect(acknowledged.length).toBeGreaterThan(0);
    expect(refused).toBeGreaterThan(0);
    await service.close();
  }, 180_000);

  test('four uploads at once need little more memory of 60 MiB each than of 12 MiB', async () => {
    const directory = await makeTemporaryDirectory();
    const service = await spawnService({ ...storageEnvironment(bucket.location), DATA_DIR: directory });
    const content = new Blob([randomBytes(60 * mebibyte)]);
    const uploadFour = (file: Blob) =>
      Promise.all([1, 2, 3, 4].map(() => service.client.upload({ content: file })));
    await uploadFour(content.slice(0, 12 * mebibyte));
    const before = await peakMebibytes(service.process.pid);
    const stored = await uploadFour(content);
    const growth = (await peakMebibytes(service.process.pid)) - before;
    report(`S3: four uploads at once: at most ${before} MiB in memory at 12 MiB each, ${growth} more at 60`);
    expect(stored.map(({ size }) => size)).toEqual([1, 2, 3, 4].map(() => content.size));
    expect(growth).toBeLessThan(100);
    await service.end('SIGTERM');
    await rm(directory, { recursive: true, force: true });
  }, 180_000);
});
