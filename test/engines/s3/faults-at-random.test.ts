import { createHash, randomBytes } from 'node:crypto';
import { createS3Storage } from '../../../src/storage/s3.js';
import { TusClient } from '../../service/targets/tus-client.js';
import { cephPackages } from '../../support/ceph.js';
import type { Answer } from '../../support/client.js';
import { report } from '../../support/report.js';
import { runCommand } from '../../support/run-command.js';
import { createBucket, storageEnvironment } from '../../support/s3-store.js';
import { roundsOf, seededRandom } from '../../support/seeded-random.js';
import type { TestService } from '../../support/service.js';
import { sharedStore } from '../../support/shared-ceph.js';
import { describeWithProgram } from '../../support/skip-without.js';
import { type Fault, FaultyGateway } from './faulty-gateway.js';
import { Bucket, startOnBucket } from './s3-stage.js';
import { newTarget } from './store-upload.js';

const random = seededRandom();
const timeouts = { connection: 500, silence: 1_000 };
const faults: Fault[] = [
  ...(['error 500', 'error 503', 'no answer', 'half the request'] as const),
  ...(['half the answer', 'answer lost', 'late'] as const),
];
/** Requests to the store, of a hundred. */
const faulty = 60;

/** Refusals by which a client learns that it may try again. */
const passing = /^(STORAGE_UNAVAILABLE|UPLOAD_NOT_FINISHED|DOCUMENT_KEY_UNKNOWN|NOT_FOUND|BAD_USER_INPUT)$/;

interface Acknowledged {
  id: string;
  sha256: string;
}

describeWithProgram('radosgw', cephPackages, () => {
  let bucket: Bucket;
  let gateway: FaultyGateway;
  let services: TestService[];
  let isFaulty = false;
  const told = new Map<string, number>();
  const count = (what: string) => void told.set(what, (told.get(what) ?? 0) + 1);
  const one = () => services[random.integer(0, services.length - 1)] as TestService;

  beforeAll(async () => {
    const store = await sharedStore();
    bucket = new Bucket(await createBucket(store));
    await bucket.warmUp();
    gateway = new FaultyGateway(store.endpoint);
    const location = { ...bucket.location, endpoint: await gateway.open() };
    const parts = () => ({ storage: createS3Storage(location, timeouts) });
    const first = await startOnBucket(bucket.location, {}, parts());
    const shared = { DATA_DIR: first.dataDirectory, BOOTSTRAP_API_KEY: first.key };
    services = [first, await startOnBucket(bucket.location, shared, parts())];
    gateway.faultOf = () => {
      if (!isFaulty || random.integer(1, 100) > faulty) return null;
      // Late by up to twice as long as anybody waits.
      gateway.late = new Promise((resolve) => setTimeout(resolve, random.integer(50, 2_000)));
      return faults[random.integer(0, faults.length - 1)] ?? null;
    };
  }, 120_000);
  afterAll(async () => {
    for (const service of services?.toReversed() ?? []) await service.close();
    gateway?.close();
    bucket?.client.destroy();
  });

  /** The data of an answer; null for a refusal, which must be one that a client can do something with. */
  function accept<Data>({ data, errors }: Answer<Data>): Data | null {
    if (!errors) return data ?? null;
    const text = JSON.stringify(errors);
    expect(text).not.toContain('insides');
    for (const { extensions } of errors) {
      count(extensions.code);
      expect([extensions.code, text]).toEqual([expect.stringMatching(passing), text]);
    }
    return null;
  }

  async function create(documentKey: string) {
    const answer = await one().client.graphql<{ createAttachment: { attachment: Acknowledged } }>(
      `mutation ($key: String!) { createAttachment(input: { content: { documentKey: $key } }) {
        attachment { id } } }`,
      { key: documentKey },
    );
    return accept(answer)?.createAttachment.attachment.id ?? null;
  }

  /** Asks again, as clients do, until there is an attachment. */
  async function persist(documentKey: string): Promise<string | null> {
    for (let left = 5; left > 0; left -= 1) {
      const id = await create(documentKey);
      if (id !== null) return id;
    }
    return null;
  }

  async function uploadForm(content: Buffer<ArrayBuffer>): Promise<string | null> {
    return accept(await one().client.tryUpload({ content }))?.createAttachment.attachment.id ?? null;
  }

  async function uploadDirectly(content: Buffer<ArrayBuffer>): Promise<string | null> {
    const { url, documentKey } = await newTarget(one().client, content.length);
    const headers = { 'content-type': 'application/octet-stream' };
    const send = () =>
      fetch(url, { method: 'PUT', body: content, headers, signal: AbortSignal.timeout(5_000) }).then(
        async (answer) => answer.text().then(() => answer.status),
        () => null,
      );
    for (let left = 10; left > 0; left -= 1) {
      const status = await send().catch(() => null);
      count(`PUT ${status}`);
      if (status === 200) return persist(documentKey);
    }
    return null;
  }

  /** In some pieces, by whichever process; wrong bytes first now and then. */
  async function uploadByTus(content: Buffer<ArrayBuffer>): Promise<string | null> {
    const { createUploadTarget } = await one().client.ask<{
      createUploadTarget: { target: { documentKey: string; url: string } };
    }>(
      `mutation ($size: SafeInt!, $hash: String!) { createUploadTarget(input: {
        fileName: "a.bin", size: $size, protocol: TUS, digest: { algorithm: SHA256, hash: $hash } }) {
          target { documentKey url } } }`,
      { size: content.length, hash: createHash('sha256').update(content).digest('hex') },
    );
    const { documentKey, url } = createUploadTarget.target;
    let wrong = random.integer(1, 3) === 1 ? Buffer.alloc(content.length, 1) : null;
    for (let left = 40; left > 0; left -= 1) {
      const tus = new TusClient(one(), services[0]?.key ?? '');
      const head = await tus.head(url);
      const offset = Number(head.headers.get('upload-offset') ?? -1);
      if (offset < 0) {
        count(`HEAD ${head.status}`);
        continue;
      }
      const piece = random.integer(1, content.length);
      const { status, fault } = await tus.patch(
        url,
        offset,
        (wrong ?? content).subarray(offset, Math.min(content.length, offset + piece)),
      );
      count(`PATCH ${status}${fault ? ` ${fault}` : ''}`);
      expect([fault, status]).not.toContain(500);
      if (fault?.startsWith('DIGEST_MISMATCH')) wrong = null;
      if (status === 204 && offset + piece >= content.length) return persist(documentKey);
    }
    return null;
  }

  test('nothing that was acknowledged is lost or changed, and nothing inside is told', async () => {
    const acknowledged: Acknowledged[] = [];
    const ways = [uploadForm, uploadForm, uploadForm, uploadDirectly, uploadByTus];
    const rounds = roundsOf(32);
    let left = rounds;
    const bring = async () => {
      while (left-- > 0) {
        const size = random.integer(1, 3) === 1 ? 7 * 2 ** 20 : random.integer(1, 300_000);
        const content = randomBytes(size);
        const way = ways[random.integer(0, ways.length - 1)] ?? uploadForm;
        const id = await way(content);
        if (id) acknowledged.push({ id, sha256: createHash('sha256').update(content).digest('hex') });
      }
    };
    isFaulty = true;
    await Promise.all(Array.from({ length: 6 }, bring));
    isFaulty = false;
    report(
      `${rounds} uploads, ${acknowledged.length} acknowledged, seed ${random.seed}: ${JSON.stringify([...told])}`,
    );
    // Requests under way still come to their end.
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    for (const { id, sha256 } of acknowledged) {
      const answer = await one().client.download(`/attachments/${id}`);
      const bytes = Buffer.from(await answer.arrayBuffer());
      expect([answer.status, createHash('sha256').update(bytes).digest('hex')]).toEqual([200, sha256]);
    }
    const environment = { ...storageEnvironment(bucket.location), DATA_DIR: one().dataDirectory };
    expect(await runCommand(['verify'], environment)).toMatchObject({ status: 0 });
    expect(acknowledged.length).toBeGreaterThan(rounds / 3);
  }, 300_000);
});
