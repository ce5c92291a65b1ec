import type { FastifyReply, FastifyRequest } from 'fastify';
import { assertPermitted, routeNeeds } from '../auth/viewer.js';
import { unknownType } from '../content-types/media-types.js';
import type { UploadTargetRow } from '../database/entities/upload-target.js';
import { AttachmentError, fault } from '../errors.js';
import type { UploadPart } from '../intake/append-upload.js';
import { isExpired } from '../intake/resumable.js';
import { admitRequest } from './admit-request.js';
import {
  assertContentType,
  bodyLength,
  type Handler,
  openUpload,
  type ResumableRouteDependencies,
} from './open-upload.js';
import {
  describeProgress,
  digestOf,
  interopVersion,
  lengthOf,
  readCompletes,
  readContentDigest,
  readFileName,
  readItem,
  readReprDigest,
} from './tus-headers.js';

const contentType = 'application/partial-upload';
const problems = 'https://iana.org/assignments/http-problem-types#';
/** Faults after which an upload cannot go on, so that it ends. */
const lastFaults: ReadonlySet<string> = new Set(['digest_mismatch', 'file_too_large', 'content_lost']);

export interface ResumableHandlers {
  create: Handler;
  inspect: Handler;
  append: Handler;
  terminate: Handler;
}

/**
 * Resumable Uploads for HTTP (draft-ietf-httpbis-resumable-upload) over the same uploads as tus. `refuse` throws for an upload of the
 * other protocol.
 */
export function resumableHandlers(
  deps: ResumableRouteDependencies,
  refuse: (reply: FastifyReply) => never,
): ResumableHandlers {
  const open = async (request: FastifyRequest, reply: FastifyReply) => {
    const upload = await openUpload(deps, request, reply);
    if (!upload.terms?.isHttp) refuse(reply);
    reply.headers({ 'upload-limit': limitsOf(deps, upload), 'cache-control': 'no-store' });
    return upload;
  };
  return {
    create: create(deps),
    inspect: async (request, reply) => {
      const found = await open(request, reply);
      const upload = await deps.inspect(found);
      // An offset that was told never falls: bytes that were lost end the upload.
      if (upload.received < found.received) await deps.terminate(upload);
      return reply.code(204).headers(describeProgress(upload)).send();
    },
    append: async (request, reply) => {
      const upload = await open(request, reply);
      assertContentType(request, contentType);
      const offset = readItem(request.headers, 'upload-offset');
      if (offset === null)
        throw fault('upload_offset', ['headers', 'upload-offset'], 'Upload-Offset is needed.');
      return append(deps, { upload, offset }, request, reply);
    },
    terminate: async (request, reply) => {
      await deps.terminate(await open(request, reply));
      return reply.code(204).send();
    },
  };
}

const places = {
  root: ['query'],
  fileName: ['headers', 'content-disposition'],
  contentType: ['headers', 'content-type'],
  digest: ['headers', 'repr-digest'],
};

function create(deps: ResumableRouteDependencies): Handler {
  return async (request, reply) => {
    const { headers, query } = request;
    reply.headers({ 'upload-limit': limitsOf(deps, null), 'cache-control': 'no-store' });
    const admitted = await admitRequest(deps.admit, request, reply);
    const viewer = assertPermitted(admitted, routeNeeds['POST /uploads']);
    const { policy } = query as { policy?: string | string[] };
    const length = bodyLength(request);
    // A request whose headers are wrong leaves no upload.
    readContentDigest(headers);
    const type = headers['content-type'] ?? unknownType;
    const upload = await deps.create(viewer, {
      fileName: readFileName(headers),
      contentType: type === unknownType ? null : type,
      policy: policy === undefined ? null : String(policy),
      size: lengthOf(headers, 0, length),
      digest: readReprDigest(headers),
      metadata: null,
      concat: null,
      isHttp: true,
      places,
    });
    const location = deps.uploadUrl(upload.id);
    const limits = limitsOf(deps, upload);
    reply.headers({ location, 'upload-limit': limits, 'upload-document-key': upload.documentKey });
    inform(request, reply, { Location: location, 'Upload-Limit': limits });
    if (length === 0 && !readCompletes(headers))
      return reply.code(201).headers(describeProgress(upload)).send();
    return append(deps, { upload, offset: 0 }, request, reply);
  };
}

interface Place {
  upload: UploadTargetRow;
  offset: number;
}

async function append(
  deps: ResumableRouteDependencies,
  { upload, offset }: Place,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  const { headers, raw } = request;
  const completes = readCompletes(headers);
  try {
    const part: UploadPart = {
      offset,
      length: lengthOf(headers, offset, bodyLength(request)),
      checksum: readContentDigest(headers),
      contentLength: bodyLength(request),
      content: raw,
      isClients: true,
      isLast: completes,
      onDurable: (received) => inform(request, reply, { 'Upload-Offset': String(received) }),
    };
    const now = await deps.append(upload, part);
    reply.headers(describeProgress(now));
    if (now.state !== 'FINISHED') {
      if (completes) throw inconsistent(now.size);
      // The one who creates it learns that it exists.
      return reply.code(request.method === 'POST' ? 201 : 204).send();
    }
    const { documentKey, size, md5, sha256 } = now;
    return reply.code(201).headers(digestOf(now)).send({ documentKey, size, md5, sha256 });
  } catch (error) {
    return answerFault(deps, { upload, offset }, error, reply);
  }
}

/** Says how far the upload is, and ends one that cannot go on. */
async function answerFault(
  deps: ResumableRouteDependencies,
  { upload, offset }: Place,
  error: unknown,
  reply: FastifyReply,
): Promise<unknown> {
  const [detail] = error instanceof AttachmentError ? error.details : [];
  const type = detail?.type ?? '';
  if (lastFaults.has(type)) await deps.terminate(upload).catch(() => undefined);
  const now = await deps.find(upload.id).catch(() => upload);
  // Whoever asks again learns from this that nothing goes on.
  const goesOn = now && now.state !== 'FINISHED' && !isExpired(now, deps.clock());
  reply.header('upload-complete', goesOn ? '?0' : '?1');
  if (now) reply.header('upload-offset', now.received);
  if (type === 'checksum_mismatch')
    throw fault('content_digest', ['headers', 'content-digest'], detail?.msg ?? '');
  if (detail && type === 'digest_mismatch')
    throw fault(type, places.digest, detail.msg, { message: detail.msg });
  const problem = problemOf(type, now?.received ?? 0, offset);
  if (!problem) throw error;
  const { status, ...body } = problem;
  return reply.code(status).type('application/problem+json').send(JSON.stringify(body));
}

function problemOf(type: string, expected: number, provided: number) {
  if (type === 'offset_mismatch')
    return {
      status: 409,
      type: `${problems}mismatching-upload-offset`,
      title: 'The offset of the request is not that of the upload.',
      'expected-offset': expected,
      'provided-offset': provided,
    };
  if (type !== 'upload_length') return null;
  const title = 'The lengths that the request and the upload have are not the same.';
  return { status: 400, type: `${problems}inconsistent-upload-length`, title };
}

function inconsistent(size: number): AttachmentError {
  const msg = `The upload has ${size} bytes, and fewer have come.`;
  return fault('upload_length', ['headers', 'upload-complete'], msg, { message: msg });
}

/** Null before there is an upload. */
function limitsOf(
  { maxFileSize, clock }: ResumableRouteDependencies,
  upload: UploadTargetRow | null,
): string {
  const size = `max-size=${maxFileSize}`;
  if (!upload?.expiresAt) return size;
  const seconds = Math.floor((upload.expiresAt.getTime() - clock().getTime()) / 1_000);
  return `${size}, max-age=${Math.max(0, seconds)}`;
}

/** Sends an interim answer, if the client knows what it means. */
function inform(request: FastifyRequest, { raw }: FastifyReply, headers: Record<string, string>): void {
  const isKnown = request.headers['upload-draft-interop-version'] === interopVersion;
  const { socket } = raw;
  if (!isKnown || request.raw.httpVersion === '1.0' || !socket?.writable || raw.headersSent) return;
  const all = { ...headers, 'Upload-Draft-Interop-Version': interopVersion };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`HTTP/1.1 104 Upload Resumption Supported\r\n${lines.join('')}\r\n`);
}
