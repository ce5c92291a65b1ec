import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify';
import { AttachmentError } from '../errors.js';
import type { DownloadPlaces } from '../limits/download-places.js';
import type { NetworkRate } from '../limits/network-rate.js';
import type { ByteRange, DirectAccess, Storage } from '../storage/storage.js';
import { admitAnonymous } from './admit-request.js';
import { type DownloadableFile, sendFile } from './send-file.js';
import { noticePage, pagePolicy, sharePage } from './share-page.js';

/** The file that a token leads to. */
export interface SharedFile {
  file: DownloadableFile;
  /** Whether the link permits a number of downloads only. */
  isLimited: boolean;
  /** Called before the bytes of a GET leave. Throws where they may not. */
  count(range: ByteRange): Promise<void>;
}

export interface ShareDependencies {
  storage: Pick<Storage, 'read'>;
  /** The store, where clients are sent to it; null where the bytes come through us. */
  direct: Pick<DirectAccess, 'downloadUrl'> | null;
  places: Pick<DownloadPlaces, 'take'>;
  /** Counts every request by its address; null for no limit. */
  anonymous: NetworkRate | null;
  clock: () => Date;
  /** Throws NOT_FOUND, also of type `share_link_over`, and NOT_APPROVED. */
  findShared(token: string): Promise<SharedFile>;
}

interface ShareRoute {
  Params: { token: string };
  Querystring: Record<string, unknown>;
}

/**
 * Adds `GET|HEAD /s/{token}`, where the token is the credential. A browser that opens it gets a page with a button, which leads to
 * the same address with the query `download`; everybody else gets the bytes.
 */
export function registerShareLinks(server: FastifyInstance, deps: ShareDependencies): void {
  server.route<ShareRoute>({
    method: ['GET', 'HEAD'] satisfies HTTPMethods[],
    url: '/s/:token',
    handler: async (request, reply) => {
      setHeaders(reply);
      await admitAnonymous(deps.anonymous, request, reply);
      const wantsPage = !('download' in request.query) && /\btext\/html\b/.test(request.headers.accept ?? '');
      try {
        const shared = await deps.findShared(request.params.token);
        if (wantsPage) return sendPage(reply, 200, sharePage(shared.file));
        await sendShared(deps, shared, request, reply);
        return reply;
      } catch (error) {
        if (!wantsPage || !(error instanceof AttachmentError) || error.status >= 500) throw error;
        const isOver = error.details.some(({ type }) => type === 'share_link_over');
        return sendPage(reply, isOver ? 410 : error.status, noticePage(error.message));
      }
    },
  });
}

/** Headers of every answer, errors included: the token is told to nobody, and no search engine keeps it. */
function setHeaders(reply: FastifyReply): void {
  const vary = reply.getHeader('vary');
  reply.headers({
    'cache-control': 'no-store',
    'content-security-policy': "sandbox; default-src 'none'",
    'referrer-policy': 'no-referrer',
    'x-robots-tag': 'noindex, nofollow',
    'x-content-type-options': 'nosniff',
    vary: vary === undefined ? 'Accept' : `${vary}, Accept`,
  });
}

function sendPage(reply: FastifyReply, status: number, page: string): FastifyReply {
  return reply
    .code(status)
    .headers({ 'content-type': 'text/html; charset=utf-8', 'content-security-policy': pagePolicy })
    .send(page);
}

async function sendShared(
  deps: ShareDependencies,
  { file, isLimited, count }: SharedFile,
  { ip: address }: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  await sendFile(reply, deps.storage, file, {
    disposition: 'ATTACHMENT',
    // Every use asks whether the link is still good.
    cacheControl: () => (isLimited ? 'no-store' : 'private, no-cache'),
    resourcePolicy: 'same-origin',
    direct: isLimited ? null : deps.direct,
    now: deps.clock(),
    begin: () => deps.places.take({ address }, file.organizationId),
    count,
  });
}
