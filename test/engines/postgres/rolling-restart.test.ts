import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Answer, AttachmentData } from '../../support/client.js';
import { until } from '../../support/jobs-contract.js';
import { report } from '../../support/report.js';
import { severalAtOnce } from '../../support/several-at-once.js';
import { sha256 } from '../../support/sha256.js';
import type { SpawnedService } from '../../support/spawned-service.js';
import { mebibyte } from '../../unit/scanner/content.js';
import { Cluster } from './cluster.js';

const sizes = [1024, 70_000, mebibyte];
const uploaders = 4;
/** Each process is replaced once. */
const restarts = 2;

interface Sent {
  id: string;
  hash: string;
}

/** Uploads through whichever process takes it, as clients behind a balancer do, and tries again what failed. */
class Uploaders {
  readonly acknowledged: Sent[] = [];
  /** Faults of requests that were tried again. */
  readonly faults = new Map<string, number>();
  isOver = false;

  constructor(private readonly running: readonly SpawnedService[]) {}

  async run(uploader: number): Promise<void> {
    for (let round = 0; !this.isOver; round += 1) {
      await this.uploadOne(`${uploader}-${round}`, sizes[(uploader + round) % sizes.length] ?? 1);
    }
  }

  private async uploadOne(name: string, size: number): Promise<void> {
    const content = randomBytes(size);
    const hash = sha256(content);
    const file = { content: new Uint8Array(content), name: `${name}.bin` };
    for (let attempt = 0; attempt < 50; attempt += 1) {
      const service = this.running[(attempt + Number.parseInt(name, 10)) % this.running.length];
      const answer = await service?.client.tryUpload(file, { idempotencyKey: name }).catch(toFault);
      if (answer && 'data' in answer && answer.data?.createAttachment) {
        const { id } = answer.data.createAttachment.attachment;
        this.acknowledged.push({ id, hash });
        await pause(100);
        return;
      }
      this.note(answer);
      await pause(20);
    }
    throw new Error(`${name} was never taken.`);
  }

  private note(answer: Answer<unknown> | { fault: string } | undefined): void {
    const fault =
      answer && 'fault' in answer ? answer.fault : (answer?.errors?.[0]?.extensions.code ?? 'none');
    this.faults.set(fault, (this.faults.get(fault) ?? 0) + 1);
  }
}

/** A connection that is refused or reset has no answer. */
const toFault = (error: unknown) => {
  const cause = error instanceof Error ? (error.cause as { code?: string } | undefined) : undefined;
  return { fault: cause?.code ?? String(error) };
};

/** No answer at all, or one that says to come again. */
const clean = /^(ECONNREFUSED|ECONNRESET|EPIPE|UND_ERR_SOCKET|STORAGE_UNAVAILABLE)$/;

let cluster: Cluster;
let running: [SpawnedService, SpawnedService];
beforeAll(async () => {
  cluster = await Cluster.open();
  running = await Promise.all([cluster.serve(), cluster.serve()]);
}, 120_000);
afterAll(() => cluster[Symbol.asyncDispose]());

test('processes are replaced one after the other under load: nothing that was acknowledged is lost, or there twice', async () => {
  const load = new Uploaders(running);
  const uploading = Promise.all(Array.from({ length: uploaders }, (_, index) => load.run(index)));
  const ended: unknown[] = [];
  for (let restart = 0; restart < restarts; restart += 1) {
    const before = load.acknowledged.length;
    await until(() => load.acknowledged.length >= before + 30, 60_000);
    const place = restart % running.length;
    const old = running[place];
    running[place] = await cluster.serve();
    ended.push(await old?.end('SIGTERM'));
  }
  load.isOver = true;
  await uploading;
  const faults = [...load.faults].map(([fault, count]) => `${count} ${fault}`).join(', ') || 'none';
  report(`${restarts} processes replaced: ${load.acknowledged.length} uploads, tried again for: ${faults}`);
  expect(ended).toEqual(Array.from({ length: restarts }, () => 0));
  expect([...load.faults.keys()].filter((fault) => !clean.test(fault))).toEqual([]);
  expect(load.acknowledged.length).toBeGreaterThan(50);
  const [service] = running;
  await assertWhole(service, load.acknowledged);
  const { attachments } = await service.client.ask<{ attachments: { totalCount: number } }>(
    '{ attachments { totalCount } }',
  );
  expect(attachments.totalCount).toBe(load.acknowledged.length);
}, 180_000);

async function assertWhole({ client }: SpawnedService, sent: readonly Sent[]): Promise<void> {
  const query = 'query ($id: ID!) { attachment(id: $id) { url digest(algorithm: SHA256) { hash } } }';
  await severalAtOnce(sent, async ({ id, hash }) => {
    const { attachment } = await client.ask<{ attachment: AttachmentData & { digest: { hash: string } } }>(
      query,
      {
        id,
      },
    );
    expect(attachment.digest.hash).toBe(hash);
    const response = await client.download(new URL(attachment.url).pathname);
    const bytes = Buffer.from(await response.arrayBuffer());
    expect(sha256(bytes)).toBe(hash);
  });
}

test('an upload under way when its process is told to end is finished, or fails as a lost connection does', async () => {
  const [old, other] = running;
  const content = randomBytes(6 * mebibyte);
  const target = await old.client.ask<{
    createUploadTarget: { target: { url: string; documentKey: string } };
  }>(
    'mutation ($input: CreateUploadTargetInput!) { createUploadTarget(input: $input) { target { url documentKey } } }',
    { input: { fileName: 'a.bin', contentType: 'application/octet-stream', size: content.length } },
  );
  const { url, documentKey } = target.createUploadTarget.target;
  const slow = new ReadableStream<Uint8Array>({
    async pull(controller) {
      for (let at = 0; at < content.length; at += mebibyte) {
        controller.enqueue(content.subarray(at, at + mebibyte));
        await pause(400);
      }
      controller.close();
    },
  });
  const headers = { 'content-type': 'application/octet-stream', 'content-length': String(content.length) };
  const sending = fetch(url, { method: 'PUT', headers, body: slow, duplex: 'half' } as RequestInit);
  await pause(800);
  const exit = old.end('SIGTERM');
  expect((await sending).status).toBe(201);
  expect(await exit).toBe(0);
  const created = await other.client.ask<{ createAttachment: { attachment: { size: number; id: string } } }>(
    'mutation ($input: CreateAttachmentInput!) { createAttachment(input: $input) { attachment { id size } } }',
    { input: { content: { documentKey } } },
  );
  expect(created.createAttachment.attachment.size).toBe(content.length);
});
