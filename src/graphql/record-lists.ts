import DataLoader from 'dataloader';
import type { EntityManager } from 'typeorm';
import type { ScheduleBatch } from '../access/loaders.js';
import { countOfRecords, listOfRecords } from '../attachments/list-of-records.js';
import type { Viewer } from '../auth/viewer.js';
import type { Verdict } from '../database/entities/blob.js';
import type { Stretch, Total } from '../database/page.js';
import type { RecordRef } from '../model/record.js';
import type { StoredAttachment } from '../model/stored-attachment.js';

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
