import DataLoader from 'dataloader';
import type { EntityManager } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import type { Database } from '../database/database.js';
import { PictureRow, RejectionRow } from '../database/entities/blob.js';
import { PrincipalRow } from '../database/entities/organization.js';
import { type LinkRow, RecordFieldRow, type ShareLinkRow } from '../database/entities/record-field.js';
import type { Stretch, Total } from '../database/page.js';
import { type Parameters, readRows } from '../database/read-rows.js';
import {
  countLinks,
  type FieldKey,
  readFields,
  readFieldsOfRecords,
  readLinksOfAttachments,
  readLinksOfFields,
} from '../links/read-fields.js';
import type { RecordRef } from '../model/record.js';
import { readAnywhere, readAttachments, type StoredAttachment } from '../model/stored-attachment.js';
import { readVersions, type StoredVersion } from '../model/versions.js';
import { countShareLinks, readShareLinks } from '../sharing/share-links.js';

/** A stretch of what belongs to an attachment. */
export interface LinkSlice extends Stretch {
  attachmentId: string;
}

/** Loads for fields of many objects. All that is asked for at the same moment is fetched in one statement each. */
export type Loaders = ReturnType<typeof createLoaders>;

/** Calls back once nothing more is about to be asked for. */
export type ScheduleBatch = (dispatch: () => void) => void;

type Options = { cache: false; maxBatchSize: number; batchScheduleFn?: ScheduleBatch };

/** Each key becomes a parameter of a statement, or a few, and databases bound those. */
const maxBatchSize = 1_000;

/** Fields whose links are read at once: each may have a thousand, and they are counted between the reads. */
const maxFieldsAtOnce = 100;

const fieldId = ({ record, name }: FieldKey) => JSON.stringify([record.type, record.id, name]);
const recordId = ({ type, id }: RecordRef) => JSON.stringify([type, id]);
const idOfField = (row: RecordFieldRow) =>
  fieldId({ record: { type: row.recordType, id: row.recordId }, name: row.name });
const idOfRecord = (row: RecordFieldRow) => recordId({ type: row.recordType, id: row.recordId });

/** For what must not fail because lists of the organization wait, such as the answer of a write that is done. */
export const beforeLists = (database: Pick<Database, 'list'>): Pick<Database, 'list'> => ({
  list: (organizationId, from, work) => database.list(organizationId, from, work, true),
});

/** The loaders that decide whether an attachment may be viewed or changed. */
export type AccessLoaders = ReturnType<typeof createAccessLoaders>;

export function createAccessLoaders(
  database: Pick<Database, 'list'>,
  read: EntityManager,
  viewer: Viewer,
  schedule?: ScheduleBatch,
) {
  const { organizationId } = viewer;
  const list = <T>(work: (lists: EntityManager) => Promise<T>) => database.list(organizationId, read, work);
  const isOwn = (sql: Parameters) => `organization_id = ${sql.add(organizationId)}`;
  const options = createOptions(schedule);
  return {
    attachment: byKey<string, StoredAttachment>(
      (ids) => readAttachments(read, viewer, ids),
      (id) => id,
      ({ attachment }) => attachment.id,
      options,
    ),
    /** In use or in the trash. */
    anywhere: byKey<string, StoredAttachment>(
      (ids) => readAnywhere(read, viewer, ids),
      (id) => id,
      ({ attachment }) => attachment.id,
      options,
    ),
    fieldById: byId<RecordFieldRow>(
      (ids) => readRows(read, RecordFieldRow, (sql) => `${isOwn(sql)} AND ${sql.isOneOf('id', ids)}`),
      options,
    ),
    fieldsOfRecord: groupsByKey<RecordRef, RecordFieldRow>(
      (records) => list((lists) => readFieldsOfRecords(lists, viewer, records)),
      recordId,
      idOfRecord,
      options,
    ),
    linksOfAttachment: new DataLoader<LinkSlice, LinkRow[]>(
      (slices) =>
        list((lists) => readSlices(slices, (ids, stretch) => readLinksOfAttachments(lists, ids, stretch))),
      options,
    ),
  };
}

export function createLoaders(
  database: Pick<Database, 'list'>,
  read: EntityManager,
  viewer: Viewer,
  schedule?: ScheduleBatch,
) {
  const { organizationId } = viewer;
  const list = <T>(work: (lists: EntityManager) => Promise<T>) => database.list(organizationId, read, work);
  const isOwn = (sql: Parameters) => `organization_id = ${sql.add(organizationId)}`;
  const options = createOptions(schedule);
  return {
    ...createAccessLoaders(database, read, viewer, schedule),
    versionsOfAttachment: groupsByKey<string, StoredVersion>(
      (ids) => readVersions(read, viewer, ids),
      (id) => id,
      ({ version }) => version.attachmentId,
      options,
    ),
    rejection: byKey<string, RejectionRow>(
      (blobIds) => readRows(read, RejectionRow, (sql) => sql.isOneOf('blob_id', blobIds)),
      (id) => id,
      ({ blobId }) => blobId,
      options,
    ),
    picture: byKey<string, PictureRow>(
      (blobIds) => readRows(read, PictureRow, (sql) => sql.isOneOf('blob_id', blobIds)),
      (id) => id,
      ({ blobId }) => blobId,
      options,
    ),
    principal: byId<PrincipalRow>(
      (ids) => readRows(read, PrincipalRow, (sql) => `${isOwn(sql)} AND ${sql.isOneOf('id', ids)}`),
      options,
    ),
    field: byKey(
      (keys: FieldKey[]) => list((lists) => readFields(lists, viewer, keys)),
      fieldId,
      idOfField,
      options,
    ),
    linksOfField: groupsByKey<string, LinkRow>(
      (ids) => list((lists) => readLinksOfFields(lists, ids)),
      (id) => id,
      (link) => link.fieldId,
      { ...options, maxBatchSize: maxFieldsAtOnce },
    ),
    linkCount: totalByKey((ids) => list((lists) => countLinks(lists, ids)), options),
    shareLinks: new DataLoader<LinkSlice, ShareLinkRow[]>(
      (slices) =>
        list((lists) => readSlices(slices, (ids, stretch) => readShareLinks(lists, viewer, ids, stretch))),
      options,
    ),
    shareLinkCount: totalByKey((ids) => list((lists) => countShareLinks(lists, viewer, ids)), options),
  };
}

/** The row of each id. */
function byId<Row extends { id: string }>(
  read: (ids: string[]) => Promise<Row[]>,
  options: Options,
): DataLoader<string, Row | null> {
  return byKey<string, Row>(
    read,
    (id) => id,
    ({ id }) => id,
    options,
  );
}

/** Nothing is kept from one batch to the next, so that what a mutation changes is seen at once. */
function createOptions(schedule: ScheduleBatch | undefined): Options {
  return { cache: false, maxBatchSize, ...(schedule ? { batchScheduleFn: schedule } : {}) };
}

const unique = <Key>(keys: readonly Key[]): Key[] => [...new Set(keys)];

/** The total of each key. */
function totalByKey(
  count: (ids: string[]) => Promise<ReadonlyMap<string, Total>>,
  options: Options,
): DataLoader<string, Total> {
  return new DataLoader(async (ids) => {
    const counts = await count(unique(ids));
    return ids.map((id) => counts.get(id) ?? { count: 0, isExact: true });
  }, options);
}

/** One value, or null, for each key; equal keys are asked for once. */
function byKey<Key, Value>(
  read: (keys: Key[]) => Promise<Value[]>,
  name: (key: Key) => string,
  nameOf: (value: Value) => string,
  options: Options,
): DataLoader<Key, Value | null> {
  return new DataLoader(async (keys) => {
    const distinct = new Map(keys.map((key) => [name(key), key]));
    const values = new Map((await read([...distinct.values()])).map((value) => [nameOf(value), value]));
    return keys.map((key) => values.get(name(key)) ?? null);
  }, options);
}

/** All values of each key, in the order they were read. */
function groupsByKey<Key, Value>(
  read: (keys: Key[]) => Promise<Value[]>,
  name: (key: Key) => string,
  nameOf: (value: Value) => string,
  options: Options,
): DataLoader<Key, Value[]> {
  return new DataLoader(async (keys) => {
    const distinct = new Map(keys.map((key) => [name(key), key]));
    const groups = groupBy(await read([...distinct.values()]), nameOf);
    return keys.map((key) => groups.get(name(key)) ?? []);
  }, options);
}

function groupBy<Value>(values: readonly Value[], nameOf: (value: Value) => string): Map<string, Value[]> {
  const groups = new Map<string, Value[]>();
  for (const value of values) {
    const group = groups.get(nameOf(value));
    if (group) group.push(value);
    else groups.set(nameOf(value), [value]);
  }
  return groups;
}

/** Slices that differ only in the attachment, as those of one page do, share a statement. */
async function readSlices<Row extends { attachmentId: string }>(
  slices: readonly LinkSlice[],
  read: (attachmentIds: readonly string[], stretch: Stretch) => Promise<Row[]>,
): Promise<Row[][]> {
  const kindOf = ({ limit, isBackward, after, before }: LinkSlice) =>
    JSON.stringify([limit, isBackward, after?.id, before?.id]);
  const found = new Map<string, Map<string, Row[]>>();
  for (const [kind, alike] of groupBy(slices, kindOf)) {
    const ids = unique(alike.map(({ attachmentId }) => attachmentId));
    const rows = await read(ids, alike[0] as LinkSlice);
    found.set(
      kind,
      groupBy(rows, ({ attachmentId }) => attachmentId),
    );
  }
  return slices.map((slice) => found.get(kindOf(slice))?.get(slice.attachmentId) ?? []);
}
