import { AttachmentRow } from '../database/entities/attachment.js';
import { RemovalRow } from '../database/entities/removal.js';
import { before } from '../database/instants.js';
import { listOrphans, type SweepOptions, type SweepStorageDependencies } from './sweep-storage.js';

/** Something that cleaning would remove now. */
export interface Due {
  kind: 'attachment' | 'bytes';
  /** An attachment's id, or a document key. */
  id: string;
  reason: string;
}

const batchSize = 500;

/** Everything that is due now, one after the other, and why; changes nothing. */
export async function* listDue(deps: SweepStorageDependencies, options: SweepOptions): AsyncGenerator<Due> {
  yield* expiredAttachments(deps);
  for await (const { documentKey } of batches((page) => deps.database.read.find(RemovalRow, page))) {
    yield { kind: 'bytes', id: documentKey, reason: 'its last attachment was deleted' };
  }
  for await (const key of listOrphans(deps, options)) {
    yield { kind: 'bytes', id: key, reason: 'no row names it' };
  }
}

async function* expiredAttachments({ database, clock }: SweepStorageDependencies): AsyncGenerator<Due> {
  const where = { expiresAt: before(clock()) };
  const order = { expiresAt: 'ASC', id: 'ASC' } as const;
  const expired = batches((page) => database.read.find(AttachmentRow, { where, order, ...page }));
  for await (const { id, expiresAt, recordId } of expired) {
    const what = recordId === null ? 'neither claimed nor linked' : 'unlinked from its last field';
    yield { kind: 'attachment', id, reason: `${what}; expired at ${expiresAt?.toISOString()}` };
  }
}

async function* batches<Row>(
  read: (page: { skip: number; take: number }) => Promise<Row[]>,
): AsyncGenerator<Row> {
  for (let skip = 0; ; skip += batchSize) {
    const rows = await read({ skip, take: batchSize });
    yield* rows;
    if (rows.length < batchSize) return;
  }
}
