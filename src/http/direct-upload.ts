import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { UploadTokens } from '../auth/upload-tokens.js';
import { AttachmentError } from '../errors.js';
import type { DirectUpload } from '../intake/receive.js';
import type { NetworkRate } from '../limits/network-rate.js';
import { admitAnonymous } from './admit-request.js';

export interface DirectUploadDependencies {
  tokens: UploadTokens;
  /** Counts wrong tokens; null for no limit. */
  anonymous: NetworkRate | null;
  receive(upload: DirectUpload): Promise<void>;
}

/** Adds `PUT /uploads/{token}`: the token is the credential. 201 once the bytes are durable. */
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
      await receive({ targetId, ...describe(request) });
      return reply.code(201).send();
    });
    done();
  });
}

function describe({ raw, headers }: FastifyRequest): Omit<DirectUpload, 'targetId'> {
  const length = headers['content-length'];
  return {
    contentType: headers['content-type'] ?? '',
    contentLength: length === undefined ? null : Number(length),
    content: raw,
  };
}
