import { randomUUID } from 'node:crypto';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import cors from '@fastify/cors';
import Fastify, { type FastifyRequest } from 'fastify';
import type { DownloadableFile } from '../../../src/attachments/find-download.js';
import { type AttachmentUrls, createAttachmentUrls } from '../../../src/auth/attachment-urls.js';
import type { Viewer } from '../../../src/auth/viewer.js';
import { AttachmentError } from '../../../src/errors.js';
import { type DownloadDependencies, registerDownload } from '../../../src/http/download.js';
import { registerErrorHandler } from '../../../src/http/error-handler.js';
import { DownloadPlaces } from '../../../src/limits/places.js';
import { sha256 } from '../../support/sha256.js';

const viewer: Viewer = {
  principal: { id: 'clerk', kind: 'SERVICE', name: null },
  organizationId: randomUUID(),
  permissions: new Set(['attachments:read']),
  keyId: null,
};

/** The maker of every signed URL. */
export const maker = { userId: 'clerk' };

/** A credential that may read, as the header value. */
export const goodCredential = 'Basic good';

export interface StoredFile extends DownloadableFile {
  bytes: Buffer;
  visibility: 'visible' | 'foreign' | 'pending';
}

export function createFile(
  bytes: Buffer,
  overrides: Partial<Omit<StoredFile, 'bytes' | 'size' | 'sha256'>> = {},
): StoredFile {
  return {
    id: randomUUID(),
    organizationId: viewer.organizationId,
    fileName: 'report.bin',
    contentType: 'application/octet-stream',
    documentKey: `2025-11-20/10/${viewer.organizationId}/${randomUUID()}`,
    createdAt: new Date('2025-11-20T10:00:00.789Z'),
    visibility: 'visible',
    size: bytes.length,
    sha256: sha256(bytes),
    charset: null,
    isReplacement: false,
    bytes,
    ...overrides,
  };
}

/** Serves a file's bytes from memory, in pieces of 1 MiB, and counts how often that is asked for. */
export function memoryReader(files: StoredFile[]) {
  const reader = {
    reads: 0,
    async read(key: string, range = { start: 0, end: Infinity }): Promise<Readable | null> {
      reader.reads += 1;
      const file = files.find(({ documentKey }) => documentKey === key);
      return file ? Readable.from(pieces(file.bytes.subarray(range.start, range.end + 1))) : null;
    },
  };
  return reader;
}

function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let start = 0; start < bytes.length; start += 1_048_576)
    yield Buffer.from(bytes.subarray(start, start + 1_048_576));
}

export interface DownloadServer {
  origin: string;
  urls: AttachmentUrls;
  get(target: string, headers?: Record<string, string>, method?: string): Promise<Answer>;
  close(): Promise<void>;
}

interface ServerOptions {
  storage?: DownloadDependencies['storage'];
  clock?: () => Date;
  direct?: DownloadDependencies['direct'];
}

/** A server on a free port with the download route, behind the same plugins as the real one. */
export async function startDownloadServer(
  files: StoredFile[],
  options: ServerOptions = {},
): Promise<DownloadServer> {
  const clock = options.clock ?? (() => new Date());
  const server = Fastify();
  await server.register(cors, { origin: ['https://app.example'] });
  registerErrorHandler(server);
  const secrets = ['test secret'] as const;
  registerDownload(server, {
    storage: options.storage ?? memoryReader(files),
    urls: createAttachmentUrls({ publicUrl: () => 'http://not.used', secrets, clock }),
    direct: options.direct ?? null,
    clock,
    viewerOf,
    places: new DownloadPlaces(0),
    countBadSignature: async () => undefined,
    findMaker: async () => ({ principalId: 'clerk', keyId: null, expiresAt: null }),
    onDownload: () => undefined,
    findDownload: async (id, asker) => findDownload(files, id, asker),
  });
  const origin = await server.listen({ port: 0, host: '127.0.0.1' });
  const urls = createAttachmentUrls({ publicUrl: () => origin, secrets, clock });
  return {
    origin,
    urls,
    get: (target, headers = {}, method = 'GET') => ask(target, headers, method),
    close: () => server.close(),
  };
}

function viewerOf(request: FastifyRequest): Viewer {
  if (request.headers.authorization === 'Basic write-only') throw new AttachmentError('FORBIDDEN');
  if (request.headers.authorization !== goodCredential) throw new AttachmentError('UNAUTHENTICATED');
  return viewer;
}

function findDownload(files: StoredFile[], id: string, asker: Viewer | null): DownloadableFile | null {
  const file = files.find((candidate) => candidate.id === id);
  if (file === undefined || (asker !== null && file.visibility === 'foreign')) return null;
  if (file.visibility === 'pending') throw new AttachmentError('NOT_APPROVED');
  return file;
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
  /** False where the connection broke before the promised end. */
  complete: boolean;
}

/** One request over a connection of its own, with the target sent exactly as written. */
function ask(target: string, headers: Record<string, string>, method: string): Promise<Answer> {
  const { hostname, port, origin } = new URL(target);
  return new Promise((resolve, reject) => {
    const path = target.slice(origin.length);
    const outgoing = httpRequest({ hostname, port, path, method, headers, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', () => {});
      answer.on('close', () => {
        const { statusCode: status = 0, complete } = answer;
        resolve({ status, headers: answer.headers, body: Buffer.concat(chunks), complete });
      });
    });
    outgoing.on('error', reject).end();
  });
}

/** The code and details of a JSON error answer. */
export function errorOf(answer: Answer): { code: string; types: string[] } {
  const { errors } = JSON.parse(answer.body.toString()) as {
    errors: { extensions: { code: string; details: { type: string }[] } }[];
  };
  const extensions = errors[0]?.extensions;
  return { code: extensions?.code ?? '', types: extensions?.details.map(({ type }) => type) ?? [] };
}
