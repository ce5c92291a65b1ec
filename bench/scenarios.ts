import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LoadRequest } from './load.js';
import type { ServiceProcess } from './server-process.js';
import {
  ask,
  type CreatedAttachment,
  downloadRequest,
  queryRequest,
  upload,
  uploadRequest,
} from './service-requests.js';
import type { Side, SideName } from './sides.js';

/** A load that the service and other sides take in turn. */
export interface Scenario {
  name: string;
  /** Requests at once. */
  concurrency: number;
  /** The sides that the service is measured by, with the least share of their rate that it must reach; null for any. */
  against: Partial<Record<SideName, number | null>>;
  /** The most milliseconds of processor time that the service may spend on one. */
  maxCpuMs?: number;
  prepare: Prepare;
}

/** Fills a side and gives what is asked of it, or makes it anew for each time. `service` is given to all but the service. */
type Prepare = (side: Side, service: Side | null) => Promise<LoadRequest | (() => LoadRequest)>;

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

const get = `query Get($id: ID!) {
  attachment(id: $id) { id fileName contentType size status createdAt url digest { hash } }
}`;
const list = `query List {
  attachments(first: 100) { nodes { id fileName contentType size status createdAt url digest { hash } } }
}`;
const linkedList = `query List {
  attachments(first: 100) {
    nodes {
      id fileName contentType size status createdAt url digest { hash }
      record { type id: recordId } createdBy { id kind name }
      links { nodes { record { type id: recordId } field position state } }
    }
    pageInfo { hasNextPage endCursor }
  }
}`;
const add =
  'mutation ($input: LinkAttachmentsInput!) { linkAttachments(input: $input) { links { position } } }';

/** Small uploads come first: ext4 is slow in creating files for minutes after others were removed. */
export const scenarios: readonly Scenario[] = [
  {
    name: 'upload-1k',
    concurrency: 16,
    against: { 'bare with fsync': 0.5, developer: 3, bare: null },
    prepare: prepareUpload(kibibyte),
  },
  {
    name: 'upload-64k',
    concurrency: 16,
    against: { 'bare with fsync': 0.5, developer: null },
    prepare: prepareUpload(64 * kibibyte),
  },
  {
    name: 'upload-256m',
    concurrency: 1,
    against: { bare: 1.5, 'bare with fsync': null, developer: null },
    prepare: prepareUpload(256 * mebibyte),
  },
  {
    name: 'upload-256m-four',
    concurrency: 4,
    against: { bare: 1.2, 'bare with fsync': null, developer: null },
    prepare: prepareUpload(256 * mebibyte),
  },
  { name: 'get', concurrency: 16, against: { developer: 1.6, bare: 0.7 }, prepare: prepareGet },
  { name: 'list-100', concurrency: 16, against: { developer: 2.5 }, prepare: prepareList },
  { name: 'list-100-linked', concurrency: 16, against: {}, prepare: prepareLinkedList },
  {
    name: 'download-1k',
    concurrency: 16,
    against: { developer: 1.5, nginx: null },
    prepare: prepareDownload(kibibyte),
  },
  {
    name: 'download-256m',
    concurrency: 1,
    against: { nginx: 1, developer: null },
    prepare: prepareDownload(256 * mebibyte),
  },
  { name: 'link-100', concurrency: 1, against: {}, maxCpuMs: 5, prepare: prepareLinks(20_000) },
  { name: 'link-100-shared', concurrency: 1, against: {}, prepare: prepareLinks(2_000) },
];

/** Text of `size` bytes, as one buffer over and over. */
export function textContent(size: number): Buffer[] {
  const piece = Buffer.alloc(Math.min(size, mebibyte), 'Leave a file, get a ticket, and claim it later. ');
  return Array.from({ length: size / piece.length }, () => piece);
}

const isBare = ({ name }: Side): boolean => name === 'bare' || name === 'bare with fsync';

function prepareUpload(size: number): Prepare {
  return async (side) => {
    const input = { content: textContent(size), fileName: 'ticket.txt' };
    const request = uploadRequest(side, input);
    if (isBare(side)) return storeRequest(request.body);
    assertStored(await upload(side, input), input.content);
    return request;
  };
}

/** Throws if a server answers well and stores something else, so that no rate is taken of it. */
function assertStored(attachment: CreatedAttachment, content: readonly Buffer[]): void {
  const sha256 = createHash('sha256');
  for (const piece of content) sha256.update(piece);
  if (attachment.digest.hash !== sha256.digest('hex')) {
    throw new Error('the server stored something else than it was sent');
  }
}

async function prepareGet(side: Side, service: Side | null): Promise<LoadRequest> {
  if (service && isBare(side)) return storedAnswer(side, await prepareGet(service, null), service);
  const { id } = await upload(side, { content: textContent(kibibyte), fileName: 'ticket.txt' });
  return queryRequest(side, get, { id });
}

async function prepareList(side: Side): Promise<LoadRequest> {
  await uploadSome(side, 120, (index) => ({ fileName: `ticket-${index}.txt` }));
  return queryRequest(side, list);
}

async function prepareLinkedList(side: Side): Promise<LoadRequest> {
  await uploadSome(side, 120, (index) => ({
    fileName: `ticket-${index}.txt`,
    record: { type: 'WorkPackage', id: String(Math.floor(index / 10)) },
    field: 'attachments',
  }));
  return queryRequest(side, linkedList);
}

/**
 * Links a hundred of so many attachments into a new field of one record each time. The hundreds take turns: the fewer there are, the
 * more fields each is in, and the more pages of SQLite an ADD changes.
 */
function prepareLinks(count: number): Prepare {
  return async (side) => {
    const ids = await uploadSome(side, count, (index) => ({ fileName: `ticket-${index}.txt` }));
    const record = { type: 'WorkPackage', id: '1' };
    let fields = 0;
    return () => {
      const from = (fields * 100) % count;
      fields += 1;
      const attachmentIds = ids.slice(from, from + 100);
      return queryRequest(side, add, {
        input: { record, field: `field${fields}`, attachmentIds, mode: 'ADD' },
      });
    };
  };
}

type Named = Omit<Parameters<typeof upload>[1], 'content'>;

async function uploadSome(
  side: ServiceProcess,
  count: number,
  name: (index: number) => Named,
): Promise<string[]> {
  const ids: string[] = [];
  const content = textContent(kibibyte);
  while (ids.length < count) {
    const next = Array.from({ length: Math.min(8, count - ids.length) }, (_, at) => name(ids.length + at));
    const uploaded = await Promise.all(next.map((named) => upload(side, { content, ...named })));
    ids.push(...uploaded.map(({ id }) => id));
  }
  return ids;
}

function prepareDownload(size: number): Prepare {
  return async (side) => {
    const content = textContent(size);
    if (side.name !== 'nginx') {
      return downloadRequest(side, await upload(side, { content, fileName: 'ticket.txt' }));
    }
    writeFileSync(join(side.directory, 'ticket.txt'), Buffer.concat(content));
    return { method: 'GET', path: '/ticket.txt', headers: {}, body: [], answerSize: size };
  };
}

/** A POST to a bare server of as many bytes as go to the service: the very same. */
function storeRequest(body: readonly Uint8Array[]): LoadRequest {
  const size = body.reduce((sum, piece) => sum + piece.length, 0);
  return { method: 'POST', path: '/', headers: { 'Content-Length': String(size) }, body };
}

/** A bare server has the service's own answer in a file. */
async function storedAnswer(bare: Side, request: LoadRequest, service: Side): Promise<LoadRequest> {
  const answer = Buffer.from(await ask(service.origin, request));
  const { name } = JSON.parse(await ask(bare.origin, storeRequest([answer]))) as { name: string };
  return { method: 'GET', path: `/${name}`, headers: {}, body: [], answerSize: answer.length };
}
