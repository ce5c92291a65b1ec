import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { assertPermitted, routeNeeds } from '../auth/viewer.js';
import { fault } from '../errors.js';
import type { UploadPart } from '../intake/append-upload.js';
import { tusVersion } from '../intake/create-upload-target.js';
import { admitRequest } from './admit-request.js';
import {
  assertContentType,
  bodyLength,
  type Handler,
  openUpload,
  type ResumableRouteDependencies,
  takeAnyBody,
} from './open-upload.js';
import { resumableHandlers } from './resumable-route.js';
import {
  checksumBytes,
  describeUpload,
  hasCompleteness,
  readChecksum,
  readConcat,
  readLength,
  readMetadata,
  readNewLength,
  readOffset,
} from './tus-headers.js';

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

/** Adds tus 1.0.0, and Resumable Uploads for HTTP, at `/uploads`: uploads in as many requests as they take. */
export function registerTus(server: FastifyInstance, deps: ResumableRouteDependencies): void {
  void server.register((scope, _options, done) => {
    takeAnyBody(scope);
    scope.addHook('onSend', async ({ method }, reply) => {
      // The other protocol has limits in every answer.
      if (!reply.hasHeader('upload-limit')) reply.header('tus-resumable', tusVersion);
      if (method === 'OPTIONS') reply.headers(capabilities(deps));
    });
    scope.addHook('onRequest', async (request, reply) => {
      const version = request.headers['tus-resumable'];
      if (version !== tusVersion && (version !== undefined || !mayBeHttp(request))) refuseVersion(reply);
    });
    const http = resumableHandlers(deps, refuseVersion);
    const handlers: Readonly<Record<string, { tus: Handler; http: Handler }>> = {
      HEAD: { tus: inspect(deps), http: http.inspect },
      PATCH: { tus: append(deps), http: http.append },
      DELETE: { tus: terminate(deps), http: http.terminate },
    };
    for (const [method, handler] of Object.entries(handlers))
      scope.route({ method, url: '/uploads/*', handler: byProtocol(handler) });
    scope.post('/uploads/*', async (request, reply) => {
      const method = request.headers['x-http-method-override']?.toString().toUpperCase() ?? '';
      const handler = Object.hasOwn(handlers, method) ? handlers[method] : undefined;
      if (handler) return handler.tus(request, reply);
      const msg = 'POST is answered here only with X-HTTP-Method-Override: PATCH, DELETE or HEAD.';
      throw fault('method_not_allowed', ['method'], msg, { message: msg });
    });
    const handler = byProtocol({ tus: create(deps), http: http.create });
    scope.route({ method: 'POST', url: '/uploads', handler });
    // Answered by the hooks of cross-origin requests; here they get the headers of this protocol.
    const answered: Handler = (_request, reply) => Promise.resolve(reply.code(204).send());
    for (const url of ['/uploads', '/uploads/*']) scope.options(url, answered);
    done();
  });
}

const byProtocol =
  ({ tus, http }: { tus: Handler; http: Handler }): Handler =>
  (request, reply) =>
    request.headers['tus-resumable'] === undefined ? http(request, reply) : tus(request, reply);

/** Whether a request without Tus-Resumable can be one of the other protocol. Its upload tells in the end. */
function mayBeHttp({ method, headers, routeOptions }: FastifyRequest): boolean {
  if (method === 'HEAD' || method === 'DELETE') return true;
  const isPart = method === 'PATCH' || (method === 'POST' && routeOptions.url === '/uploads');
  return isPart && hasCompleteness(headers);
}

function refuseVersion(reply: FastifyReply): never {
  reply.header('tus-version', tusVersion);
  const msg = `The header Tus-Resumable: ${tusVersion} is needed.`;
  throw fault('tus_version', ['headers', 'tus-resumable'], msg, { message: msg });
}

function capabilities({ maxFileSize }: ResumableRouteDependencies): Record<string, string> {
  return {
    'tus-version': tusVersion,
    'tus-extension': extensions.join(','),
    'tus-max-size': String(maxFileSize),
    'tus-resumable': tusVersion,
    'upload-limit': `max-size=${maxFileSize}`,
    'tus-checksum-algorithm': Object.keys(checksumBytes).join(','),
  };
}

const metadataPlace = ['headers', 'upload-metadata'];
const places = {
  root: metadataPlace,
  fileName: [...metadataPlace, 'filename'],
  contentType: [...metadataPlace, 'filetype'],
  digest: metadataPlace,
};

function create(deps: ResumableRouteDependencies): Handler {
  return async (request, reply) => {
    const { headers } = request;
    const viewer = assertPermitted(
      await admitRequest(deps.admit, request, reply),
      routeNeeds['POST /uploads'],
    );
    const hasBody = bodyLength(request) !== 0;
    if (hasBody) assertContentType(request, contentType);
    // A request whose headers are wrong leaves no upload.
    const part = partOf(request, 0);
    const concat = readConcat(headers, (token) => deps.tokens.verify(token));
    if (hasBody && concat?.kind === 'final') refuseBytes();
    const metadata = readMetadata(headers);
    const upload = await deps.create(viewer, {
      fileName: metadata.get('filename') ?? null,
      contentType: metadata.get('filetype') ?? null,
      policy: metadata.get('policy') ?? null,
      size: concat?.kind === 'final' ? null : readNewLength(headers),
      metadata: headers['upload-metadata']?.toString() ?? null,
      digest: null,
      concat,
      isHttp: false,
      places,
    });
    reply.headers({ location: deps.uploadUrl(upload.id), ...describeUpload(upload) });
    const isAppended = concat?.kind !== 'final' && (hasBody || upload.size === 0);
    const now = isAppended ? await deps.append(upload, part) : upload;
    return reply.code(201).headers(describeUpload(now)).send();
  };
}

function append(deps: ResumableRouteDependencies): Handler {
  return async (request, reply) => {
    const upload = await openUpload(deps, request, reply);
    assertContentType(request, contentType);
    const part = partOf(request, readOffset(request.headers));
    if (upload.terms?.concat?.startsWith('final')) refuseBytes();
    const appended = await deps.append(upload, part).catch(async (error: unknown) => {
      // The client goes on from there.
      const now = await deps.find(upload.id).catch(() => null);
      if (now) reply.headers({ 'upload-offset': now.received, 'cache-control': 'no-store' });
      throw error;
    });
    return reply.code(204).headers(describeUpload(appended)).send();
  };
}

function refuseBytes(): never {
  const msg = 'This upload is made of others, and takes no bytes itself.';
  throw fault('upload_is_final', [], msg, { message: msg });
}

function inspect(deps: ResumableRouteDependencies): Handler {
  return async (request, reply) => {
    const upload = await openUpload(deps, request, reply);
    return reply
      .code(200)
      .headers(describeUpload(await deps.inspect(upload)))
      .send();
  };
}

function terminate(deps: ResumableRouteDependencies): Handler {
  return async (request, reply) => {
    await deps.terminate(await openUpload(deps, request, reply));
    return reply.code(204).send();
  };
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
    isLast: false,
    onDurable: null,
  };
}
