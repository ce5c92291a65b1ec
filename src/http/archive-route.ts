import { createHash } from 'node:crypto';
import { PassThrough, pipeline, type Readable, Transform, type TransformCallback } from 'node:stream';
import { finished } from 'node:stream/promises';
import { create as contentDisposition } from 'content-disposition';
import type { FastifyInstance, FastifyReply, HTTPMethods } from 'fastify';
import { ZipFile } from 'yazl';
import type { DownloadableFile } from '../attachments/find-download.js';
import type { ArchivedPlace, ArchiveUrls } from '../auth/derived-urls.js';
import { ArchiveNames, safeName } from '../content-types/archive-names.js';
import type { IntakeLeases } from '../intake/intake-leases.js';
import type { DownloadPlaces } from '../limits/places.js';
import type { Storage } from '../storage/storage.js';
import { acceptSignature, type DownloadDependencies, type LiveMaker, setRefusalHeaders } from './download.js';
import { onceClosed } from './once-closed.js';
import { openBody } from './open-body.js';

export interface ArchiveDependencies
  extends Pick<DownloadDependencies, 'countBadSignature' | 'findMaker' | 'onDownload'> {
  storage: Pick<Storage, 'read'>;
  urls: Pick<ArchiveUrls, 'verifyArchive'>;
  places: Pick<DownloadPlaces, 'take'>;
  /** The files of the place, each to be looked up when its turn comes. */
  listFiles(place: ArchivedPlace, maker: LiveMaker): AsyncIterable<LookUp>;
  leases: Pick<IntakeLeases, 'holdStored' | 'release'>;
}

/** The approved file, as it is now; null if there is none that the maker of the URL may see. */
export type LookUp = () => Promise<DownloadableFile | null>;

interface ArchiveRoute {
  Querystring: Record<string, unknown>;
}

/** Adds `GET|HEAD /records/archive`, a ZIP of a record's files; the signature in its query is the credential. */
export function registerArchive(server: FastifyInstance, deps: ArchiveDependencies): void {
  server.route<ArchiveRoute>({
    method: ['GET', 'HEAD'] satisfies HTTPMethods[],
    url: '/records/archive',
    handler: async (request, reply) => {
      setRefusalHeaders(reply);
      const verified = deps.urls.verifyArchive(request.query);
      const { terms, maker } = await acceptSignature(deps, request, reply, verified);
      const { place } = terms;
      const receiver = { signature: String(request.query['signature']), maker };
      const isBodiless = request.method === 'HEAD';
      const release = isBodiless ? null : deps.places.take({ address: request.ip }, place.organizationId);
      if (release) onceClosed(reply.raw, release);
      try {
        const entries = isBodiless ? null : await begin(openFiles(deps, place, receiver));
        setArchiveHeaders(reply, place);
        return reply.send(entries ? writeZip(entries) : undefined);
      } catch (error) {
        release?.();
        throw error;
      }
    },
  });
}

/** A range is not offered: the same bytes may not come twice. */
function setArchiveHeaders(reply: FastifyReply, { record, field }: ArchivedPlace): void {
  const parts = [record.type, record.id, ...(field === null ? [] : [field])];
  const fileName = `${safeName(parts.join(' '))}.zip`;
  reply.headers({
    'content-type': 'application/zip',
    'content-disposition': contentDisposition(fileName),
    'accept-ranges': 'none',
    'cross-origin-resource-policy': 'cross-origin',
  });
}

/** Waits for the first entry, so that its fault can still be answered. */
async function begin(entries: AsyncGenerator<ZipEntry>): Promise<AsyncGenerator<ZipEntry>> {
  const first = await entries.next();
  return (async function* goOn() {
    if (first.done) return;
    yield first.value;
    yield* entries;
  })();
}

/** Opens one file after the other. One that is deleted before its turn is left out. */
async function* openFiles(
  deps: ArchiveDependencies,
  place: ArchivedPlace,
  receiver: { signature: string; maker: LiveMaker },
): AsyncGenerator<ZipEntry> {
  const names = new ArchiveNames();
  for await (const lookUp of deps.listFiles(place, receiver.maker)) {
    const opened = await openCurrent(deps, lookUp);
    if (!opened) continue;
    const { file, content } = opened;
    const { fileName, contentType, size, createdAt: date } = file;
    deps.onDownload(file, receiver);
    yield { name: names.take(fileName), size, date, isCompressible: isCompressible(contentType), content };
  }
}

type OpenDependencies = Pick<ArchiveDependencies, 'storage' | 'leases'>;

/** Null if there is no file any more. Throws if the storage cannot give the bytes of one that is there. */
async function openCurrent(
  deps: OpenDependencies,
  lookUp: LookUp,
): Promise<{ file: DownloadableFile; content: DigestCheck } | null> {
  let file = await lookUp();
  while (file) {
    try {
      return { file, content: await openFile(deps, file) };
    } catch (error) {
      // It may have been deleted or replaced between the two.
      const current = await lookUp();
      if (current?.documentKey === file.documentKey) throw error;
      file = current;
    }
  }
  return null;
}

async function openFile(
  { storage, leases }: OpenDependencies,
  { documentKey, size, sha256 }: DownloadableFile,
): Promise<DigestCheck> {
  const content = new DigestCheck(sha256);
  let held: Promise<boolean> | undefined;
  // While a slow client leaves the object closed, a deletion must not take its bytes away.
  const mayRest = () => {
    held ??= leases.holdStored(documentKey);
    return held;
  };
  content.once('close', () => {
    void held?.catch(() => undefined).then(() => leases.release(documentKey));
  });
  const range = { start: 0, end: size - 1 };
  const body =
    size === 0 ? Buffer.alloc(0) : await openBody(storage, documentKey, range, content, { mayRest });
  if (Buffer.isBuffer(body)) content.end(body);
  // Whoever reads the content is told of a fault.
  else pipeline(body, content, () => undefined);
  return content;
}

const compressible =
  /^(?:text\/|image\/(?:bmp|svg)|application\/(?:json|xml|rtf|javascript|sql|yaml)\b)|\+(?:json|xml)\b/;

/** Text and the like. Pictures, recordings, documents and archives are compressed already; unknown ones may be. */
const isCompressible = (contentType: string) => compressible.test(contentType.toLowerCase());

/** A file on its way into an archive, opened. */
export interface ZipEntry {
  /** A name that no other entry has, without folders. */
  name: string;
  /** In bytes. */
  size: number;
  date: Date;
  isCompressible: boolean;
  content: Readable;
}

/** Fast, and nearly as small as could be. */
const compressionLevel = 4;

/**
 * A ZIP of these files, made as it is read: an entry is asked for once the one before has been read to its end. If one fails, or
 * asking for one does, the ZIP ends with that error, before the directory without which nobody takes it for whole. Destroying it
 * destroys the content under way and ends the entries.
 */
export function writeZip(entries: AsyncIterable<ZipEntry>): Readable {
  const zip = new ZipFile();
  const { outputStream: output } = zip;
  if (!(output instanceof PassThrough)) throw new Error('The archive is no stream of ours.');
  const fail = (error: unknown) => void output.destroy(toError(error));
  zip.on('error', fail);
  void addAll(zip, output, entries).catch(fail);
  return output;
}

async function addAll(zip: ZipFile, output: PassThrough, entries: AsyncIterable<ZipEntry>): Promise<void> {
  let current: Readable | undefined;
  output.once('close', () => current?.destroy());
  for await (const { name, content, size, date, isCompressible } of entries) {
    current = content;
    if (output.destroyed) content.destroy();
    const end = finished(content, { writable: false });
    const level = isCompressible ? compressionLevel : 0;
    zip.addReadStream(content, name, { size, mtime: sinceEpoch(date), compressionLevel: level });
    await end;
  }
  zip.end();
}

/** yazl throws for an earlier one, and imported files may be older. */
const sinceEpoch = (date: Date): Date => new Date(Math.max(0, date.getTime()));

const toError = (thrown: unknown): Error =>
  thrown instanceof Error ? thrown : new Error('A file cannot be put into the archive.', { cause: thrown });

/** Passes bytes on, and fails in place of ending if they do not have the SHA-256, in lowercase hexadecimal. */
export class DigestCheck extends Transform {
  readonly #hash = createHash('sha256');
  readonly #expected: string;

  constructor(sha256: string) {
    super();
    this.#expected = sha256;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#hash.update(chunk);
    done(null, chunk);
  }

  override _flush(done: TransformCallback): void {
    const isRight = this.#hash.digest('hex') === this.#expected;
    done(isRight ? null : new Error('The stored object does not have its digest.'));
  }
}
