import { randomBytes } from 'node:crypto';
import { cephPackages } from '../../support/ceph.js';
import { dataOf } from '../../support/client.js';
import { png } from '../../support/hostile-pictures.js';
import { createBucket, type S3Store } from '../../support/s3-store.js';
import type { TestService } from '../../support/service.js';
import { sha256 } from '../../support/sha256.js';
import { sharedStore } from '../../support/shared-ceph.js';
import { describeWithProgram } from '../../support/skip-without.js';
import { Bucket, startOnBucket } from './s3-stage.js';

const mebibyte = 1024 * 1024;
const fields = 'id fileName size status documentKey url downloadUrl digest { hash }';

interface Stored {
  id: string;
  size: number;
  documentKey: string;
  url: string;
  downloadUrl: string;
  digest: { hash: string };
}

async function uploadTo(service: TestService, content: Buffer<ArrayBuffer>, name: string): Promise<Stored> {
  const operation = {
    query: `mutation ($input: CreateAttachmentInput!) { createAttachment(input: $input) { attachment { ${fields} } } }`,
    variables: { input: { content: { upload: null } } },
  };
  const map = { 0: ['variables.input.content.upload'] };
  const answer = await service.client.multipart<{ createAttachment: { attachment: Stored } }>(
    operation,
    [{ content, name }],
    map,
  );
  return dataOf(answer).createAttachment.attachment;
}

interface Target {
  documentKey: string;
  url: string;
  method: string;
  headers: { name: string; value: string }[];
}

describeWithProgram('radosgw', cephPackages, () => {
  let store: S3Store;
  let bucket: Bucket;
  let service: TestService;

  beforeAll(async () => {
    store = await sharedStore();
    bucket = new Bucket(await createBucket(store));
    service = await startOnBucket(bucket.location);
  }, 120_000);
  afterAll(async () => {
    await service?.close();
  });

  const bearer = () => ({ authorization: `Bearer ${service.key}` });
  const upload = (content: Buffer<ArrayBuffer>, name: string): Promise<Stored> =>
    uploadTo(service, content, name);

  test('an object in the store has a size and previews', async () => {
    // Bytes after the end of a PNG are no part of the picture.
    const content = Buffer.concat([png(300, 200), randomBytes(mebibyte)]);
    const { id, size } = await upload(content, 'picture.png');
    const { attachment } = await service.client.ask<{
      attachment: { image: { width: number; height: number }; preview: string };
    }>('query ($id: ID!) { attachment(id: $id) { image { width height } preview } }', { id });
    expect([size, attachment.image]).toEqual([content.byteLength, { width: 300, height: 200 }]);
    for (let round = 0; round < 2; round += 1) {
      const answer = await fetch(attachment.preview, { redirect: 'error' });
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'image/webp']);
    }
  });
  const bytesOf = async (response: Response) => Buffer.from(await response.arrayBuffer());

  test.each([
    ['0 bytes', 0],
    ['1 KiB', 1024],
    ['5 MiB', 5 * mebibyte],
    ['20 MiB and a byte', 20 * mebibyte + 1],
  ])('a file of %s is stored, fetched and deleted', async (_, size) => {
    const content = randomBytes(size);
    const stored = await upload(content, 'report.bin');
    expect(stored).toMatchObject({ size, digest: { hash: sha256(content) } });
    expect(await bucket.keys()).toContain(stored.documentKey);
    expect(await bucket.unfinished()).toBe(0);
    for (const response of [
      await fetch(stored.url, { headers: bearer() }),
      await fetch(stored.downloadUrl),
    ]) {
      expect(response.status).toBe(200);
      expect(response.headers.get('content-disposition')).toBe('attachment; filename=report.bin');
      expect(sha256(await bytesOf(response))).toBe(sha256(content));
    }
    await service.client.ask(
      'mutation ($id: ID!) { deleteAttachment(input: { attachmentId: $id }) { deletedAttachmentId } }',
      { id: stored.id },
    );
    expect(await bucket.keys()).not.toContain(stored.documentKey);
  });

  test('clients are sent to the store only after we have looked at who asks', async () => {
    const stored = await upload(randomBytes(4 * mebibyte), 'Übersicht 🙂.bin');
    const asked = await fetch(stored.url, { headers: bearer(), redirect: 'manual' });
    expect(asked.status).toBe(307);
    expect(asked.headers.get('cache-control')).toBe('no-store');
    const location = new URL(asked.headers.get('location') ?? '');
    expect(location.origin).toBe(store.endpoint);
    expect(Number(location.searchParams.get('X-Amz-Expires'))).toBeLessThanOrEqual(60);
    expect((await fetch(stored.url, { redirect: 'manual' })).status).toBe(401);
    const etag = (await fetch(stored.url, { headers: bearer(), method: 'HEAD' })).headers.get('etag') ?? '';
    const again = await fetch(stored.url, {
      headers: { ...bearer(), 'if-none-match': etag, 'cache-control': 'max-age=0' },
      redirect: 'manual',
    });
    expect(again.status).toBe(304);
    location.searchParams.set('response-content-type', 'text/html');
    expect((await fetch(location)).status).toBe(403);
  });

  test('a small file that is kept with its row comes through the service', async () => {
    const before = await bucket.keys();
    await using small = await startOnBucket(bucket.location, { INLINE_MAX_BYTES: '1024' });
    const content = randomBytes(1024);
    const { url } = await uploadTo(small, content, 'small.bin');
    const headers = { authorization: `Bearer ${small.key}` };
    const response = await fetch(url, { headers, redirect: 'manual' });
    expect([response.status, sha256(await bytesOf(response))]).toEqual([200, sha256(content)]);
    expect(await bucket.keys()).toEqual(before);
    const { url: larger } = await uploadTo(small, randomBytes(1025), 'larger.bin');
    expect((await fetch(larger, { headers, redirect: 'manual' })).status).toBe(307);
  });

  test('ranges come from the store', async () => {
    const content = randomBytes(6 * mebibyte);
    const { url } = await upload(content, 'film.bin');
    const part = await fetch(url, { headers: { ...bearer(), range: 'bytes=5242870-5242889' } });
    expect(part.status).toBe(206);
    expect(part.headers.get('content-range')).toBe(`bytes 5242870-5242889/${content.length}`);
    expect(await bytesOf(part)).toEqual(content.subarray(5242870, 5242890));
  });

  test('with DOWNLOADS=proxy the bytes come through us, ranges too', async () => {
    await using proxying = await startOnBucket(bucket.location, { DOWNLOADS: 'proxy' });
    const content = randomBytes(6 * mebibyte);
    const stored = await uploadTo(proxying, content, 'a.bin');
    const headers = { authorization: `Bearer ${proxying.key}` };
    const whole = await fetch(stored.url, { headers, redirect: 'error' });
    expect(sha256(await bytesOf(whole))).toBe(sha256(content));
    const part = await fetch(stored.url, { headers: { ...headers, range: 'bytes=-7' }, redirect: 'error' });
    expect([part.status, await bytesOf(part)]).toEqual([206, content.subarray(-7)]);
  });

  describe('upload targets', () => {
    const createTarget = async (size: number): Promise<Target> => {
      const { createUploadTarget } = await service.client.ask<{ createUploadTarget: { target: Target } }>(
        `mutation ($input: CreateUploadTargetInput!) {
          createUploadTarget(input: $input) { target { documentKey url method headers { name value } } } }`,
        { input: { fileName: 'scan.bin', contentType: 'application/octet-stream', size } },
      );
      return createUploadTarget.target;
    };
    const send = ({ url, method, headers }: Target, body: Buffer<ArrayBuffer>) =>
      fetch(url, {
        method,
        body,
        headers: headers
          .filter(({ name }) => name !== 'Content-Length')
          .map(({ name, value }) => [name, value]),
      });
    const create = (documentKey: string) =>
      service.client.graphql<{ createAttachment: { attachment: Stored } }>(
        `mutation ($input: CreateAttachmentInput!) { createAttachment(input: $input) { attachment { ${fields} } } }`,
        { input: { content: { documentKey } } },
      );

    test('take the agreed bytes at the store, and an attachment comes of them', async () => {
      const content = randomBytes(7 * mebibyte);
      const target = await createTarget(content.length);
      expect(new URL(target.url).origin).toBe(store.endpoint);
      const early = await create(target.documentKey);
      expect(early.errors?.[0]?.extensions.code).toBe('UPLOAD_NOT_FINISHED');
      expect((await send(target, content)).status).toBe(200);
      const made = await create(target.documentKey);
      expect(made.data?.createAttachment.attachment).toMatchObject({
        documentKey: target.documentKey,
        digest: { hash: sha256(content) },
      });
      // Its URL is still good, and changes nothing any more.
      expect((await send(target, randomBytes(content.length))).status).toBe(200);
      const again = await create(target.documentKey);
      expect(again.data?.createAttachment.attachment.digest.hash).toBe(sha256(content));
      const fetched = await fetch(made.data?.createAttachment.attachment.url ?? '', { headers: bearer() });
      expect(sha256(await bytesOf(fetched))).toBe(sha256(content));
    });

    test.each([
      ['one byte fewer', 4 * mebibyte - 1],
      ['one byte more', 4 * mebibyte + 1],
    ])('refuse %s', async (_, length) => {
      const target = await createTarget(4 * mebibyte);
      expect((await send(target, randomBytes(length))).status).toBe(403);
      const made = await create(target.documentKey);
      expect(made.errors?.[0]?.extensions.code).toBe('UPLOAD_NOT_FINISHED');
    });

    test('refuse another type', async () => {
      const target = await createTarget(10);
      const headers = { 'content-type': 'text/html' };
      expect((await fetch(target.url, { method: 'PUT', body: randomBytes(10), headers })).status).toBe(403);
    });
  });
});
