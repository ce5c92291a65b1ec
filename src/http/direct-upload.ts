import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { UploadTokens } from '../auth/upload-tokens.js';
import { AttachmentError } from '../errors.js';
import type { DirectUpload, ReceivedUpload } from '../intake/receive.js';
import type { NetworkRate } from '../limits/network-rate.js';
import { admitAnonymous } from './admit-request.js';

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
    scope.removeAllContentTypeParsers();
    // The handler reads the body itself.
    scope.addContentTypeParser('*', (_request, _payload, parsed) => parsed(null));
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
