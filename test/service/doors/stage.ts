import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AppParts } from '../../../src/app.js';
import type { Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { startService, type TestService } from '../../support/service.js';
import { sha256 } from '../../support/sha256.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { Ledger, type RowCounts } from '../../system/doors/ledger.js';
import type { Creation, Door, SentFile } from './doors.js';

/** The answer to a refused client. */
export interface Refusal {
  code: string;
  /** Every fault, as `input.fileName: path`. */
  faults: readonly string[];
  limit?: number | undefined;
}

/** Bytes of no known format; the same bytes for the same size. */
export const contentOf = (size: number) => Buffer.alloc(size, 'some \x01 bytes \x02');

/** Just what a door takes without a word. */
export const ordinaryFile = ({ size }: Door): SentFile => ({
  content: contentOf(size),
  name: 'data.bin',
  type: 'application/octet-stream',
});

export const mebibyte = 1024 * 1024;

/** In bytes, of the policies below. */
export const limits = { limited: 3.25 * mebibyte + 2, tiny: 1_000 };

/** For a service that also has a MAX_FILE_SIZE. Record types that are not listed are not eligible. */
export const policies = {
  policies: {
    limited: { maxFileSize: limits.limited },
    tiny: { maxFileSize: limits.tiny },
    pictures: { acceptedTypes: { 'image/png': ['.png'] } },
    single: { maxCount: 1 },
  },
  recordTypes: {
    Free: { policy: 'default' },
    Limited: { policy: 'limited' },
    Tiny: { policy: 'tiny' },
    Pictures: { policy: 'pictures' },
    Single: { policy: 'single' },
  },
};

/** A service with policies, the people that use it, and a look behind its API. */
export class Stage implements AsyncDisposable {
  readonly service: TestService;
  readonly ledger: Ledger;
  /** Lacks the permission to write. */
  readonly reader: Client;
  readonly #folder: string;
  #names = 0;

  private constructor(service: TestService, ledger: Ledger, reader: Client, folder: string) {
    this.service = service;
    this.ledger = ledger;
    this.reader = reader;
    this.#folder = folder;
  }

  static async open(
    policies: object,
    env: Record<string, string> = {},
    partsFor: (dataDirectory: string) => AppParts = () => ({}),
  ): Promise<Stage> {
    const folder = await makeTemporaryDirectory();
    const [policiesFile, dataDirectory] = [join(folder, 'policies.json'), join(folder, 'data')];
    await mkdir(dataDirectory);
    await writeFile(policiesFile, JSON.stringify(policies));
    const service = await startService(
      { DATA_DIR: dataDirectory, POLICIES_FILE: policiesFile, RATE_LIMIT_PER_MINUTE: '0', ...env },
      partsFor(dataDirectory),
    );
    const reader = await newClient(service, { permissions: ['attachments:read'] });
    return new Stage(service, await Ledger.open(dataDirectory), reader, folder);
  }

  get owner(): Client {
    return this.service.client;
  }

  /** Not used before. */
  newName(): string {
    this.#names += 1;
    return `name-${this.#names}`;
  }

  /** The attempt is refused in just these words, and nothing of it is left: no row, and no file that no row names. */
  async expectRefusal(refusal: Refusal, attempt: () => Promise<Creation>): Promise<void> {
    const before = await this.ledger.count();
    const answer = await attempt();
    expect(refusalOf(answer)).toEqual({ ...refusal, limit: refusal.limit });
    await this.expectNothingNew(before);
  }

  async expectNothingNew(before: RowCounts): Promise<void> {
    expect(await this.ledger.count()).toEqual(before);
    expect(await this.ledger.unnamedFiles()).toEqual([]);
  }

  /** The attempt makes an attachment of just these bytes. */
  async expectCreation(content: Buffer, attempt: () => Promise<Creation>): Promise<void> {
    const { data, errors } = await attempt();
    expect(errors).toBeUndefined();
    const attachment = data?.createAttachment.attachment;
    expect([attachment?.size, attachment?.sha256.hash]).toEqual([content.length, sha256(content)]);
    expect(await this.ledger.files()).toContain(attachment?.documentKey);
    expect(await this.ledger.unnamedFiles()).toEqual([]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.ledger.close();
    await this.service.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

export function refusalOf({ errors = [], data }: Creation): Refusal {
  const [error] = errors;
  if (errors.length !== 1 || !error || data?.createAttachment)
    throw new Error(`No refusal: ${JSON.stringify({ errors, data })}`);
  const { code, details, limit } = error.extensions;
  return { code, faults: details.map(({ loc, type }) => `${loc.join('.')}: ${type}`), limit };
}
