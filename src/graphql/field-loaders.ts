import DataLoader from 'dataloader';
import type { EntityManager } from 'typeorm';
import type { ScheduleBatch } from '../access/loaders.js';
import { readDescriptionHtml } from '../attachments/descriptions.js';
import { countOfRecords, listOfRecords } from '../attachments/list-of-records.js';
import type { Viewer } from '../auth/viewer.js';
import type { AttachmentRow } from '../database/entities/attachment.js';
import type { Verdict } from '../database/entities/blob.js';
import type { Stretch, Total } from '../database/page.js';
import type { RecordRef } from '../model/record.js';
import type { StoredAttachment } from '../model/stored-attachment.js';
import { tooComplex } from './cost/query-limits.js';

/** The attachments that a record has claimed or links to: all of them, or those that have one of these verdicts. */
interface RecordList {
  record: RecordRef;
  status: readonly Verdict[] | undefined;
}

/** Reads and counts attachments of records: of many that are asked for at the same moment together. */
export interface RecordLists {
  read: DataLoader<RecordList & Stretch, StoredAttachment[]>;
  count: DataLoader<RecordList, Total>;
}

/** Runs a list beside those of other organizations. */
type RunList = <T>(work: (lists: EntityManager) => Promise<T>) => Promise<T>;

/** Records that are read together. */
const maxBatchSize = 100;

export function createRecordLists(list: RunList, viewer: Viewer, schedule: ScheduleBatch): RecordLists {
  const options = { cache: false, maxBatchSize, batchScheduleFn: schedule } as const;
  return {
    read: new DataLoader(
      (keys) =>
        inGroups(keys, (records, { status, ...stretch }) =>
          list((lists) => listOfRecords(lists, viewer, { records, status }, stretch)),
        ),
      options,
    ),
    count: new DataLoader(
      (keys) =>
        inGroups(keys, (records, { status }) =>
          list((lists) => countOfRecords(lists, viewer, { records, status })),
        ),
      options,
    ),
  };
}

/** The value of each key. Keys that differ only in the record share a read, as those of one page do, and equal ones a record. */
async function inGroups<Key extends RecordList, Value>(
  keys: readonly Key[],
  read: (records: RecordRef[], alike: Key) => Promise<Value[]>,
): Promise<Value[]> {
  const groups = new Map<string, { alike: Key; records: Map<string, RecordRef> }>();
  const names = keys.map(({ record, ...rest }) => ({
    group: JSON.stringify(rest),
    record: JSON.stringify([record.type, record.id]),
  }));
  for (const [index, key] of keys.entries()) {
    const name = names[index] ?? { group: '', record: '' };
    const group = groups.get(name.group) ?? { alike: key, records: new Map<string, RecordRef>() };
    groups.set(name.group, group);
    group.records.set(name.record, key.record);
  }
  const values = new Map<string, Value>();
  for (const [group, { alike, records }] of groups) {
    const found = await read([...records.values()], alike);
    for (const [at, record] of [...records.keys()].entries()) values.set(group + record, found[at] as Value);
  }
  return names.map(({ group, record }) => values.get(group + record) as Value);
}

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
      // The next ones are read whatever becomes of these.
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
