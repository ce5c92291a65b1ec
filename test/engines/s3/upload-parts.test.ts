import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import {
  CompleteMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
} from '@aws-sdk/client-s3';
import { cleanUp } from '../../../src/cleaning/clean-up.js';
import { IntakeLeases } from '../../../src/intake/intake-leases.js';
import { Changes } from '../../../src/model/changes.js';
import { createS3Storage } from '../../../src/storage/s3.js';
import { forgetWebhooks } from '../../../src/webhooks/fan-out.js';
import { attach } from '../../service/targets/tus-client.js';
import { cephPackages } from '../../support/ceph.js';
import { type AttachmentData, attachmentFields, type Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { createBucket } from '../../support/s3-store.js';
import type { TestService } from '../../support/service.js';
import { sha256 } from '../../support/sha256.js';
import { sharedStore } from '../../support/shared-ceph.js';
import { describeWithProgram } from '../../support/skip-without.js';
import { openTestDatabase } from '../../support/test-database.js';
import {
  abort,
  complete,
  faultOf,
  newPartsTarget,
  type PartsTarget,
  sendPart,
  sign,
} from './parts-client.js';
import { Bucket, startOnBucket } from './s3-stage.js';

const mebibyte = 1024 * 1024;
const partSize = 5 * mebibyte;
const run = promisify(execFile);

interface Progress {
  uploadTarget: { state: string; received: number; expiresAt: string };
  uploadParts: { partNumber: number; size: number; tag: string }[];
}

const progressOf = ({ client }: Pick<TestService, 'client'>, key: string) =>
  client.ask<Progress>(
    `query ($key: String!) {
      uploadTarget(documentKey: $key) { state received expiresAt }
      uploadParts(documentKey: $key) { partNumber size tag } }`,
    { key },
  );

const bytesOf = (content: Buffer<ArrayBuffer>, number: number) =>
  content.subarray((number - 1) * partSize, number * partSize);

describeWithProgram('radosgw', cephPackages, () => {
  let now = Date.now();
  let bucket: Bucket;
  let one: TestService;
  let other: TestService;
  beforeAll(async () => {
    bucket = new Bucket(await createBucket(await sharedStore()));
    await bucket.warmUp();
    const env = { SCANNER: 'eicar', RESUMABLE_HOURS: '2' };
    one = await startOnBucket(bucket.location, env, { clock: () => new Date(now) });
    const shared = { DATA_DIR: one.dataDirectory, BOOTSTRAP_API_KEY: one.key };
    other = await startOnBucket(bucket.location, { ...env, ...shared });
  }, 120_000);
  beforeEach(() => {
    now = Date.now();
  });
  afterAll(async () => {
    await other?.close();
    await one?.close();
  });

  /** Does once what a service does every minute. */
  async function cleanNow(): Promise<void> {
    const database = await openTestDatabase(one.dataDirectory);
    const storage = createS3Storage(bucket.location);
    const webhooks = { forget: forgetWebhooks };
    const own = {
      webhooks,
      changes: new Changes(),
      leases: new IntakeLeases(database),
      auditRetentionMs: 0,
      webhookRetentionMs: 0,
    };
    await cleanUp({ database, storage, clock: () => new Date(now), ...own });
    await database.close();
  }

  async function change(sql: string): Promise<void> {
    const database = await openTestDatabase(one.dataDirectory);
    await database.write((manager) => manager.query(sql));
    await database.close();
  }

  /** Sends these parts. */
  async function send(
    { client }: { client: Client },
    target: PartsTarget,
    content: Buffer<ArrayBuffer>,
    numbers: number[],
  ) {
    const offers = await sign(client, target, numbers);
    const sent = offers.map(({ url, partNumber }) => sendPart(url, bytesOf(content, partNumber)));
    expect(await Promise.all(sent)).toEqual(numbers.map(() => 200));
    return offers;
  }

  test('parts go to the store in any order, are completed by any process, and make an attachment', async () => {
    const content = randomBytes(2 * partSize + 3);
    const target = await newPartsTarget(one.client, content.length);
    expect(target).toMatchObject({
      method: 'PUT',
      protocol: 'S3_MULTIPART',
      partSize,
      state: 'OPEN',
      headers: [],
    });
    const offers = await sign(one.client, target, [3, 1, 2]);
    expect(offers.map(({ partNumber, size }) => [partNumber, size])).toEqual([
      [3, 3],
      [1, partSize],
      [2, partSize],
    ]);
    const [last, first] = offers;
    // curl sends the last one from its standard input.
    const curl = run(
      'curl',
      [
        '-sS',
        '-o',
        '/dev/null',
        '-w',
        '%{http_code}',
        '--upload-file',
        '-',
        '-H',
        'Content-Length: 3',
        '-H',
        'Transfer-Encoding:',
        last?.url ?? '',
      ],
      {},
    );
    curl.child.stdin?.end(bytesOf(content, 3));
    expect((await curl).stdout).toBe('200');
    expect(await sendPart(first?.url ?? '', bytesOf(content, 1))).toBe(200);
    const { uploadTarget, uploadParts } = await progressOf(other, target.documentKey);
    expect(uploadTarget).toMatchObject({ state: 'OPEN', received: partSize + 3 });
    expect(uploadParts.map(({ partNumber, size }) => [partNumber, size])).toEqual([
      [1, partSize],
      [3, 3],
    ]);
    expect(await faultOf(complete(one.client, target))).toMatchObject({
      code: 'UPLOAD_NOT_FINISHED',
      type: 'upload_not_finished',
      msg: 'The parts 2 are missing.',
    });
    expect(await attach(one, target.documentKey)).toBe('UPLOAD_NOT_FINISHED');
    // The URL of the target is that of part 1, and another part is as good as the first.
    expect(await sendPart(target.url, bytesOf(content, 1))).toBe(200);
    await send(one, target, content, [2]);
    const states = await Promise.all([one, other, one, other].map(({ client }) => complete(client, target)));
    expect(states.map(({ state, received }) => [state, received])).toEqual(
      states.map(() => ['FINISHED', content.length]),
    );
    expect(await sendPart(first?.url ?? '', randomBytes(partSize))).toBe(404);
    expect(await attach(other, target.documentKey)).toMatchObject({
      size: content.length,
      sha256: { hash: sha256(content) },
    });
    expect([await bucket.keys(), await bucket.unfinished()]).toEqual([[target.documentKey], 0]);
    expect(await faultOf(sign(one.client, target, [1]))).toMatchObject({
      code: 'BAD_USER_INPUT',
      type: 'upload_finished',
    });
  });

  test('createAttachment completes it too, and hashes, sniffs and scans what came', async () => {
    const eicar = Buffer.from('X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*');
    const target = await newPartsTarget(one.client, eicar.length, { fileName: 'a.txt' });
    expect(await sendPart(target.url, eicar)).toBe(200);
    const { createAttachment } = await one.client.ask<{ createAttachment: { attachment: AttachmentData } }>(
      `mutation ($key: String!) { createAttachment(input: { content: { documentKey: $key } }) {
        attachment { ${attachmentFields} } } }`,
      { key: target.documentKey },
    );
    const { status, ...attachment } = createAttachment.attachment;
    expect(attachment).toMatchObject({ contentType: 'text/plain', sha256: { hash: sha256(eicar) } });
    expect(['PENDING', 'REJECTED']).toContain(status);
    const wrong = { digest: { algorithm: 'SHA256', hash: sha256('other') } };
    const announced = await newPartsTarget(one.client, 4, wrong);
    expect(await sendPart(announced.url, Buffer.from('data'))).toBe(200);
    expect(await attach(one, announced.documentKey)).toBe('DIGEST_MISMATCH');
    const empty = await newPartsTarget(one.client, 0);
    expect(await sendPart(empty.url, Buffer.of())).toBe(200);
    expect(await complete(one.client, empty)).toMatchObject({ state: 'FINISHED' });
  });

  test('the store takes parts of the right length only, and numbers that no part has are refused', async () => {
    const target = await newPartsTarget(one.client, partSize + 1);
    const [offer] = await sign(one.client, target, [2]);
    expect(await sendPart(offer?.url ?? '', Buffer.from('xx'))).toBe(403);
    expect(await faultOf(sign(one.client, target, [0, 3, 1]))).toMatchObject({
      code: 'BAD_USER_INPUT',
      type: 'out_of_range',
      msg: 'Parts are numbered from 1 to 2.',
    });
    expect(await faultOf(sign(one.client, target, []))).toMatchObject({
      code: 'BAD_USER_INPUT',
      type: 'empty',
    });
    await abort(one.client, target);
  });

  test('only its maker goes on with it, and only as long as the key and its permission last', async () => {
    const maker = await newClient(one);
    const target = await newPartsTarget(maker, 4);
    for (const stranger of [one.client, await newClient(one)]) {
      const unknown = { code: 'DOCUMENT_KEY_UNKNOWN', type: 'document_key_unknown' };
      for (const ask of [sign, complete, abort])
        expect(await faultOf(ask(stranger, target, [1]))).toMatchObject(unknown);
    }
    const reader = await newClient(one, { permissions: ['attachments:read'] });
    expect(await faultOf(sign(reader, target, [1]))).toMatchObject({ code: 'FORBIDDEN' });
    await change("UPDATE api_keys SET revoked_at = created_at WHERE name = 'other'");
    // Keys are known for a moment.
    let code: string | undefined;
    do code = (await faultOf(sign(maker, target, [1])))?.code;
    while (code === undefined);
    expect(code).toBe('UNAUTHENTICATED');
  });

  test('other targets have no parts', async () => {
    const { createUploadTarget } = await one.client.ask<{ createUploadTarget: { target: PartsTarget } }>(
      `mutation { createUploadTarget(input: { fileName: "a.bin", size: 1, protocol: TUS }) {
        target { documentKey partSize } } }`,
    );
    expect(createUploadTarget.target.partSize).toBeNull();
    expect(await faultOf(sign(one.client, createUploadTarget.target, [1]))).toMatchObject({
      code: 'BAD_USER_INPUT',
      type: 'no_parts',
    });
  });

  test('bytes that a client has not sent count in the quota, which is asked again with each hand-out', async () => {
    const target = await newPartsTarget(one.client, 1_000);
    const setQuota = (bytes: number) =>
      change(`INSERT INTO quotas (organization_id, max_bytes) SELECT id, ${bytes} FROM organizations WHERE true
        ON CONFLICT (organization_id) DO UPDATE SET max_bytes = ${bytes}`);
    await setQuota(999);
    // Bounds are known for a moment.
    while (!(await faultOf(newPartsTarget(one.client, 1))));
    expect(await faultOf(newPartsTarget(one.client, 1))).toMatchObject({ code: 'QUOTA_EXCEEDED' });
    expect(await faultOf(sign(one.client, target, [1]))).toMatchObject({ code: 'QUOTA_EXCEEDED' });
    expect(await sendPart(target.url, Buffer.alloc(1_000))).toBe(200);
    expect(await faultOf(complete(one.client, target))).toMatchObject({ code: 'QUOTA_EXCEEDED' });
    await setQuota(1_000_000_000);
    while (await faultOf(newPartsTarget(one.client, 1)));
    expect(await complete(one.client, target)).toMatchObject({ state: 'FINISHED' });
  });

  test('it lives on with each hand-out, and once its time is over or it is aborted its parts go', async () => {
    const unfinished = await bucket.unfinished();
    const hour = 3_600_000;
    const content = randomBytes(partSize + 1);
    const target = await newPartsTarget(one.client, content.length);
    await send(one, target, content, [1]);
    now += hour;
    await sign(one.client, target, [2]);
    const { uploadTarget } = await progressOf(one, target.documentKey);
    expect(new Date(uploadTarget.expiresAt).getTime()).toBe(now + 2 * hour);
    const aborted = await newPartsTarget(one.client, 10);
    expect(await bucket.unfinished()).toBe(unfinished + 2);
    expect(await abort(one.client, aborted)).toBe(aborted.documentKey);
    expect(await bucket.unfinished()).toBe(unfinished + 1);
    expect(await faultOf(complete(one.client, aborted))).toMatchObject({ code: 'DOCUMENT_KEY_UNKNOWN' });
    now += 2 * hour + 1;
    for (const ask of [sign, complete])
      expect(await faultOf(ask(one.client, target, [2]))).toMatchObject({
        code: 'NOT_FOUND',
        type: 'upload_gone',
      });
    await cleanNow();
    const keys = await bucket.keys();
    expect([await bucket.unfinished(), keys.includes(target.documentKey)]).toEqual([0, false]);
    expect(await attach(one, target.documentKey)).toBe('DOCUMENT_KEY_UNKNOWN');
  });

  test('one that was completed by a process that died right then is finished by the next', async () => {
    const target = await newPartsTarget(one.client, 3);
    expect(await sendPart(target.url, Buffer.from('abc'))).toBe(200);
    const { client, location } = bucket;
    const object = { Bucket: location.bucket, Key: `${location.prefix}${target.documentKey}` };
    const { Uploads } = await client.send(new ListMultipartUploadsCommand({ Bucket: location.bucket }));
    const UploadId = Uploads?.find(({ Key }) => Key === object.Key)?.UploadId ?? '';
    const { Parts } = await client.send(new ListPartsCommand({ ...object, UploadId }));
    await client.send(
      new CompleteMultipartUploadCommand({ ...object, UploadId, MultipartUpload: { Parts } }),
    );
    expect(await complete(other.client, target)).toMatchObject({ state: 'FINISHED' });
    expect(await attach(one, target.documentKey)).toMatchObject({ sha256: { hash: sha256('abc') } });
  });
});
