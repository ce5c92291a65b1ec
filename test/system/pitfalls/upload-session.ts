import { setTimeout as sleep } from 'node:timers/promises';
import { BlobRow } from '../../../src/database/entities/blob.js';
import type { AnswerError } from '../../support/client.js';
import {
  type FormPart,
  formBody,
  formRequest,
  graphqlForm,
  RawConnection,
  type RawResponse,
  requestHead,
} from '../../support/raw-http.js';
import { report } from '../../support/report.js';
import { startService, type TestService } from '../../support/service.js';
import { sha256 } from '../../support/sha256.js';
import { storedFiles } from '../../support/stored-files.js';
import { openTestDatabase } from '../../support/test-database.js';

export const mebibyte = 1024 * 1024;

/** Content that fits into no buffer on its way: small files hide most faults. */
export const bigContent = Buffer.alloc(3.5 * mebibyte, 'big content ');

/** A field, named `alias`, that makes an attachment of the upload in `variable`. */
export function createField(alias: string, variable: string, directive = ''): string {
  const input = `{ content: { upload: $${variable} } }`;
  return `${alias}: createAttachment(input: ${input}) ${directive} { attachment { id fileName size url } }`;
}

/** Operations of one mutation with these fields, whose uploads go into these variables. */
export function operationsOf(variables: readonly string[], ...fields: string[]) {
  const declared = variables.map((name) => `$${name}: Upload!`).join(', ');
  return {
    query: `mutation (${declared}) { ${fields.join('\n')} }`,
    variables: Object.fromEntries(variables.map((name) => [name, null])),
  };
}

/** A map with one part for each of the variables. */
export function mapOf(variables: readonly string[]) {
  return Object.fromEntries(variables.map((name, index) => [index, [`variables.${name}`]]));
}

export const uploadOne = operationsOf(['file'], createField('upload', 'file'));
export const mapOne = mapOf(['file']);

/** The answer to a refused client. */
export interface Refusal {
  status: number;
  code: string;
  /** Every fault, as `map.0.0: path_prefix`; none where left out. */
  faults?: readonly string[];
  limit?: number;
}

type Send = (connection: RawConnection) => Promise<void>;

/** A request that is to be refused. */
export interface Attempt {
  /** When all of it is sent, the fault can be known. */
  opening: Buffer | Send;
  /** Sent once the answer is there. */
  rest?: Send;
  /** Who ends the connection after the answer; where nobody does, it has to carry the next request. */
  endedBy?: 'client' | 'service';
}

interface Answer {
  data?: Record<string, { attachment: { id: string; fileName: string; size: number; url: string } } | null>;
  errors?: AnswerError[];
}

/** The whole service, and one connection to it that is written to by hand and kept open. */
export class UploadSession {
  readonly service: TestService;
  connection: RawConnection;
  #accepted = 0;
  #refused = 0;
  #slowestMs = 0;

  private constructor(service: TestService, connection: RawConnection) {
    this.service = service;
    this.connection = connection;
  }

  static async start(env: Record<string, string> = {}): Promise<UploadSession> {
    const service = await startService({ SHUTDOWN_TIMEOUT_SECONDS: '1', ...env });
    return new UploadSession(service, await RawConnection.open(service.url));
  }

  /** Each stored file has its row and each row its file. Says in the output how much was refused. */
  async end(what: string): Promise<void> {
    this.connection.destroy();
    const [files, rows] = [await this.stored(), await blobKeys(this.service.dataDirectory)];
    await this.service.close();
    expect(files).toEqual(rows);
    const slowest = Math.ceil(this.#slowestMs);
    report(
      `${what}: ${this.#accepted} requests accepted, ${this.#refused} refused, the slowest in ${slowest} ms; ` +
        `${files.length} files stored, each with its row`,
    );
  }

  /** Goes on over a connection on which nothing has happened yet. */
  async reconnect(): Promise<void> {
    this.connection.destroy();
    this.connection = await RawConnection.open(this.service.url);
  }

  /** The headers of an upload with the first key. */
  get headers(): Record<string, string> {
    return { Authorization: `Bearer ${this.service.key}`, 'Apollo-Require-Preflight': 'true' };
  }

  /** The request of a form; `headers` adds to the usual ones. */
  form(parts: readonly FormPart[], headers: Record<string, string | number> = {}): Buffer {
    return formRequest('/graphql', formBody(parts), { ...this.headers, ...headers });
  }

  async post(bytes: Buffer): Promise<RawResponse> {
    void this.connection.send(bytes);
    const response = await this.connection.response();
    if (response.status === 200) this.#accepted += 1;
    return response;
  }

  /** Sends a query over the same connection. */
  async query(query: string): Promise<Answer & { status: number }> {
    const body = Buffer.from(JSON.stringify({ query }));
    const { Authorization = '' } = this.headers;
    const type = { 'Content-Type': 'application/json', 'Content-Length': body.length };
    const head = requestHead('/graphql', { Authorization, ...type });
    const response = await this.post(Buffer.concat([Buffer.from(head), body]));
    return { status: response.status, ...JSON.parse(response.body) };
  }

  /** Uploads one file and returns its attachment. */
  async upload(file: FormPart, operations: unknown = uploadOne) {
    const response = await this.post(this.form(graphqlForm(operations, mapOne, [file])));
    return attachmentsOf(response)[0];
  }

  /** Every file in the storage, unfinished ones included. */
  async stored(): Promise<string[]> {
    return storedFiles(this.service.dataDirectory);
  }

  /** Asks how many attachments there are, over the same connection. */
  async count(): Promise<number> {
    const { data, status } = await this.query('{ attachments(first: 1) { totalCount } }');
    expect(status).toBe(200);
    return (data as unknown as { attachments: { totalCount: number } }).attachments.totalCount;
  }

  /** The attempt is refused in these words long before it would stall, nothing of it is stored, and the next request is answered. */
  async expectRefusal(refusal: Refusal, attempt: Buffer | Attempt): Promise<void> {
    const { opening, rest, endedBy } = Buffer.isBuffer(attempt) ? { opening: attempt } : attempt;
    const before = { files: await this.stored(), count: await this.count() };
    if (Buffer.isBuffer(opening)) await this.connection.send(opening);
    else await opening(this.connection);
    const known = performance.now();
    const response = await this.connection.response();
    const took = performance.now() - known;
    expect(refusalOf(response)).toEqual({ limit: undefined, faults: [], ...refusal });
    expect(took).toBeLessThan(15_000);
    await rest?.(this.connection);
    if (endedBy) await this.#replaceConnection(endedBy, before.files);
    expect({ files: await this.stored(), count: await this.count() }).toEqual(before);
    this.#refused += 1;
    this.#slowestMs = Math.max(this.#slowestMs, took);
  }

  /** Waits, for a few seconds at most, until it is so. */
  async until(isSo: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + 5_000;
    while (performance.now() < deadline && !(await isSo())) await sleep(10);
  }

  /** The bytes that the URL gives have this digest. */
  async expectContent(url: string, content: Buffer): Promise<void> {
    const response = await this.service.client.download(url);
    const bytes = Buffer.from(await response.arrayBuffer());
    expect([response.status, bytes.length, sha256(bytes)]).toEqual([200, content.length, sha256(content)]);
  }

  /** If no request is left to wait for, its stored bytes may be removed a moment after the answer. */
  async #replaceConnection(endedBy: 'client' | 'service', files: string[]): Promise<void> {
    if (endedBy === 'service') await this.connection.closed(5_000);
    await this.reconnect();
    await this.until(async () => (await this.stored()).length === files.length);
  }
}

/** The attachments that an operation has created, in the order of its fields; null for those that it has not. */
export function attachmentsOf({ body }: RawResponse) {
  const { data, errors } = JSON.parse(body) as Answer;
  if (!data || errors) throw new Error(`The operation failed: ${body}`);
  return Object.values(data).flatMap((payload) => payload?.attachment ?? []);
}

export function refusalOf({
  status,
  body,
}: Pick<RawResponse, 'status' | 'body'>): Required<Omit<Refusal, 'limit'>> & { limit: unknown } {
  const { errors = [] } = JSON.parse(body) as Answer;
  expect(errors).toHaveLength(1);
  const extensions = errors[0]?.extensions;
  const faults = extensions?.details.map(({ loc, type }) => `${loc.join('.')}: ${type}`) ?? [];
  return { status, code: extensions?.code ?? '', faults, limit: extensions?.limit };
}

/** The document keys of all blobs, sorted. */
export async function blobKeys(dataDirectory: string): Promise<string[]> {
  const database = await openTestDatabase(dataDirectory);
  const blobs = await database.read.find(BlobRow);
  await database.close();
  return blobs.map(({ documentKey }) => documentKey).sort();
}
