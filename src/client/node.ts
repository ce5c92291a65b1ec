import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { type Claimcheck, connect } from './claimcheck.js';
import { ClaimcheckError, unreachable } from './client-error.js';
import { type ClaimcheckOptions, read } from './connection.js';
import { chunksOf, type Outgoing, type Platform, type Source, sourceOf } from './platform.js';

/**
 * A client of one service, as one credential sees it.
 *
 * @example
 * const claimcheck = createClaimcheck({ url: 'https://files.example.org', credential: key });
 * const { id } = await claimcheck.upload('report.pdf', { record: { type: 'WorkPackage', id: '7' } });
 */
export const createClaimcheck = (options: ClaimcheckOptions): Claimcheck => connect(options, nodePlatform);

export { ClaimcheckError };

const nodePlatform: Platform = {
  store: null,
  open: async (file) => (typeof file === 'string' ? openPath(file) : sourceOf(file)),
  sha256: async (source, signal) => {
    const hash = createHash('sha256');
    for await (const chunk of chunksOf(source.stream())) {
      signal?.throwIfAborted();
      hash.update(chunk);
    }
    return hash.digest('hex');
  },
  send: async ({ method, url, headers, body, signal, onSent }) => {
    const content = body && !(body instanceof FormData) ? contentOf(body, { headers, onSent }) : null;
    try {
      const sent = content?.init ?? { headers, body: body as FormData | null };
      const response = await fetch(url, { method, ...sent, ...(signal ? { signal } : {}) });
      return { ...(await read(response)), url: response.url };
    } catch (error) {
      signal?.throwIfAborted();
      throw content?.fault() ?? unreachable(error);
    }
  },
};

async function openPath(path: string): Promise<Source> {
  const facts = await stat(path);
  if (!facts.isFile()) throw new TypeError(`${path} is no file.`);
  return partOf(path, { name: basename(path), lastModified: facts.mtimeMs, start: 0, end: facts.size });
}

/** The bytes of a file from `start` up to, and without, `end`. */
function partOf(
  path: string,
  { start, end, ...facts }: { name: string; lastModified: number; start: number; end: number },
): Source {
  const open = () =>
    createReadStream(path, { start, end: Math.max(start, end - 1), highWaterMark: 1024 * 1024 });
  return {
    ...facts,
    size: end - start,
    stream: () => Readable.toWeb(end > start ? open() : Readable.from([])) as ReadableStream<Uint8Array>,
    blob: async () => new Blob(end > start ? ((await open().toArray()) as Buffer<ArrayBuffer>[]) : []),
    slice: (from, to) => partOf(path, { ...facts, start: start + from, end: Math.min(end, start + to) }),
  };
}

/**
 * A body that is read as it goes out. Its length is said beforehand, since stores do not take it in chunks of HTTP. `fault` tells why it
 * could not be read to its end, which `fetch` tells as it tells of a connection that breaks.
 */
function contentOf(source: Source, { headers, onSent }: Pick<Outgoing, 'headers' | 'onSent'>) {
  let fault: unknown;
  const chunks = async function* () {
    let sent = 0;
    try {
      for await (const chunk of chunksOf(source.stream())) {
        sent += chunk.byteLength;
        onSent(sent);
        yield chunk;
      }
      if (sent < source.size) throw new Error(`${source.name} has changed: it is shorter than it was.`);
    } catch (error) {
      fault = error;
      throw error;
    }
  };
  const init = {
    body: ReadableStream.from(chunks()),
    duplex: 'half' as const,
    headers: { ...headers, 'content-length': String(source.size) },
  };
  return { init, fault: () => fault };
}
