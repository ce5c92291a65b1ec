import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { resolve, sep } from 'node:path';
import type { Readable } from 'node:stream';
import { Client } from 'undici';
import type { Config } from '../config/config.js';
import { allowedPorts } from '../config/integration-settings.js';
import { ForbiddenAddressError, resolveName } from '../webhooks/check-webhooks.js';
import {
  createGuardedConnector,
  createOpenConnector,
  ForbiddenPortError,
} from '../webhooks/guarded-connector.js';

/** A line that is not imported, and why. */
export class Refused extends Error {}

/** The file at a path below the folder, links followed. Throws Refused for any other. */
export async function openPath(folder: string, path: string): Promise<Readable> {
  const root = await realpath(folder);
  const real = await realpath(resolve(root, path)).catch(() => null);
  if (real === null) throw new Refused('path: there is no such file');
  if (!real.startsWith(root + sep)) throw new Refused('path: it leads out of the folder');
  if (!(await stat(real)).isFile()) throw new Refused('path: it is no file');
  return createReadStream(real);
}

const timeoutMs = 30_000;

/** The content at an address, which must be public unless WEBHOOK_ALLOW_PRIVATE says otherwise. Follows no redirects. Throws Refused. */
export async function openUrl(
  { webhookAllowPrivate, webhookPorts }: Pick<Config, 'webhookAllowPrivate' | 'webhookPorts'>,
  text: string,
  signal: AbortSignal,
): Promise<Readable> {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || !/^https?:$/.test(url.protocol)) throw new Refused('url: must be an http or https URL');
  if (url.username !== '' || url.password !== '')
    throw new Refused('url: must not have a user name or password');
  const ports = allowedPorts({ webhookPorts, webhookAllowPrivate });
  const createConnector = webhookAllowPrivate ? createOpenConnector : createGuardedConnector;
  const connect = createConnector(resolveName, timeoutMs, ports);
  const times = { headersTimeout: timeoutMs, bodyTimeout: timeoutMs };
  const client = new Client(url.origin, { connect, pipelining: 0, ...times });
  try {
    const path = `${url.pathname}${url.search}`;
    const { statusCode, body } = await client.request({ method: 'GET', path, signal });
    if (statusCode !== 200) throw new Refused(`url: it answers ${statusCode}`);
    return body.once('close', () => client.destroy(() => undefined));
  } catch (error) {
    client.destroy(() => undefined);
    signal.throwIfAborted();
    throw error instanceof Refused ? error : new Refused(`url: ${describe(error)}`);
  }
}

function describe(error: unknown): string {
  if (error instanceof ForbiddenAddressError || error instanceof ForbiddenPortError) return error.message;
  const code = (error as { code?: unknown } | null)?.code;
  return `it cannot be fetched${typeof code === 'string' ? ` (${code})` : ''}`;
}

/** A file of an archive. Its content must be read before the next one is asked for. */
export interface TarFile {
  path: string;
  size: number;
  content: AsyncIterable<Uint8Array>;
}

const blockSize = 512;
const maxPathBytes = 64 * 1024;

/** The files of a tar archive (ustar, pax and GNU's long names) one after the other. Throws if it is none, or is cut off. */
export async function* readTar(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarFile> {
  const bytes = new Bytes(source);
  let longPath: string | null = null;
  for (;;) {
    const header = await bytes.take(blockSize);
    if (header.every((byte) => byte === 0)) return;
    assertHeader(header);
    const size = numberAt(header, 124, 12);
    const type = String.fromCharCode(header[156] ?? 0);
    const padding = (blockSize - (size % blockSize)) % blockSize;
    if (type === 'x' || type === 'L') {
      if (size > maxPathBytes) throw new Error('The archive has a path that is too long.');
      const text = Buffer.from(await bytes.take(size));
      longPath = type === 'L' ? textAt(text, 0, size) : (paxPath(text) ?? longPath);
    } else if (type === '0' || type === '\0') {
      const content = bytes.stream(size);
      yield { path: longPath ?? pathOf(header), size, content };
      for await (const _ of content);
      longPath = null;
    } else {
      for await (const _ of bytes.stream(size));
      longPath = null;
    }
    await bytes.take(padding);
  }
}

const textAt = (block: Buffer, start: number, length: number) =>
  block
    .subarray(start, start + length)
    .toString('utf8')
    .replace(/\0.*$/s, '');

function pathOf(header: Buffer): string {
  const prefix = textAt(header, 257, 5) === 'ustar' ? textAt(header, 345, 155) : '';
  const path = textAt(header, 0, 100);
  return prefix === '' ? path : `${prefix}/${path}`;
}

/** Octal digits, or for large numbers the bytes themselves behind a set bit. */
function numberAt(block: Buffer, start: number, length: number): number {
  const field = block.subarray(start, start + length);
  const isBinary = ((field[0] ?? 0) & 0x80) !== 0;
  const value = isBinary
    ? field.subarray(1).reduce((sum, byte) => sum * 256 + byte, 0)
    : Number.parseInt(field.toString('latin1').replace(/[\0 ]+$/, '') || '0', 8);
  if (Number.isSafeInteger(value)) return value;
  throw new Error('The archive is not well formed.');
}

/** The sum of a header's bytes stands in it, as if its own place held spaces. */
function assertHeader(header: Buffer): void {
  const sum = header.reduce((all, byte, at) => all + (at >= 148 && at < 156 ? 32 : byte), 0);
  if (sum !== numberAt(header, 148, 8)) throw new Error('The archive is not well formed.');
}

/** Records `<length> <key>=<value>\n`, of which the path counts. */
function paxPath(records: Buffer): string | null {
  let path: string | null = null;
  for (let at = 0; at < records.length; ) {
    const space = records.indexOf(' ', at);
    const length = Number(records.toString('latin1', at, space));
    if (space === -1 || !Number.isInteger(length) || length <= 0) break;
    const [, value] = /^path=(.*)\n$/s.exec(records.toString('utf8', space + 1, at + length)) ?? [];
    path = value ?? path;
    at += length;
  }
  return path;
}

/** Takes bytes of a stream apart. */
class Bytes {
  readonly #source: AsyncIterator<Uint8Array>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Exactly so many. */
  async take(count: number): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    for await (const part of this.stream(count)) parts.push(part);
    return Buffer.concat(parts);
  }

  /** As many, as they come. What has been read of them is not read again. */
  stream(count: number): AsyncIterable<Uint8Array> {
    let left = count;
    const next = async (): Promise<IteratorResult<Uint8Array>> => {
      if (left === 0) return { done: true, value: undefined };
      if (this.#rest.length === 0) await this.#fill();
      const part = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(part.length);
      left -= part.length;
      return { done: false, value: part };
    };
    return { [Symbol.asyncIterator]: () => ({ next }) };
  }

  async #fill(): Promise<void> {
    while (this.#rest.length === 0) {
      const chunk = await this.#source.next();
      if (chunk.done) throw new Error('The archive ends too early.');
      this.#rest = Buffer.from(chunk.value);
    }
  }
}
