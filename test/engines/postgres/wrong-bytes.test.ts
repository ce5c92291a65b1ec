import { pathToFileURL } from 'node:url';
import { TusClient } from '../../service/targets/tus-client.js';
import { sha256 } from '../../support/sha256.js';
import type { SpawnedService } from '../../support/spawned-service.js';
import { Cluster } from './cluster.js';

/** Longer than a process may tell nothing of an upload that it has in hand. */
const removalMs = 7_000;

let cluster: Cluster;
let slow: SpawnedService;
let other: SpawnedService;
beforeAll(async () => {
  cluster = await Cluster.open();
  const setting = { SCANNER: 'none' };
  other = await cluster.serve(setting);
  slow = await cluster.serve({
    ...setting,
    SLOW_REMOVAL_MS: String(removalMs),
    NODE_OPTIONS: `--import=${pathToFileURL('build/test/support/slow-removal.js').href}`,
  });
});
afterAll(() => cluster[Symbol.asyncDispose]());

const makeTarget = `mutation ($size: SafeInt!, $hash: String!) { createUploadTarget(input: {
  fileName: "a.txt", size: $size, protocol: TUS, digest: { algorithm: SHA256, hash: $hash } }) {
    target { documentKey url } } }`;

const makeAttachment = `mutation ($key: String!) { createAttachment(input: { content: { documentKey: $key } }) {
  attachment { downloadUrl } } }`;

test('wrong bytes that a slow process removes are not those that an attachment has by then', async () => {
  const content = 'the right bytes';
  const { createUploadTarget } = await other.client.ask<{
    createUploadTarget: { target: { documentKey: string; url: string } };
  }>(makeTarget, { size: content.length, hash: sha256(Buffer.from(content)) });
  const { documentKey, url } = createUploadTarget.target;
  const [removing, going] = [slow, other].map((service) => new TusClient(service, cluster.key)) as [
    TusClient,
    TusClient,
  ];
  const wrong = removing.patch(url, 0, 'the wrong bytes');
  while ((await going.offset(url)) !== content.length);
  // Once the process has told nothing for a while, another one looks at the bytes, and the upload begins again.
  while ((await going.offset(url)) !== 0) await going.patch(url, content.length, '');
  expect((await going.patch(url, 0, content)).status).toBe(204);
  const { createAttachment } = await other.client.ask<{
    createAttachment: { attachment: { downloadUrl: string } };
  }>(makeAttachment, { key: documentKey });
  expect((await wrong).fault).toBe('DIGEST_MISMATCH digest_mismatch');
  const answer = await fetch(createAttachment.attachment.downloadUrl);
  expect([answer.status, await answer.text()]).toEqual([200, content]);
});
