import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { create as contentDisposition } from 'content-disposition';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { DownloadableFile } from '../attachments/find-download.js';
import type { Disposition } from '../auth/attachment-urls.js';
import { AttachmentError, fault } from '../errors.js';
import { freeOnceSent } from '../free-memory.js';
import { Places, type Release } from '../limits/places.js';
import { mayBeInlined } from '../storage/document-key.js';
import type { ByteRange, DirectAccess, Storage } from '../storage/storage.js';
import { onceClosed } from './once-closed.js';
import { openBody, readByteRange } from './open-body.js';
import { evaluatePreconditions, isRangeCurrent, type Validators } from './preconditions.js';
import { presentationOf } from './presentation.js';

export interface SendOptions {
  disposition: Disposition;
  /** Cache-Control of an answer at that time that carries or confirms the file; any other is not to be stored. */
  cacheControl(at: Date): string;
  /** Origins whose pages may embed the file. */
  resourcePolicy: 'same-origin' | 'cross-origin';
  /** The store, where it is to send the bytes itself. */
  direct: Pick<DirectAccess, 'downloadUrl'> | null;
  now: Date;
  /** Called before bytes are sent through us; throws where too many are on their way. The result ends it. */
  begin(): Release;
  /** Called before the bytes of a GET leave, whoever sends them. Throws where they may not. */
  count?(range: ByteRange): Promise<void>;
}

/** Answers a GET or HEAD with the file, one range of it, or what its preconditions call for (RFC 9110). Throws what is 412 and 416. */
export async function sendFile(
  reply: FastifyReply,
  storage: Pick<Storage, 'read'>,
  file: DownloadableFile,
  options: SendOptions,
): Promise<void> {
  const validators = {
    etag: `"${file.sha256}"`,
    lastModified: file.createdAt.toUTCString(),
    isDateShared: file.isReplacement,
  };
  const common = fileHeaders(file, validators, options);
  if (evaluatePreconditions(reply.request.headers, validators) === 'NOT_MODIFIED') {
    reply.code(304).headers(common).send();
  } else if (
    options.direct &&
    isPlainGet(reply.request) &&
    file.size > 0 &&
    !mayBeInlined(file.documentKey)
  ) {
    await redirectToStore(reply, options.direct, file, options);
  } else {
    await sendBytes(reply, storage, file, {
      range: requestedRange(reply.request, validators, file.size),
      headers: { ...common, 'content-type': presentationOf(file, options.disposition).contentType },
      begin: options.begin,
      count: async (sent) => options.count?.(sent),
    });
  }
}

/**
 * Answers as `sendFile` does with a file that may be deleted, or get other content, before its bytes are read: `find` is asked
 * again then. Throws NOT_FOUND once it finds none.
 */
export async function sendCurrent<File extends DownloadableFile>(
  reply: FastifyReply,
  storage: Pick<Storage, 'read'>,
  find: () => Promise<File | null>,
  optionsOf: (file: File) => SendOptions,
): Promise<void> {
  for (let file = await find(); file; ) {
    try {
      return await sendFile(reply, storage, file, optionsOf(file));
    } catch (error) {
      const current = await find();
      if (current?.documentKey === file.documentKey) throw error;
      // It tells the size of the content before.
      reply.removeHeader('content-range');
      file = current;
    }
  }
  throw new AttachmentError('NOT_FOUND');
}

/** A client has at least half of it to follow the redirect; its Range goes with it. */
const redirectSeconds = 60;

/** All that is sent on within such a span gets the same URL, so that browsers can cache what the store sends. */
const redirectWindowSeconds = 30;

async function redirectToStore(
  reply: FastifyReply,
  direct: Pick<DirectAccess, 'downloadUrl'>,
  file: DownloadableFile,
  { disposition, cacheControl, resourcePolicy, now, count }: SendOptions,
): Promise<void> {
  const { documentKey, fileName, size } = file;
  const range = readByteRange(reply.request.headers.range, size) ?? { start: 0, end: size - 1 };
  if (range !== 'UNSATISFIABLE') await count?.(range);
  const presentation = presentationOf(file, disposition);
  const windowMs = redirectWindowSeconds * 1_000;
  const from = new Date(Math.floor(now.getTime() / windowMs) * windowMs);
  const end = new Date(from.getTime() + windowMs);
  const url = await direct.downloadUrl(documentKey, {
    contentType: presentation.contentType,
    contentDisposition: contentDisposition(fileName, { type: presentation.type }),
    cacheControl: cacheControl(end),
    validity: { from, seconds: redirectSeconds },
  });
  reply.header('cross-origin-resource-policy', resourcePolicy).redirect(url, 307);
}

/**
 * A client takes its headers along to the store, whose entity tags and dates are not ours: it would refuse what we have just
 * granted, or send a whole file for a part. Whoever names any is answered here.
 */
function isPlainGet({ method, headers }: FastifyRequest): boolean {
  const preconditions = ['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range'];
  return method === 'GET' && preconditions.every((name) => headers[name] === undefined);
}

/** A range counts only on GET, and only while it is cut from the bytes the client knows. */
function requestedRange({ method, headers }: FastifyRequest, validators: Validators, size: number) {
  return method === 'GET' && isRangeCurrent(headers, validators) ? readByteRange(headers.range, size) : null;
}

const mediaType = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:; ?charset=[\w-]+)?$/;

interface Sending {
  range: ReturnType<typeof readByteRange>;
  headers: OutgoingHttpHeaders;
  begin(): Release;
  count(range: ByteRange): Promise<void>;
}

async function sendBytes(
  reply: FastifyReply,
  storage: Pick<Storage, 'read'>,
  { documentKey, size }: DownloadableFile,
  { range, headers, begin, count }: Sending,
): Promise<void> {
  if (range === 'UNSATISFIABLE') {
    reply.header('content-range', `bytes */${size}`);
    const message = `The range begins behind the end of the file, which has ${size} bytes.`;
    throw fault('range_not_satisfiable', ['headers', 'range'], message, { message, limit: size });
  }
  const { start, end } = range ?? { start: 0, end: size - 1 };
  const isBodiless = reply.request.method === 'HEAD' || size === 0;
  if (!isBodiless) onceClosed(reply.raw, begin());
  const body = isBodiless ? undefined : await openToSend(storage, documentKey, { start, end }, reply.raw);
  // The body of a refusal ends with its answer.
  if (reply.request.method === 'GET') await count({ start, end });

  if (range !== null) reply.code(206).header('content-range', `bytes ${start}-${end}/${size}`);
  reply.headers(headers).header('content-length', end - start + 1);
  // Fastify replaces a content type that it cannot parse, of a buffer only.
  const isReplaced = Buffer.isBuffer(body) && !mediaType.test(String(headers['content-type']));
  // Bytes of a row may be another's, too.
  if (body instanceof Readable && !mayBeInlined(documentKey)) freeOnceSent(reply.raw);
  reply.send(isReplaced ? Readable.from([body]) : body);
}

/**
 * A chunk of 2 MiB costs two thirds of the processor time that four of 512 KiB do. A client that rests leaves one in our memory,
 * so only four downloads at once get such chunks. To sixteen at once they would be no faster.
 */
const largeChunkSize = 2 * 1024 * 1024;
const largeChunks = new Places(4);
/** In bytes. A smaller one would have three such chunks at most. */
export const largeDownloadSize = 4 * largeChunkSize;

async function openToSend(
  storage: Pick<Storage, 'read'>,
  documentKey: string,
  range: ByteRange,
  answer: ServerResponse,
): Promise<Readable | Buffer> {
  const place = range.end - range.start + 1 < largeDownloadSize ? null : largeChunks.take('');
  if (place === null) return openBody(storage, documentKey, range, answer);
  onceClosed(answer, place);
  return openBody(storage, documentKey, range, answer, { maxChunkSize: largeChunkSize });
}

/** The headers that hold for the file however much of it is sent; a 304 repeats them, because it renews the stored ones. */
function fileHeaders(file: DownloadableFile, validators: Validators, options: SendOptions) {
  const { type, contentSecurityPolicy } = presentationOf(file, options.disposition);
  return {
    etag: validators.etag,
    'last-modified': validators.lastModified,
    'accept-ranges': 'bytes',
    'cache-control': options.cacheControl(options.now),
    'content-disposition': contentDisposition(file.fileName, { type }),
    'content-security-policy': contentSecurityPolicy,
    'cross-origin-resource-policy': options.resourcePolicy,
  };
}
