import { createHash } from 'node:crypto';
import { storedRequest, storeRequest } from './bare-requests.js';
import type { LoadRequest } from './load.js';
import type { ServerProcess, ServiceProcess } from './server-process.js';
import {
  ask,
  type CreatedAttachment,
  downloadRequest,
  queryRequest,
  upload,
  uploadRequest,
} from './service-requests.js';

/** A load that the service and the bare server take in turn. */
export interface Scenario {
  name: string;
  /** Requests at once. */
  concurrency: number;
  /** Requests in one round for one server. */
  requests: number;
  /** The least share of the bare server's rate that the service must reach. */
  minRatio?: number;
  /** Fills the servers and gives the request for each. */
  prepare(service: ServiceProcess, bare: ServerProcess): Promise<RequestPair>;
}

export interface RequestPair {
  service: LoadRequest;
  bare: LoadRequest;
}

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

/** Small uploads come first: some file systems are slow in creating files for minutes after many were removed. */
export const scenarios: readonly Scenario[] = [
  { name: 'upload-1k', concurrency: 16, requests: 1500, minRatio: 0.5, prepare: prepareUpload(kibibyte) },
  { name: 'upload-5m', concurrency: 4, requests: 60, prepare: prepareUpload(5 * mebibyte) },
  {
    name: 'upload-256m',
    concurrency: 1,
    requests: 3,
    minRatio: 1,
    prepare: prepareUpload(256 * mebibyte),
  },
  { name: 'get', concurrency: 16, requests: 1500, prepare: prepareGet },
  { name: 'list-100', concurrency: 4, requests: 100, prepare: prepareList },
  { name: 'download-1k', concurrency: 16, requests: 2000, prepare: prepareDownload(kibibyte) },
  { name: 'download-256m', concurrency: 1, requests: 4, prepare: prepareDownload(256 * mebibyte) },
];

/** Text of `size` bytes, as one buffer over and over. */
export function textContent(size: number): Buffer[] {
  const piece = Buffer.alloc(Math.min(size, mebibyte), 'Leave a file, get a ticket, and claim it later. ');
  return Array.from({ length: size / piece.length }, () => piece);
}

function prepareUpload(size: number): Scenario['prepare'] {
  return async (service) => {
    const input = { content: textContent(size), fileName: 'ticket.txt' };
    assertStored(await upload(service, input), input.content);
    const request = uploadRequest(service, input);
    return { service: request, bare: storeRequest(request) };
  };
}

/** Throws if the service answers well and stores something else, so that no rate is taken of it. */
function assertStored(attachment: CreatedAttachment, content: readonly Buffer[]): void {
  const sha256 = createHash('sha256');
  for (const piece of content) sha256.update(piece);
  if (attachment.digest.hash !== sha256.digest('hex')) {
    throw new Error('the service stored something else than it was sent');
  }
}

async function prepareGet(service: ServiceProcess, bare: ServerProcess): Promise<RequestPair> {
  const { id } = await upload(service, { content: textContent(kibibyte), fileName: 'ticket.txt' });
  const query = `query Get($id: ID!) {
    attachment(id: $id) {
      id fileName contentType size status digest { hash } createdAt url
      record { type id } createdBy { id kind name }
    }
  }`;
  return answerPair(queryRequest(service, query, { id }), service, bare);
}

async function prepareList(service: ServiceProcess, bare: ServerProcess): Promise<RequestPair> {
  const content = textContent(kibibyte);
  for (let index = 0; index < 120; index += 1) {
    const record = { type: 'WorkPackage', id: String(Math.floor(index / 10)) };
    await upload(service, { content, fileName: `ticket-${index}.txt`, record, field: 'attachments' });
  }
  const query = `query List {
    attachments(first: 100) {
      nodes {
        id fileName contentType size status digest { hash } createdAt
        record { type id } createdBy { id kind name }
        links { nodes { record { type id } field position state } }
      }
      pageInfo { hasNextPage endCursor }
    }
  }`;
  return answerPair(queryRequest(service, query), service, bare);
}

function prepareDownload(size: number): Scenario['prepare'] {
  return async (service, bare) => {
    const content = textContent(size);
    const attachment = await upload(service, { content, fileName: 'ticket.txt' });
    return { service: downloadRequest(service, attachment), bare: await storedRequest(bare, content) };
  };
}

/** The bare server has the service's own answer in a file. */
async function answerPair(
  request: LoadRequest,
  service: ServiceProcess,
  bare: ServerProcess,
): Promise<RequestPair> {
  const answer = await ask(service.origin, request);
  return { service: request, bare: await storedRequest(bare, [Buffer.from(answer)]) };
}
