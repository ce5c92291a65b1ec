import type { TestService } from '../../support/service.js';

/** A request of tus, as it is sent; `body` goes with the content type of PATCH unless `headers` say otherwise. */
export interface TusRequest {
  method: string;
  headers?: Record<string, string>;
  body?: Uint8Array | string;
}

export interface TusAnswer {
  status: number;
  headers: Headers;
  /** Code and type of a refusal. */
  fault: string | null;
  /** The place of the fault in the request. */
  place: string | null;
}

export const offsetStream = 'application/offset+octet-stream';

/** Values by key as Upload-Metadata has them. */
export const metadataOf = (values: Record<string, string>): string =>
  Object.entries(values)
    .map(([key, value]) => `${key} ${Buffer.from(value).toString('base64')}`)
    .join(',');

/** Sends requests of tus by hand, so that each header is as a test wants it. An empty header is not sent. */
export class TusClient {
  constructor(
    readonly service: Pick<TestService, 'url'>,
    readonly key: string | null,
  ) {}

  async send(url: string, { method, headers = {}, body }: TusRequest): Promise<TusAnswer> {
    const all: Record<string, string> = {
      'tus-resumable': '1.0.0',
      ...(this.key === null ? {} : { authorization: `Bearer ${this.key}` }),
      ...(body === undefined ? {} : { 'content-type': offsetStream }),
      ...headers,
    };
    for (const [name, value] of Object.entries(all)) if (value === '') delete all[name];
    const path = new URL(url, this.service.url);
    const response = await fetch(new URL(path.pathname, this.service.url), {
      method,
      headers: all,
      ...(body === undefined ? {} : { body: new Uint8Array(Buffer.from(body)) }),
    });
    const text = await response.text();
    const { extensions } = (text === '' ? {} : JSON.parse(text)).errors?.[0] ?? {};
    const fault = extensions ? `${extensions.code} ${extensions.details?.[0]?.type}` : null;
    const place = extensions?.details?.[0]?.loc?.join('.') ?? null;
    return { status: response.status, headers: response.headers, fault, place };
  }

  /** Makes an upload and returns its URL. */
  async create(length: number, headers: Record<string, string> = {}): Promise<string> {
    const { status, headers: told, fault } = await this.post({ 'upload-length': String(length), ...headers });
    if (status !== 201) throw new Error(`No upload was made: ${status} ${fault}`);
    return told.get('location') ?? '';
  }

  post(headers: Record<string, string>, body?: Uint8Array | string): Promise<TusAnswer> {
    const named = { 'upload-metadata': metadataOf({ filename: 'data.bin' }), ...headers };
    return this.send('/uploads', { method: 'POST', headers: named, ...(body === undefined ? {} : { body }) });
  }

  patch(url: string, offset: number, body: Uint8Array | string, headers: Record<string, string> = {}) {
    return this.send(url, {
      method: 'PATCH',
      headers: { 'upload-offset': String(offset), ...headers },
      body,
    });
  }

  head(url: string, headers: Record<string, string> = {}): Promise<TusAnswer> {
    return this.send(url, { method: 'HEAD', headers });
  }

  /** The offset that HEAD tells. */
  async offset(url: string): Promise<number> {
    const { status, headers } = await this.head(url);
    if (status !== 200) throw new Error(`HEAD answered ${status}`);
    return Number(headers.get('upload-offset'));
  }
}

interface Created {
  createAttachment: {
    attachment: {
      fileName: string;
      contentType: string;
      size: number;
      md5: { hash: string };
      sha256: { hash: string };
      url: string;
    };
  } | null;
}

const createMutation = `mutation ($key: String!) {
  createAttachment(input: { content: { documentKey: $key } }) {
    attachment { fileName contentType size md5: digest(algorithm: MD5) { hash } sha256: digest { hash } url } } }`;

/** The attachment of an upload's bytes, or the code of the refusal. */
export async function attach({ client }: Pick<TestService, 'client'>, documentKey: string) {
  const { data, errors } = await client.graphql<Created>(createMutation, { key: documentKey });
  return data?.createAttachment?.attachment ?? errors?.[0]?.extensions.code ?? 'nothing';
}
