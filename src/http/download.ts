import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify';
import type { DownloadableFile } from '../attachments/find-download.js';
import type { AttachmentUrls, SignedAccess, UrlMaker } from '../auth/attachment-urls.js';
import type { Viewer } from '../auth/viewer.js';
import { toId } from '../database/typeorm.js';
import { type AttachmentError, type FaultTypeOf, fault } from '../errors.js';
import type { DownloadPlaces, Taker } from '../limits/places.js';
import { principalKey } from '../limits/places.js';
import type { DirectAccess, Storage } from '../storage/storage.js';
import { type SendOptions, sendCurrent } from './send-file.js';

export interface DownloadDependencies<File extends DownloadableFile = DownloadableFile> {
  storage: Pick<Storage, 'read'>;
  /** The store, where clients are sent to it; null where the bytes come through us. */
  direct: Pick<DirectAccess, 'downloadUrl'> | null;
  urls: AttachmentUrls;
  /** Bounds how many are sent through us at once. */
  places: Pick<DownloadPlaces, 'take'>;
  clock: () => Date;
  /** Throws UNAUTHENTICATED without a good credential, FORBIDDEN without attachments:read. */
  viewerOf(request: FastifyRequest, reply: FastifyReply): Viewer | Promise<Viewer>;
  /** Throws RATE_LIMITED for an address that sends too many. */
  countBadSignature(request: FastifyRequest, reply: FastifyReply): Promise<void>;
  /**
   * The file; null where there is none or the viewer may not see it. `id` is any text. A viewer of null: a signature
   * vouches for the request, and perhaps names one content of the file. Throws NOT_APPROVED where the bytes may not leave.
   */
  findDownload(id: string, viewer: Viewer | null, contentId: string | null): Promise<File | null>;
  /** The maker of a signed URL; null once its credential is not good any more. */
  findMaker(maker: UrlMaker): Promise<LiveMaker | null>;
  /** Told, before they leave, whose bytes go to whom. Must not throw. */
  onDownload(file: File, receiver: Receiver): void;
}

export interface LiveMaker {
  principalId: string;
  /** Null for a JSON Web Token. */
  keyId: string | null;
  /** When its credential ends; null where that does not end the URL. */
  expiresAt: Date | null;
}

/** A viewer, or whoever has this signed URL, which somebody else has made. */
export type Receiver = { viewer: Viewer } | { signature: string; maker: LiveMaker };

interface DownloadRoute {
  Params: { id: string };
  Querystring: Record<string, unknown>;
}

/**
 * Adds `GET|HEAD /attachments/{id}` and `/attachments/{id}/{any name}`, open to a credential or to a signed query. The id alone
 * decides, so that a link outlives a rename. The name is a wildcard, because a named part takes no more than 100 characters.
 */
export function registerDownload<File extends DownloadableFile>(
  server: FastifyInstance,
  deps: DownloadDependencies<File>,
): void {
  const answer = async (request: FastifyRequest<DownloadRoute>, reply: FastifyReply) => {
    setRefusalHeaders(reply);
    const id = toId(request.params.id);
    const access = await authorize(deps, request, reply, id);
    const { receiver, contentId } = access;
    const viewer = 'viewer' in receiver ? receiver.viewer : null;
    let isTold = request.method !== 'GET';
    const now = deps.clock();
    const find = () => deps.findDownload(id, viewer, contentId);
    await sendCurrent(reply, deps.storage, find, (file) => {
      if (!isTold) deps.onDownload(file, receiver);
      isTold = true;
      const begin = () => deps.places.take(takerOf(viewer, request), file.organizationId);
      return { ...access, begin, direct: deps.direct, now };
    });
    return reply;
  };
  const route = { method: ['GET', 'HEAD'] satisfies HTTPMethods[], handler: answer };
  server.route<DownloadRoute>({ ...route, url: '/attachments/:id' });
  server.route<DownloadRoute>({ ...route, url: '/attachments/:id/*' });
}

function takerOf(viewer: Viewer | null, { ip: address }: FastifyRequest): Taker {
  return viewer ? { principal: principalKey(viewer.organizationId, viewer.principal.id) } : { address };
}

/** Headers of every answer, errors included: nothing is sniffed, run, stored or told to the next site. */
export function setRefusalHeaders(reply: FastifyReply, variesBy = 'Authorization'): void {
  const vary = reply.getHeader('vary');
  reply.headers({
    'cache-control': 'no-store',
    'content-security-policy': "sandbox; default-src 'none'",
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    vary: vary === undefined ? variesBy : `${vary}, ${variesBy}`,
  });
}

/** A signed URL's terms, and who made it. */
export interface SignedBy<Terms> {
  terms: Terms;
  maker: LiveMaker;
}

/** Throws FORBIDDEN for a signature that is not good, or not any more. `verified` is what it was found to be. */
export async function acceptSignature<Terms extends { maker: UrlMaker }>(
  { findMaker, countBadSignature }: Pick<DownloadDependencies, 'findMaker' | 'countBadSignature'>,
  request: FastifyRequest,
  reply: FastifyReply,
  verified: Terms | 'invalid' | 'expired',
): Promise<SignedBy<Terms>> {
  if (verified === 'invalid') await countBadSignature(request, reply);
  if (verified === 'invalid') throw refusal('signature', 'The signature is not valid.', 'signature_invalid');
  if (verified === 'expired') throw refusal('expires', 'The signed URL has expired.', 'signature_expired');
  const maker = await findMaker(verified.maker);
  if (maker) return { terms: verified, maker };
  const message = 'The credential that made the signed URL is not good any more.';
  throw refusal('signature', message, 'signature_revoked');
}

/** The time at which a signed URL ends, or its maker's credential, in milliseconds. */
export function endOf({ terms, maker }: SignedBy<{ expiresAt: Date }>): number {
  return Math.min(terms.expiresAt.getTime(), maker.expiresAt?.getTime() ?? Infinity);
}

interface Access extends Omit<SendOptions, 'begin' | 'direct' | 'now'> {
  receiver: Receiver;
  /** The content that is asked for; null: the current one. */
  contentId: string | null;
}

/** As whom, and on which terms, the request may have the file it names. A signature, where there is one, decides alone. */
async function authorize(
  deps: Pick<DownloadDependencies, 'urls' | 'viewerOf' | 'findMaker' | 'countBadSignature'>,
  request: FastifyRequest<DownloadRoute>,
  reply: FastifyReply,
  id: string,
): Promise<Access> {
  const { query } = request;
  if (!deps.urls.isSigned(query)) return credentialAccess(await deps.viewerOf(request, reply));
  const signed = await acceptSignature(deps, request, reply, deps.urls.verify({ id, query }));
  return signedAccess(signed, String(query['signature']));
}

/** A download, kept by the browser but checked anew each time, since permissions change. */
function credentialAccess(viewer: Viewer): Access {
  return {
    receiver: { viewer },
    contentId: null,
    disposition: 'ATTACHMENT',
    cacheControl: () => 'private, no-cache',
    resourcePolicy: 'same-origin',
  };
}

/** Whoever has the URL may show the file in a page of theirs, and keep it for as long as the URL is good. */
function signedAccess(signed: SignedBy<SignedAccess>, signature: string): Access {
  const end = endOf(signed);
  const secondsLeft = (at: Date) => Math.max(0, Math.floor((end - at.getTime()) / 1000));
  return {
    receiver: { signature, maker: signed.maker },
    contentId: signed.terms.contentId ?? null,
    disposition: signed.terms.disposition,
    cacheControl: (at) => `private, max-age=${secondsLeft(at)}`,
    resourcePolicy: 'cross-origin',
  };
}

function refusal(parameter: string, message: string, type: FaultTypeOf<'FORBIDDEN'>): AttachmentError {
  return fault(type, ['query', parameter], message, { message });
}
