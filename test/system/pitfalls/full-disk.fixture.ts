import { open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { attach, TusClient } from '../../service/targets/tus-client.js';
import { formBody, formRequest, graphqlForm, RawConnection } from '../../support/raw-http.js';
import { startService } from '../../support/service.js';
import { sha256 } from '../../support/sha256.js';
import { storedFiles } from '../../support/stored-files.js';
import { bigContent, mapOne, mebibyte, uploadOne } from './upload-session.js';

/** Fills the disk that the named directory is, in several ways, under a running service, and prints what happened, as JSON. */
const [, , disk = ''] = process.argv;
const service = await startService({ STORAGE_URL: pathToFileURL(join(disk, 'files')).href });
const connection = await RawConnection.open(service.url);
const headers = { Authorization: `Bearer ${service.key}`, 'Apollo-Require-Preflight': 'true' };
const fillers: string[] = [];
const stored: string[] = [];

const requestOf = (content: Buffer) =>
  formRequest('/graphql', formBody(graphqlForm(uploadOne, mapOne, [{ content }])), headers);

/** Sends the request, `whileSending` in the middle of it, and then looks at everything else over the same connection. */
async function upload(request: Buffer, whileSending = async () => {}) {
  const files = await storedFiles(disk);
  await connection.send(request.subarray(0, request.length >> 1));
  await whileSending();
  const start = performance.now();
  void connection.send(request.subarray(request.length >> 1));
  const { status, body } = await connection.response();
  const { data, errors } = JSON.parse(body);
  if (data?.upload) stored.push(data.upload.attachment.url);
  return {
    upload: `${status} ${errors?.[0].extensions.code ?? 'stored'}`,
    isQuick: performance.now() - start < 1_000,
    newFiles: (await storedFiles(disk)).length - files.length,
    ...(await lookAround()),
  };
}

async function lookAround() {
  const query = formRequest('/graphql', formBody([]), headers);
  void connection.send(query);
  const { status } = await connection.response();
  const { attachments } = await service.client.ask<{ attachments: { totalCount: number } }>(
    '{ attachments(first: 1) { totalCount } }',
  );
  const download = await service.client.download(stored[0] ?? '');
  const isWhole = sha256(Buffer.from(await download.arrayBuffer())) === sha256(bigContent);
  // An earlier answer stands for a second.
  await sleep(1_100);
  const ready = await fetch(`${service.url}/health/ready`);
  return {
    nextRequest: status,
    newRows: attachments.totalCount - stored.length,
    isWhole,
    ready: ready.status,
  };
}

async function putDirectly(): Promise<number> {
  const { createUploadTarget } = await service.client.ask<{
    createUploadTarget: { target: { url: string; headers: { name: string; value: string }[] } };
  }>(`mutation { createUploadTarget(input: { fileName: "x.bin", contentType: "application/octet-stream", size: ${bigContent.length} }) {
    target { url headers { name value } } } }`);
  const { url, headers: pairs } = createUploadTarget.target;
  const response = await fetch(url, {
    method: 'PUT',
    // fetch counts by itself.
    headers: Object.fromEntries(
      pairs.flatMap(({ name, value }) => (/^content-length$/i.test(name) ? [] : [[name, value]])),
    ),
    body: bigContent,
  });
  return response.status;
}

/** An upload by tus whose disk fills up in the middle: how the second part is refused, and whether the third makes it whole. */
async function resume() {
  const tus = new TusClient(service, service.key);
  const content = Buffer.alloc(20 * mebibyte, 'resumed ');
  const part = 8 * mebibyte;
  const made = await tus.post({ 'upload-length': String(content.length) });
  const url = made.headers.get('location') ?? '';
  await tus.patch(url, 0, content.subarray(0, part));
  await fill(Number.POSITIVE_INFINITY);
  const refusal = await tus.patch(url, part, content.subarray(part, 2 * part));
  const offset = await tus.offset(url);
  await makeRoom();
  const { status } = await tus.patch(url, offset, content.subarray(offset));
  const attachment = await attach(service, made.headers.get('upload-document-key') ?? '');
  if (typeof attachment !== 'string') stored.push(attachment.url);
  const isWhole = typeof attachment !== 'string' && attachment.sha256.hash === sha256(content);
  return { refused: `${refusal.status} ${refusal.fault}`, keepsFirst: offset >= part, status, isWhole };
}

/** Takes room from the disk: `size` bytes, or all there is. */
async function fill(size: number): Promise<void> {
  const path = join(disk, `filler-${fillers.length}`);
  fillers.push(path);
  const filler = await open(path, 'w');
  const block = Buffer.alloc(mebibyte);
  try {
    for (let at = 0; at < size; at += block.length) await filler.writeFile(block);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  } finally {
    await filler.close();
  }
  await forget();
}

/** Takes every file that the disk could still hold. */
async function useUpNames(): Promise<void> {
  for (let isLeft = true; isLeft; ) {
    const path = join(disk, `filler-${fillers.length}`);
    isLeft = await writeFile(path, '').then(
      () => true,
      () => false,
    );
    if (isLeft) fillers.push(path);
  }
}

async function makeRoom(): Promise<void> {
  for (const path of fillers.splice(0)) await rm(path, { force: true });
  await forget();
}

/** The service trusts for a moment that there is room. */
const forget = () => sleep(150);

const small = requestOf(bigContent);
const large = requestOf(Buffer.alloc(20 * mebibyte, 'large '));

const withRoom = await upload(small);
await fill(62 * mebibyte);
const withoutReserve = { ...(await upload(small)), put: await putDirectly() };
await makeRoom();
const filledMeanwhile = await upload(large, () => fill(Number.POSITIVE_INFINITY));
const full = { ...(await upload(small)), put: await putDirectly() };
await makeRoom();
await useUpNames();
const withoutNames = { ...(await upload(small)), put: await putDirectly() };
await makeRoom();
const resumed = await resume();
const withRoomAgain = { ...(await upload(large)), put: await putDirectly() };

connection.destroy();
await service.close();
process.stdout.write(
  JSON.stringify({ withRoom, withoutReserve, filledMeanwhile, full, withoutNames, resumed, withRoomAgain }),
);
