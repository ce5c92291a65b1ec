import { assertGood, Client, type LoadRequest } from './load.js';
import { type ServiceOptions, type ServiceProcess, startService } from './server-process.js';

/** A file to upload: its bytes in order, and what else the service is told. */
export interface UploadInput {
  content: readonly Uint8Array[];
  fileName: string;
  record?: { type: string; id: string };
  field?: string;
}

const createAttachment = `mutation Create($input: CreateAttachmentInput!) {
  createAttachment(input: $input) { attachment { id url size contentType digest { hash } } }
}`;

export interface CreatedAttachment {
  id: string;
  url: string;
  size: number;
  contentType: string;
  digest: { hash: string };
}

/** `createAttachment` as a GraphQL multipart request. */
export function uploadRequest(service: ServiceProcess, input: UploadInput): LoadRequest {
  const { content, fileName, ...rest } = input;
  const variables = { input: { ...rest, content: { upload: null } } };
  const boundary = '----claimcheck-bench-boundary';
  const head = [
    field(boundary, 'operations', JSON.stringify({ query: createAttachment, variables })),
    field(boundary, 'map', JSON.stringify({ file: ['variables.input.content.upload'] })),
    `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${fileName}"\r\n`,
    'Content-Type: text/plain\r\n\r\n',
  ].join('');
  return {
    method: 'POST',
    path: '/graphql',
    ...sized(
      {
        Authorization: `Bearer ${service.apiKey}`,
        'Apollo-Require-Preflight': 'true',
        'Content-Type': `multipart/form-data; boundary=${boundary}`,
      },
      [Buffer.from(head), ...content, Buffer.from(`\r\n--${boundary}--\r\n`)],
    ),
  };
}

export function queryRequest(service: ServiceProcess, query: string, variables: object = {}): LoadRequest {
  const headers = { Authorization: `Bearer ${service.apiKey}`, 'Content-Type': 'application/json' };
  const body = [Buffer.from(JSON.stringify({ query, variables }))];
  return { method: 'POST', path: '/graphql', ...sized(headers, body) };
}

/** The bytes of an attachment, by the `url` the service gave it. */
export function downloadRequest(service: ServiceProcess, attachment: CreatedAttachment): LoadRequest {
  return {
    method: 'GET',
    path: new URL(attachment.url).pathname,
    headers: { Authorization: `Bearer ${service.apiKey}` },
    body: [],
    answerSize: attachment.size,
  };
}

/** Sends one request and gives the text of its answer, which must be a good one. */
export async function ask(origin: string, request: LoadRequest): Promise<string> {
  const client = new Client(origin);
  try {
    const answer = await client.exchange(request);
    assertGood(request, answer);
    return String(answer.body);
  } finally {
    client.close();
  }
}

/** The `data` of a GraphQL answer. */
export async function askData<T>(origin: string, request: LoadRequest): Promise<T> {
  const { data } = JSON.parse(await ask(origin, request)) as { data: T };
  return data;
}

export async function upload(service: ServiceProcess, input: UploadInput): Promise<CreatedAttachment> {
  type Data = { createAttachment: { attachment: CreatedAttachment } };
  const data = await askData<Data>(service.origin, uploadRequest(service, input));
  return data.createAttachment.attachment;
}

function field(boundary: string, name: string, value: string): string {
  return `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
}

/**
 * Headers that declare the length of the body. Small parts are sent as one, large ones are left as they are, since they
 * may be one buffer many times over.
 */
function sized(
  headers: Record<string, string>,
  parts: readonly Uint8Array[],
): Pick<LoadRequest, 'headers' | 'body'> {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const body = length <= 65_536 ? [Buffer.concat(parts)] : parts;
  return { headers: { ...headers, 'Content-Length': String(length) }, body };
}

/** Starts and stops a service, which makes the schema and an organization with its first principal: the owner of a seed. */
export async function createOwner(
  options: ServiceOptions,
): Promise<{ organizationId: string; viewerId: string }> {
  const empty = await startService(options);
  type Data = { viewer: { organizationId: string; principal: { id: string } } };
  const request = queryRequest(empty, '{ viewer { organizationId principal { id } } }');
  const { viewer } = await askData<Data>(empty.origin, request);
  await empty.stop();
  return { organizationId: viewer.organizationId, viewerId: viewer.principal.id };
}
