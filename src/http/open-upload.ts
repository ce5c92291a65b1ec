import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Admit } from '../auth/authenticate.js';
import type { UploadTokens } from '../auth/secrets.js';
import { assertPermitted, routeNeeds, type Viewer } from '../auth/viewer.js';
import type { UploadTargetRow } from '../database/entities/upload-target.js';
import { AttachmentError, fault } from '../errors.js';
import type { UploadPart } from '../intake/append-upload.js';
import type { CreateResumable } from '../intake/create-resumable.js';
import type { DirectUpload, ReceivedUpload } from '../intake/receive.js';
import { gone } from '../intake/resumable.js';
import { assertMakersKey } from '../intake/upload-target.js';
import type { NetworkRate } from '../limits/networks.js';
import { admitAnonymous, admitRequest } from './admit-request.js';

export interface ResumableRouteDependencies {
  tokens: UploadTokens;
  admit: Admit;
  /** Counts wrong tokens; null for no limit. */
  anonymous: NetworkRate | null;
  isKeyGood(keyId: string): Promise<boolean>;
  uploadUrl(targetId: string): string;
  maxFileSize: number;
  clock(): Date;
  /** Null for an id that no target has. */
  find(targetId: string): Promise<UploadTargetRow | null>;
  create(viewer: Viewer, input: CreateResumable): Promise<UploadTargetRow>;
  append(upload: UploadTargetRow, part: UploadPart): Promise<UploadTargetRow>;
  inspect(upload: UploadTargetRow): Promise<UploadTargetRow>;
  terminate(upload: UploadTargetRow): Promise<void>;
}

export type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;

/** The upload of the URL, for whoever may go on with it. */
export async function openUpload(
  deps: ResumableRouteDependencies,
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
  const { terms, protocol, organizationId, principalId } = upload;
  if (!terms || protocol !== 'TUS') throw new AttachmentError('NOT_FOUND');
  if (terms.needsCredential) {
    const admitted = await admitRequest(deps.admit, request, reply);
    const viewer = assertPermitted(admitted, routeNeeds['POST /uploads']);
    if (viewer.organizationId !== organizationId || viewer.principal.id !== principalId)
      throw new AttachmentError('NOT_FOUND');
  } else {
    await assertMakersKey(deps, upload);
  }
  return upload;
}

/** Throws a fault of type `offset_stream`, which is answered with 415, for a body of any other type. */
export function assertContentType({ headers }: FastifyRequest, contentType: string): void {
  if (headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() === contentType) return;
  const msg = `The Content-Type must be ${contentType}.`;
  throw fault('offset_stream', ['headers', 'content-type'], msg, { message: msg });
}

/** Bytes of the body; null where the request does not say. */
export function bodyLength({ headers }: FastifyRequest): number | null {
  if (headers['transfer-encoding'] !== undefined) return null;
  return Number(headers['content-length'] ?? 0);
}

/**
 * Leaves bodies, of whatever type, to the handlers of these routes. An empty Content-Type, as browsers send for files of types that
 * they do not know, counts as none.
 */
export function takeAnyBody(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('*', (_request, _payload, parsed) => parsed(null));
  scope.addHook('onRequest', async (request) => {
    const { headers } = request.raw;
    const given = headers['content-type'];
    if (given === undefined || request.mediaType !== undefined) return;
    const msg = 'The Content-Type is no media type, such as text/plain.';
    if (given.trim() !== '')
      throw fault('invalid_media_type', ['headers', 'content-type'], msg, { message: msg });
    delete headers['content-type'];
  });
}

export interface DirectUploadDependencies {
  tokens: UploadTokens;
  /** Counts wrong tokens; null for no limit. */
  anonymous: NetworkRate | null;
  receive(upload: DirectUpload): Promise<ReceivedUpload>;
}

/**
 * Adds `PUT /uploads/{token}`: the token is the credential. 201 once the bytes are durable, 200 for the same bytes again; both say what
 * is stored.
 */
export function registerDirectUpload(
  server: FastifyInstance,
  { tokens, anonymous, receive }: DirectUploadDependencies,
): void {
  void server.register((scope, _options, done) => {
    takeAnyBody(scope);
    scope.put<{ Params: { '*': string } }>('/uploads/*', async (request, reply) => {
      const targetId = tokens.verify(request.params['*']);
      if (targetId === null) {
        await admitAnonymous(anonymous, request, reply);
        throw new AttachmentError('NOT_FOUND');
      }
      const { isNew, ...stored } = await receive({ targetId, ...describe(request) });
      return reply
        .code(isNew ? 201 : 200)
        .header('etag', `"${stored.sha256}"`)
        .send(stored);
    });
    done();
  });
}

function describe({ raw, headers }: FastifyRequest): Omit<DirectUpload, 'targetId'> {
  const length = headers['content-length'];
  return {
    contentType: headers['content-type'] ?? '',
    contentLength: length === undefined ? null : Number(length),
    contentMd5: headers['content-md5']?.toString() ?? null,
    contentRange: headers['content-range'] ?? null,
    content: raw,
  };
}
