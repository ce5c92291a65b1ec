import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify';
import type { PreviewUrls } from '../auth/derived-urls.js';
import { toId } from '../database/typeorm.js';
import { AttachmentError } from '../errors.js';
import type { DownloadPlaces } from '../limits/places.js';
import type { StoredAttachment } from '../model/stored-attachment.js';
import { type PreviewFormat, readVariant } from '../previews/preview.js';
import type { Previews } from '../previews/previews.js';
import { acceptSignature, type DownloadDependencies, endOf, setRefusalHeaders } from './download.js';
import { onceClosed } from './once-closed.js';
import { evaluatePreconditions } from './preconditions.js';
import { mediaPolicy } from './presentation.js';

export interface PreviewDependencies extends Pick<DownloadDependencies, 'findMaker' | 'countBadSignature'> {
  previewUrls: Pick<PreviewUrls, 'verify'>;
  previews: Pick<Previews, 'find'>;
  places: Pick<DownloadPlaces, 'take'>;
  clock: () => Date;
  /** The attachment; null if there is none, or it has other content by now. Throws NOT_APPROVED. */
  findPreviewed(id: string, blobId: string): Promise<StoredAttachment | null>;
}

interface PreviewRoute {
  Params: { id: string; name: string };
  Querystring: Record<string, unknown>;
}

const contentTypes: Readonly<Record<PreviewFormat, string>> = {
  AVIF: 'image/avif',
  JPEG: 'image/jpeg',
  WEBP: 'image/webp',
};

/**
 * Adds `GET|HEAD /previews/{id}/{variant}`, open to a signed query. The URL names the content too, so what it answers never
 * changes, and browsers need not ask again.
 */
export function registerPreviews(server: FastifyInstance, deps: PreviewDependencies): void {
  const handler = async (request: FastifyRequest<PreviewRoute>, reply: FastifyReply) => {
    setRefusalHeaders(reply);
    const { name } = request.params;
    const id = toId(request.params.id);
    const verified = deps.previewUrls.verify(id, name, request.query);
    const signed = await acceptSignature(deps, request, reply, verified);
    const stored = await deps.findPreviewed(id, signed.terms.blobId);
    const variant = readVariant(name);
    if (!stored || !variant) throw new AttachmentError('NOT_FOUND');
    const { organizationId } = stored.attachment;
    const end = endOf(signed);
    // Another decoder may make other bytes of the same picture.
    const validators = {
      etag: `W/"${stored.blob.id}-${name}"`,
      lastModified: stored.attachment.createdAt.toUTCString(),
      isDateShared: false,
    };
    const state = evaluatePreconditions(request.headers, validators);
    const release = deps.places.take({ address: request.ip }, organizationId);
    onceClosed(reply.raw, release);
    const owner = { organizationId, principalId: signed.maker.principalId };
    const body = state === 'PROCEED' ? await deps.previews.find(owner, stored, variant) : null;
    const seconds = Math.max(0, Math.floor((end - deps.clock().getTime()) / 1_000));
    reply.headers({
      etag: validators.etag,
      'last-modified': validators.lastModified,
      'cache-control': `private, max-age=${seconds}, immutable`,
      'content-disposition': 'inline',
      'content-security-policy': mediaPolicy,
      'cross-origin-resource-policy': 'cross-origin',
    });
    if (body === null) return reply.code(304).send();
    return reply.header('content-type', contentTypes[variant.format]).send(Buffer.from(body));
  };
  const method = ['GET', 'HEAD'] satisfies HTTPMethods[];
  server.route<PreviewRoute>({ method, url: '/previews/:id/:name', handler });
}
