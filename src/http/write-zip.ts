import { createHash } from 'node:crypto';
import { PassThrough, type Readable, Transform, type TransformCallback } from 'node:stream';
import { finished } from 'node:stream/promises';
import { ZipFile } from 'yazl';

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
    zip.addReadStream(content, name, { size, mtime: date, compressionLevel: level });
    await end;
  }
  zip.end();
}

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
