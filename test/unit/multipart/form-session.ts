import type { FaultDetail } from '../../../src/errors.js';
import {
  type FormPart,
  formBody,
  formRequest,
  graphqlForm,
  RawConnection,
  type RawResponse,
} from '../../support/raw-http.js';
import { sha256 } from '../../support/sha256.js';
import { type HashedFile, HashingServer, type HashingServerOptions } from './hashing-server.js';

export const megabyte = 1024 * 1024;
export const query = 'mutation ($file: Upload, $files: [Upload]) { x }';
export const oneFile = { query, variables: { file: null } };
export const oneFileMap = { 0: ['variables.file'] };

export interface Answer {
  code?: string;
  message?: string;
  limit?: number;
  details?: FaultDetail[];
  variables?: { file?: HashedFile | null; files?: (HashedFile | null)[] };
  taken?: HashedFile[];
}

export function answerOf(response: RawResponse): Answer {
  return JSON.parse(response.body);
}

/** A server, and one connection to it that every request of a test goes over. */
export class FormSession {
  readonly server: HashingServer;
  readonly connection: RawConnection;

  private constructor(server: HashingServer, connection: RawConnection) {
    this.server = server;
    this.connection = connection;
  }

  static async start(options: HashingServerOptions = {}): Promise<FormSession> {
    const server = await HashingServer.start(options);
    return new FormSession(server, await RawConnection.open(server.url));
  }

  async post(parts: readonly FormPart[]): Promise<RawResponse> {
    return this.postBytes(formRequest('/graphql', formBody(parts)));
  }

  async postBytes(bytes: Buffer): Promise<RawResponse> {
    void this.connection.send(bytes);
    return this.connection.response();
  }

  /** The connection carries on: nothing of the request before is left in it. */
  async expectToCarryOn(): Promise<void> {
    const response = await this.post(graphqlForm(oneFile, oneFileMap, [{ content: 'next' }]));
    expect(answerOf(response).taken?.[0]?.sha256).toBe(sha256('next'));
  }

  async stop(): Promise<void> {
    this.connection.destroy();
    await this.server.stop();
  }
}
