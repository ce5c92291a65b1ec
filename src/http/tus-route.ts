import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Admit } from '../auth/admit.js';
import { assertPermitted, routeNeeds } from '../auth/permission-table.js';
import type { UploadTokens } from '../auth/upload-tokens.js';
import type { Viewer } from '../auth/viewer.js';
import type { UploadTargetRow } from '../database/entities/upload-target.js';
import { AttachmentError, fault } from '../errors.js';
import type { UploadPart } from '../intake/append-upload.js';
import type { CreateResumable } from '../intake/create-resumable.js';
import { tusVersion } from '../intake/create-upload-target.js';
import { gone } from '../intake/resumable.js';
import type { NetworkRate } from '../limits/network-rate.js';
import { admitAnonymous, admitRequest } from './admit-request.js';
import {
  checksumBytes,
  describeUpload,
  readChecksum,
  readConcat,
  readLength,
  readMetadata,
  readNewLength,
  readOffset,
} from './tus-headers.js';

export interface TusDependencies {
  tokens: UploadTokens;
  admit: Admit;
  /** Counts wrong tokens; null for no limit. */
  anonymous: NetworkRate | null;
  isKeyGood(keyId: string): Promise<boolean>;
  uploadUrl(targetId: string): string;
  maxFileSize: number;
  /** Null for an id that no target has. */
  find(targetId: string): Promise<UploadTargetRow | null>;
  create(viewer: Viewer, input: CreateResumable): Promise<UploadTargetRow>;
  append(upload: UploadTargetRow, part: UploadPart): Promise<UploadTargetRow>;
  inspect(upload: UploadTargetRow): Promise<UploadTargetRow>;
  terminate(upload: UploadTargetRow): Promise<void>;
}

const extensions = [
  'creation',
  'creation-with-upload',
  'creation-defer-length',
  'expiration',
  'termination',
  'checksum',
  'concatenation',
];

const contentType = 'application/offset+octet-stream';

type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;

/** Adds tus 1.0.0 at `/uploads`: uploads in as many requests as they take. */
export function registerTus(server: FastifyInstance, deps: TusDependencies): void {
  void server.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers();
    // The handlers read the body themselves.
    scope.addContentTypeParser('*', (_request, _payload, parsed) => parsed(null));
    scope.addHook('onSend', async ({ method }, reply) => {
      reply.header('tus-resumable', tusVersion);
      if (method === 'OPTIONS') reply.headers(capabilities(deps));
    });
    scope.addHook('onRequest', async ({ headers }, reply) => {
      if (headers['tus-resumable'] === tusVersion) return;
      reply.header('tus-version', tusVersion);
      const msg = `The header Tus-Resumable: ${tusVersion} is needed.`;
      throw fault('tus_version', ['headers', 'tus-resumable'], msg, { message: msg });
    });
    const handlers: Readonly<Record<string, Handler>> = {
      HEAD: inspect(deps),
      PATCH: append(deps),
      DELETE: terminate(deps),
    };
    for (const [method, handler] of Object.entries(handlers))
      scope.route({ method, url: '/uploads/*', handler });
    scope.post('/uploads/*', async (request, reply) => {
      const method = request.headers['x-http-method-override']?.toString().toUpperCase() ?? '';
      const handler = Object.hasOwn(handlers, method) ? handlers[method] : undefined;
      if (handler) return handler(request, reply);
      const msg = 'POST is answered here only with X-HTTP-Method-Override: PATCH, DELETE or HEAD.';
      throw fault('method_not_allowed', ['method'], msg, { message: msg });
    });
    scope.route({ method: 'POST', url: '/uploads', handler: create(deps) });
    // Answered by the hooks of cross-origin requests; here they get the headers of this protocol.
    const answered: Handler = (_request, reply) => Promise.resolve(reply.code(204).send());
    for (const url of ['/uploads', '/uploads/*']) scope.options(url, answered);
    done();
  });
}

function capabilities({ maxFileSize }: TusDependencies): Record<string, string> {
  return {
    'tus-version': tusVersion,
    'tus-extension': extensions.join(','),
    'tus-max-size': String(maxFileSize),
    'tus-checksum-algorithm': Object.keys(checksumBytes).join(','),
  };
}

function create(deps: TusDependencies): Handler {
  return async (request, reply) => {
    const { headers } = request;
    const viewer = assertPermitted(
      await admitRequest(deps.admit, request, reply),
      routeNeeds['POST /uploads'],
    );
    const hasBody = bodyLength(request) !== 0;
    if (hasBody) assertOffsetStream(request);
    const concat = readConcat(headers, (token) => deps.tokens.verify(token));
    const metadata = readMetadata(headers);
    const upload = await deps.create(viewer, {
      fileName: metadata.get('filename') ?? null,
      contentType: metadata.get('filetype') ?? null,
      policy: metadata.get('policy') ?? null,
      size: concat?.kind === 'final' ? null : readNewLength(headers),
      metadata: headers['upload-metadata']?.toString() ?? null,
      concat,
    });
    reply.headers({ location: deps.uploadUrl(upload.id), ...describeUpload(upload) });
    const isAppended = concat?.kind !== 'final' && (hasBody || upload.size === 0);
    const now = isAppended ? await deps.append(upload, partOf(request, 0)) : upload;
    return reply.code(201).headers(describeUpload(now)).send();
  };
}

function append(deps: TusDependencies): Handler {
  return async (request, reply) => {
    const upload = await open(deps, request, reply);
    assertOffsetStream(request);
    const part = partOf(request, readOffset(request.headers));
    if (upload.terms?.concat?.startsWith('final')) {
      const msg = 'This upload is made of others, and takes no bytes itself.';
      throw fault('upload_is_final', [], msg, { message: msg });
    }
    const appended = await deps.append(upload, part).catch(async (error: unknown) => {
      // The client goes on from there.
      const now = await deps.find(upload.id).catch(() => null);
      if (now) reply.headers({ 'upload-offset': now.received, 'cache-control': 'no-store' });
      throw error;
    });
    return reply.code(204).headers(describeUpload(appended)).send();
  };
}

function inspect(deps: TusDependencies): Handler {
  return async (request, reply) => {
    const upload = await open(deps, request, reply);
    return reply
      .code(200)
      .headers(describeUpload(await deps.inspect(upload)))
      .send();
  };
}

function terminate(deps: TusDependencies): Handler {
  return async (request, reply) => {
    await deps.terminate(await open(deps, request, reply));
    return reply.code(204).send();
  };
}

/** The upload of the URL, for whoever may go on with it. */
async function open(
  deps: TusDependencies,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<UploadTargetRow> {
  const { '*': token } = request.params as { '*': string };
  const targetId = deps.tokens.verify(token);
  if (targetId === null) {
    await admitAnonymous(deps.anonymous, request, reply);
    throw new AttachmentError('NOT_FOUND');
  }
  const upload = await deps.find(targetId);
  if (!upload) throw gone();
  const { terms, organizationId, principalId } = upload;
  if (!terms) throw new AttachmentError('NOT_FOUND');
  if (terms.needsCredential) {
    const admitted = await admitRequest(deps.admit, request, reply);
    const viewer = assertPermitted(admitted, routeNeeds['POST /uploads']);
    if (viewer.organizationId !== organizationId || viewer.principal.id !== principalId)
      throw new AttachmentError('NOT_FOUND');
  } else if (terms.keyId !== null && !(await deps.isKeyGood(terms.keyId))) {
    const msg = 'The credential that made this upload has ended.';
    throw fault('signature_revoked', [], msg, { message: msg });
  }
  return upload;
}

function assertOffsetStream({ headers }: FastifyRequest): void {
  if (headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() === contentType) return;
  const msg = `The Content-Type must be ${contentType}.`;
  throw fault('offset_stream', ['headers', 'content-type'], msg, { message: msg });
}

/** Null where the request does not say. */
function bodyLength({ headers }: FastifyRequest): number | null {
  if (headers['transfer-encoding'] !== undefined) return null;
  return Number(headers['content-length'] ?? 0);
}

function partOf(request: FastifyRequest, offset: number): UploadPart {
  const { headers, raw } = request;
  return {
    offset,
    length: readLength(headers),
    checksum: readChecksum(headers),
    contentLength: bodyLength(request),
    content: raw,
    isClients: true,
  };
}
