/** One entry of `errors` in an answer. */
export interface AnswerError {
  message: string;
  path?: (string | number)[];
  extensions: {
    code: string;
    details: { loc: (string | number)[]; msg: string; type: string }[];
    limit?: number;
  };
}

export interface Answer<Data> {
  status: number;
  headers: Headers;
  data: Data | null | undefined;
  errors: AnswerError[] | undefined;
}

export interface FileToUpload {
  content: string | Uint8Array<ArrayBuffer> | Blob;
  name?: string;
  type?: string;
}

/** Every scalar of an attachment. */
export const attachmentFields = `
  id organizationId fileName contentType size documentKey status createdAt updatedAt claimedAt expiresAt url
  md5: digest(algorithm: MD5) { hash } sha256: digest { algorithm hash }
  description { format raw html } metadata { type attributes } record { type id: recordId } createdBy { id kind name }`;

export interface AttachmentData {
  id: string;
  organizationId: string;
  fileName: string;
  contentType: string;
  size: number;
  documentKey: string;
  status: string;
  createdAt: string;
  updatedAt: string;
  claimedAt: string | null;
  expiresAt: string | null;
  url: string;
  md5: { hash: string };
  sha256: { algorithm: string; hash: string };
  description: { format: string; raw: string; html: string } | null;
  metadata: { type: string; attributes: unknown } | null;
  record: { type: string; id: string } | null;
  createdBy: { id: string; kind: string; name: string | null };
}

const createMutation = `mutation ($input: CreateAttachmentInput!) {
  createAttachment(input: $input) { attachment { ${attachmentFields} } }
}`;

/** Talks to a service as an application would, over HTTP with `fetch`. */
export class Client {
  constructor(
    readonly url: string,
    readonly key: string | null,
  ) {}

  get headers(): Record<string, string> {
    return this.key === null ? {} : { authorization: `Bearer ${this.key}` };
  }

  async graphql<Data>(query: string, variables: object = {}): Promise<Answer<Data>> {
    const response = await fetch(`${this.url}/graphql`, {
      method: 'POST',
      headers: { ...this.headers, 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables }),
    });
    return toAnswer(response);
  }

  /** As `graphql`, for operations that must succeed. */
  async ask<Data>(query: string, variables: object = {}): Promise<Data> {
    return dataOf(await this.graphql<Data>(query, variables));
  }

  /** Sends any multipart operation; `map` names the variables of each file. */
  async multipart<Data>(
    operation: { query: string; variables: object },
    files: FileToUpload[],
    map: Record<string, string[]>,
  ): Promise<Answer<Data>> {
    const form = new FormData();
    form.set('operations', JSON.stringify(operation));
    form.set('map', JSON.stringify(map));
    for (const [index, { content, name, type }] of files.entries()) {
      const blob = content instanceof Blob ? content : new Blob([content], type ? { type } : {});
      form.set(String(index), blob, name ?? 'file.bin');
    }
    const response = await fetch(`${this.url}/graphql`, {
      method: 'POST',
      headers: { ...this.headers, 'apollo-require-preflight': 'true' },
      body: form,
    });
    return toAnswer(response);
  }

  async tryUpload(
    file: FileToUpload,
    input: object = {},
  ): Promise<Answer<{ createAttachment: { attachment: AttachmentData } }>> {
    const variables = { input: { content: { upload: null }, ...input } };
    return this.multipart({ query: createMutation, variables }, [file], {
      0: ['variables.input.content.upload'],
    });
  }

  /** Uploads a file and returns its attachment. */
  async upload(file: FileToUpload, input: object = {}): Promise<AttachmentData> {
    return dataOf(await this.tryUpload(file, input)).createAttachment.attachment;
  }

  async download(path: string, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(new URL(path, this.url), { headers: { ...this.headers, ...headers } });
  }
}

async function toAnswer<Data>(response: Response): Promise<Answer<Data>> {
  const body = (await response.json()) as { data?: Data | null; errors?: AnswerError[] };
  return { status: response.status, headers: response.headers, data: body.data, errors: body.errors };
}

export function dataOf<Data>({ data, errors, status }: Answer<Data>): Data {
  if (errors || !data) throw new Error(`The operation failed (${status}): ${JSON.stringify(errors)}`);
  return data;
}
