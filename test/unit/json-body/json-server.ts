import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { errorExtensions, toAttachmentError } from '../../../src/errors.js';
import {
  defaultJsonBodyLimits,
  type JsonBodyLimits,
} from '../../../src/graphql/json-body/json-body-limits.js';
import { type LongTextSource, readJsonBody } from '../../../src/graphql/json-body/read-json-body.js';
import { type DrainBounds, defaultDrainBounds, drainRequest } from '../../../src/http/drain-request.js';
import { decodeBase64 } from '../../../src/intake/decode-base64.js';

export interface HashedText {
  kind: string;
  path: (string | number)[];
  size: number;
  sha256: string;
}

export interface JsonServerOptions {
  limits?: Partial<JsonBodyLimits>;
  drain?: DrainBounds;
  receive?: (source: LongTextSource) => Promise<HashedText>;
}

const serverLimits: JsonBodyLimits = {
  ...defaultJsonBodyLimits,
  maxFiles: 5,
  maxRequestSize: 512 * 1024 * 1024,
};

/** A real HTTP server whose storage is a hash: it answers what it has taken in, and counts what it takes and drops. */
export class JsonServer {
  readonly server: Server;
  taken = 0;
  discarded = 0;
  begun = 0;
  settled = 0;
  /** Texts that a failed request took in and did not discard. */
  leftBehind = 0;
  /** Sizes of the requests' listener lists after readJsonBody, less those before it. */
  readonly leakedListeners: number[] = [];
  readonly #options: JsonServerOptions;

  private constructor(options: JsonServerOptions) {
    this.#options = options;
    this.server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(options: JsonServerOptions = {}): Promise<JsonServer> {
    const started = new JsonServer(options);
    started.server.listen(0, '127.0.0.1');
    await once(started.server, 'listening');
    return started;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.close();
    this.server.closeAllConnections();
    await once(this.server, 'close');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.begun += 1;
    const { status, body } = await this.#read(request);
    this.settled += 1;
    void drainRequest(request, this.#options.drain ?? defaultDrainBounds);
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
  }

  async #read(request: IncomingMessage): Promise<{ status: number; body: unknown }> {
    const before = countListeners(request);
    const kept = new Set<HashedText>();
    const limits = { ...serverLimits, ...this.#options.limits };
    try {
      const { body, taken } = await readJsonBody<HashedText>(request, limits, {
        receive: async (source) => {
          const hashed = await (this.#options.receive ?? hashText)(source);
          kept.add(hashed);
          this.taken += 1;
          return hashed;
        },
        discard: async (hashed) => {
          kept.delete(hashed);
          this.discarded += 1;
        },
      });
      return { status: 200, body: { body, taken } };
    } catch (caught) {
      this.leftBehind += kept.size;
      const error = toAttachmentError(caught);
      return { status: error.status, body: { message: error.message, ...errorExtensions(error) } };
    } finally {
      this.leakedListeners.push(countListeners(request) - before);
    }
  }
}

export async function hashText({ kind, path, text }: LongTextSource): Promise<HashedText> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const bytes of decodeBase64(text)) {
    size += bytes.length;
    hash.update(bytes);
  }
  return { kind, path, size, sha256: hash.digest('hex') };
}

function countListeners(request: IncomingMessage): number {
  return request.eventNames().reduce((sum, name) => sum + request.listenerCount(name), 0);
}
