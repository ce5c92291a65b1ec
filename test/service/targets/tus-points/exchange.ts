import { request } from 'node:http';

/** A server that speaks tus 1.0.0, whoever wrote it. */
export interface TusServer {
  /** Takes the POST that makes an upload. */
  creationUrl: string;
  /** Sent with every request, such as a credential. */
  headers: Record<string, string>;
  /** Values of Upload-Metadata that the server asks for; no others are sent unless a point is about them. */
  metadata: Record<string, string>;
}

/** One demand of the specification. */
export interface Point {
  /** The part of the specification: `core`, or the name of the extension as `Tus-Extension` has it. */
  section: string;
  /** A server does so. */
  title: string;
  prove(tus: Exchange): Promise<void>;
}

interface Sent {
  headers?: Record<string, string>;
  body?: Uint8Array | string;
}

export interface Told {
  status: number;
  header(name: string): string | null;
}

const offsetStream = 'application/offset+octet-stream';

/** Sends requests as a point wants them: an empty header takes away one that is usually sent. */
export class Exchange {
  readonly #server: TusServer;

  constructor(server: TusServer) {
    this.#server = server;
  }

  async send(method: string, url: string, { headers = {}, body }: Sent = {}): Promise<Told> {
    const usual = {
      'Tus-Resumable': '1.0.0',
      ...(body === undefined ? {} : { 'Content-Type': offsetStream }),
    };
    const all = Object.entries({ ...this.#server.headers, ...usual, ...headers });
    const response = await fetch(new URL(url, this.#server.creationUrl), {
      method,
      headers: all.filter(([, value]) => value !== '') as [string, string][],
      ...(body === undefined ? {} : { body: new Uint8Array(Buffer.from(body)) }),
    });
    await response.arrayBuffer();
    return { status: response.status, header: (name) => response.headers.get(name) };
  }

  /** POST to where uploads are made. */
  post({ headers = {}, body }: Sent = {}): Promise<Told> {
    const named = { 'Upload-Metadata': metadataOf(this.#server.metadata), ...headers };
    return this.send('POST', this.#server.creationUrl, {
      headers: named,
      ...(body === undefined ? {} : { body }),
    });
  }

  /** An upload of so many bytes. */
  async create(length: number, headers: Record<string, string> = {}): Promise<string> {
    const made = await this.post({ headers: { 'Upload-Length': String(length), ...headers } });
    const url = made.header('Location');
    if (made.status !== 201 || url === null) throw new Error(`Status ${made.status}, Location ${url}`);
    return new URL(url, this.#server.creationUrl).href;
  }

  head(url: string, headers: Record<string, string> = {}): Promise<Told> {
    return this.send('HEAD', url, { headers });
  }

  async offset(url: string): Promise<string | null> {
    return (await this.head(url)).header('Upload-Offset');
  }

  patch(url: string, offset: number, body: Uint8Array | string, headers: Record<string, string> = {}) {
    return this.send('PATCH', url, { headers: { 'Upload-Offset': String(offset), ...headers }, body });
  }

  /** Sends the beginning of a PATCH, and breaks the connection. */
  async patchInPart(url: string, offset: number, length: number, begun: Uint8Array): Promise<void> {
    const headers = {
      ...this.#server.headers,
      'Tus-Resumable': '1.0.0',
      'Content-Type': offsetStream,
      'Content-Length': String(length),
      'Upload-Offset': String(offset),
    };
    const sending = request(url, { method: 'PATCH', headers });
    sending.on('error', () => undefined);
    await new Promise((resolve) => sending.write(begun, resolve));
    sending.destroy();
  }
}

/** The value of Upload-Metadata. */
export const metadataOf = (values: Record<string, string>): string =>
  Object.entries(values)
    .map(([key, value]) => `${key} ${Buffer.from(value).toString('base64')}`)
    .join(',');
