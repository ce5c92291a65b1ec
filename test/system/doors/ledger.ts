import type { Database } from '../../../src/database/database.js';
import {
  AttachmentRow,
  AttachmentVersionRow,
  TrashedAttachmentRow,
} from '../../../src/database/entities/attachment.js';
import { BlobRow } from '../../../src/database/entities/blob.js';
import { LinkRow, RecordFieldRow } from '../../../src/database/entities/record-field.js';
import { RemovalRow } from '../../../src/database/entities/stored-bytes.js';
import { IdempotencyKeyRow, UploadTargetRow } from '../../../src/database/entities/upload-target.js';
import { inlinedKeys, storedObjects } from '../../support/stored-files.js';
import { openTestDatabase } from '../../support/test-database.js';

/** How many rows there are of each kind. */
export interface RowCounts {
  attachments: number;
  blobs: number;
  links: number;
  fields: number;
  idempotencyKeys: number;
}

/** Looks at the rows and files of a service from outside, past its API. */
export class Ledger implements AsyncDisposable {
  readonly database: Database;
  readonly #dataDirectory: string;

  /** `dataDirectory` holds the folder of stored files. */
  constructor(database: Database, dataDirectory: string) {
    this.database = database;
    this.#dataDirectory = dataDirectory;
  }

  static async open(dataDirectory: string): Promise<Ledger> {
    return new Ledger(await openTestDatabase(dataDirectory), dataDirectory);
  }

  async count(): Promise<RowCounts> {
    const { read } = this.database;
    const [attachments = 0, blobs = 0, links = 0, fields = 0, idempotencyKeys = 0] = await Promise.all(
      [AttachmentRow, BlobRow, LinkRow, RecordFieldRow, IdempotencyKeyRow].map((row) => read.count(row)),
    );
    return { attachments, blobs, links, fields, idempotencyKeys };
  }

  async files(): Promise<string[]> {
    const inlined = await this.database.read.query<{ key: string }[]>(inlinedKeys);
    return [...(await storedObjects(this.#dataDirectory)), ...inlined.map(({ key }) => key)].sort();
  }

  /** Files that are neither a blob's bytes nor those of a finished upload target. */
  async unnamedFiles(): Promise<string[]> {
    const { read } = this.database;
    const blobs = await read.find(BlobRow, { select: { id: true, documentKey: true } });
    const targets = await read.findBy(UploadTargetRow, { state: 'FINISHED' });
    const named = new Set([...blobs, ...targets].map(({ documentKey }) => documentKey));
    return (await this.files()).filter((file) => !named.has(file));
  }

  /** Every reference that leads to nothing, as text: none where all is well. */
  async dangling(): Promise<string[]> {
    const { read } = this.database;
    const files = new Set(await this.files());
    const [attachments, blobs, links] = [
      await read.find(AttachmentRow),
      await read.find(BlobRow),
      await read.find(LinkRow),
    ];
    const attachmentIds = new Set(attachments.map(({ id }) => id));
    const blobIds = new Set(blobs.map(({ id }) => id));
    const trashed = await read.find(TrashedAttachmentRow);
    const versions = await read.find(AttachmentVersionRow);
    const usedBlobIds = new Set([...attachments, ...trashed, ...versions].map(({ blobId }) => blobId));
    const known = new Set([...attachments, ...trashed].map(({ id }) => id));
    return [
      ...links.flatMap(({ attachmentId }) =>
        attachmentIds.has(attachmentId) ? [] : [`link to ${attachmentId}`],
      ),
      ...trashed.flatMap(({ id }) =>
        attachmentIds.has(id) ? [`attachment ${id} in use and in the trash`] : [],
      ),
      ...versions.flatMap(({ id, attachmentId }) =>
        known.has(attachmentId) ? [] : [`version ${id} of nothing`],
      ),
      ...[...attachments, ...trashed, ...versions].flatMap(({ id, blobId }) =>
        blobIds.has(blobId) ? [] : [`attachment ${id}`],
      ),
      ...blobs.flatMap(({ id, documentKey }) => [
        ...(usedBlobIds.has(id) ? [] : [`blob ${id} of no attachment`]),
        ...(files.has(documentKey) ? [] : [`blob ${id} without bytes`]),
      ]),
      ...(await this.unnamedFiles()).map((file) => `file ${file}`),
    ];
  }

  removals(): Promise<number> {
    return this.database.read.count(RemovalRow);
  }

  close(): Promise<void> {
    return this.database.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
