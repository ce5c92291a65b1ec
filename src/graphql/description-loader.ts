import DataLoader from 'dataloader';
import type { EntityManager } from 'typeorm';
import type { ScheduleBatch } from '../access/loaders.js';
import { readDescriptionHtml } from '../attachments/descriptions.js';
import type { Viewer } from '../auth/viewer.js';
import type { AttachmentRow } from '../database/entities/attachment.js';
import { tooComplex } from './cost/query-limits.js';

/** Descriptions in one statement: some megabytes at most. The event loop goes on between two statements. */
const batchSize = 50;

/** Reads the HTML of the descriptions that rows have. */
export interface DescriptionLoader {
  load(row: AttachmentRow): Promise<string>;
}

/**
 * A page of descriptions can have 100 MB of HTML. It is read by a few rows at a time, for each row once however often an
 * operation asks for it, and no further than `maxBytes`: then this throws QUERY_TOO_COMPLEX.
 */
export function createDescriptionLoader(
  read: EntityManager,
  viewer: Viewer,
  maxBytes: number,
  schedule: ScheduleBatch,
): DescriptionLoader {
  const known = new WeakMap<AttachmentRow, Promise<string>>();
  let turn: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  let length = 0;

  async function readNext(rows: readonly AttachmentRow[]): Promise<string[]> {
    if (length > maxBytes) throw tooComplex({ bytes: maxBytes }, 'bytes');
    const texts = await readDescriptionHtml(read, viewer, rows);
    for (const text of texts) length += text.length;
    return texts;
  }

  const loader = new DataLoader<AttachmentRow, string>(
    (rows) => {
      waiting += 1;
      const mine = turn
        .then(() => readNext(rows))
        .finally(() => {
          waiting -= 1;
          // Whatever comes later belongs to another answer, such as the next event of a subscription.
          if (waiting === 0) length = 0;
        });
      turn = mine.catch(() => undefined);
      return mine;
    },
    { cache: false, maxBatchSize: batchSize, batchScheduleFn: schedule },
  );

  return {
    load: (row) => {
      const loading = known.get(row) ?? loader.load(row);
      known.set(row, loading);
      return loading;
    },
  };
}
