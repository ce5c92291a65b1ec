import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Upload } from 'graphql-upload-minimal';
import { AttachmentError, errorExtensions, toAttachmentError } from '../../../src/errors.js';
import type { IncomingFile } from '../../../src/graphql/multipart/form-reader.js';
import {
  defaultMultipartLimits,
  type MultipartLimits,
} from '../../../src/graphql/multipart/multipart-syntax.js';
import {
  type MultipartHandlers,
  processMultipart,
} from '../../../src/graphql/multipart/process-multipart.js';
import { type DrainBounds, defaultDrainBounds, drainRequest } from '../../../src/http/admit-request.js';

export interface HashedFile {
  fileName: string | null;
  declaredType: string;
  size: number;
  sha256: string;
}

export interface HashingServerOptions {
  limits?: Partial<MultipartLimits>;
  maxFileSize?: number;
  drain?: DrainBounds;
  screen?: MultipartHandlers<HashedFile>['screen'];
  receive?: (file: IncomingFile) => Promise<HashedFile>;
  /** Answers without a look at the body. */
  refuse?: (request: IncomingMessage) => boolean;
}

export const testLimits: MultipartLimits = {
  ...defaultMultipartLimits,
  maxFiles: 5,
  maxRequestSize: 512 * 1024 * 1024,
};

/** A real HTTP server whose storage is a hash: it answers what was in the variables, and counts what it takes and drops. */
export class HashingServer {
  readonly server: Server;
  taken = 0;
  discarded = 0;
  /** Files that a failed request took in and did not discard. */
  leftBehind = 0;
  /** Sizes of the requests' listener lists after processMultipart, less those before it. */
  readonly leakedListeners: number[] = [];
  readonly #options: HashingServerOptions;

  private constructor(options: HashingServerOptions) {
    this.#options = options;
    this.server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(options: HashingServerOptions = {}): Promise<HashingServer> {
    const started = new HashingServer(options);
    started.server.listen(0, '127.0.0.1');
    await once(started.server, 'listening');
    return started;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Expects that no request has left anything. */
  async stop(): Promise<void> {
    this.server.close();
    this.server.closeAllConnections();
    await once(this.server, 'close');
    expect(this.leftBehind).toBe(0);
    expect(this.leakedListeners.filter((count) => count > 0)).toEqual([]);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, body } = await this.#execute(request);
    const text = JSON.stringify(body, (_key, value) => (value instanceof Upload ? value.file : value));
    void drainRequest(request, this.#options.drain ?? defaultDrainBounds);
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(text);
  }

  async #execute(request: IncomingMessage): Promise<{ status: number; body: unknown }> {
    if (this.#options.refuse?.(request) === true) return { status: 401, body: { code: 'UNAUTHENTICATED' } };
    const before = countListeners(request);
    const files = new Set<HashedFile>();
    try {
      const { body, taken } = await processMultipart(
        request,
        { ...testLimits, ...this.#options.limits },
        this.#handlers(files),
      );
      return { status: 200, body: { ...body, taken } };
    } catch (caught) {
      this.leftBehind += files.size;
      const error = toAttachmentError(caught);
      return { status: error.status, body: { message: error.message, ...errorExtensions(error) } };
    } finally {
      this.leakedListeners.push(countListeners(request) - before);
    }
  }

  #handlers(files: Set<HashedFile>): MultipartHandlers<HashedFile> {
    const receive =
      this.#options.receive ??
      ((file) => hashFile(file, this.#options.maxFileSize ?? Number.POSITIVE_INFINITY));
    return {
      screen: this.#options.screen ?? (() => true),
      receive: async (file) => {
        const hashed = await receive(file);
        files.add(hashed);
        this.taken += 1;
        return hashed;
      },
      discard: async (hashed) => {
        files.delete(hashed);
        this.discarded += 1;
      },
    };
  }
}

export async function hashFile(
  file: IncomingFile,
  maxFileSize = Number.POSITIVE_INFINITY,
): Promise<HashedFile> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of file.stream) {
    size += chunk.length;
    if (size > maxFileSize) throw new AttachmentError('FILE_TOO_LARGE', { limit: maxFileSize });
    hash.update(chunk);
  }
  return { fileName: file.fileName, declaredType: file.declaredType, size, sha256: hash.digest('hex') };
}

function countListeners(request: IncomingMessage): number {
  return request.eventNames().reduce((sum, name) => sum + request.listenerCount(name), 0);
}
