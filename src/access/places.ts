import type { EntityManager } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import type { Database } from '../database/database.js';
import { TrashedAttachmentRow } from '../database/entities/attachment.js';
import { type LinkRow, RecordFieldRow } from '../database/entities/record-field.js';
import { Parameters, readRows } from '../database/read-rows.js';
import type { Write } from '../database/write-queue.js';
import { AttachmentError } from '../errors.js';
import { readFieldsOfRecords, readLinksOfAttachments } from '../links/read-fields.js';
import { isSameRecord, maxPlaces, type RecordRef } from '../model/record.js';
import type { StoredAttachment } from '../model/stored-attachment.js';
import { lockAttachment } from '../model/versions.js';

/** A place of an attachment: a field of a record or, if the field is null, the record that has claimed it. */
export interface Place {
  record: RecordRef;
  field: string | null;
}

/** An attachment that is to go from a record to a place of another one. */
export interface Move {
  attachmentId: string;
  from: RecordRef;
  to: RecordRef;
  field: string | null;
}

/** The place at which an input asks to create an attachment. */
export interface Creation {
  record: RecordRef | null;
  field: string | null;
}

/** The first links of an attachment: no more are looked at. */
export const firstPlaces = { limit: maxPlaces, after: null, before: null, isBackward: false } as const;

interface PlaceReader {
  readLinks(attachmentId: string): Promise<LinkRow[]>;
  /** By ids, in their order. */
  readFields(ids: readonly string[]): Promise<(RecordFieldRow | null)[]>;
}

/** Its links; and its owner, where it is in no field of that. In the trash, those that it had. */
export async function placesOf(
  { attachment }: StoredAttachment,
  { readLinks, readFields }: PlaceReader,
): Promise<Place[]> {
  if (attachment instanceof TrashedAttachmentRow)
    return attachment.places.map(([type, id, field]) => ({ record: { type, id }, field }));
  const { id, recordType, recordId } = attachment;
  const links = await readLinks(id);
  const fields = await readFields(links.map(({ fieldId }) => fieldId));
  const linked = fields.flatMap((row) =>
    row ? [{ record: { type: row.recordType, id: row.recordId }, field: row.name }] : [],
  );
  if (recordType === null || recordId === null) return linked;
  const owner = { type: recordType, id: recordId };
  const isOwners = ({ record }: Place) => isSameRecord(record, owner);
  return linked.some(isOwners) ? linked : [...linked, { record: owner, field: null }];
}

/**
 * The places of an attachment by which somebody may know that it is in the record: those in there, and the record as a whole if that
 * has claimed it. None if it has left the record.
 */
export function placesIn(
  record: RecordRef,
  { attachment: { recordType, recordId } }: StoredAttachment,
  places: readonly Place[],
): Place[] {
  const isOwner = recordType === record.type && recordId === record.id;
  const inside = places.filter((place) => isSameRecord(place.record, record));
  return isOwner ? [{ record, field: null }, ...inside] : inside;
}

/** Names of places. */
export type Names = ReadonlySet<string>;

/** No place: an attachment that is in none is its creator's. */
const nowhere: Names = new Set(['nowhere']);

const nameOf = ({ record, field }: Place): string => JSON.stringify([record.type, record.id, field]);

export const namesOf = (places: readonly Place[]): Names =>
  places.length === 0 ? nowhere : new Set(places.map(nameOf));

/** A change concerns places that nobody has decided about. */
class Undecided extends AttachmentError {
  constructor() {
    super('AUTHORIZER_UNAVAILABLE');
  }
}

/** As often a change may concern other places each time. */
const maxDecisions = 10;

export interface Decision {
  /** The places that have been decided about. */
  first: Names;
  /** Decides anew. Throws if the change may not be made. */
  decide(): Promise<Names>;
  /** Those that the change concerns, before its work, or after it if `isLate`. */
  read(manager: EntityManager): Promise<Names>;
  isLate?: boolean;
  /** Those that these attachments are about to leave, if that cannot be told afterwards. */
  readLeaving?(manager: EntityManager, ids: readonly string[]): Promise<Names>;
}

/** A database of `whileDecided`, or one whose changes nobody decides about. */
export interface DecidedDatabase extends Database {
  /** To be called in the midst of a change, once these attachments are locked, and before they leave their places. */
  assertDecided?(manager: EntityManager, ids: readonly string[]): Promise<void>;
}

/**
 * A database that writes only what concerns places that have been decided about. It has others decided, too, outside of the transaction,
 * whose work runs again.
 */
export function whileDecided(
  database: Database,
  { first, decide, read, isLate, readLeaving }: Decision,
): DecidedDatabase {
  let decided = first;
  const assertKnown = (names: Names) => {
    for (const name of names) if (!decided.has(name)) throw new Undecided();
  };
  const check = async (manager: EntityManager) => assertKnown(await read(manager));
  const write: Write = async (work) => {
    for (let count = 1; ; count += 1) {
      try {
        return await database.write(async (manager) => {
          if (!isLate) await check(manager);
          const value = await work(manager);
          if (isLate) await check(manager);
          return value;
        });
      } catch (error) {
        if (!(error instanceof Undecided) || count === maxDecisions) throw error;
        decided = await decide();
      }
    }
  };
  if (!readLeaving) return { ...database, write };
  return {
    ...database,
    write,
    assertDecided: async (...leaving) => assertKnown(await readLeaving(...leaving)),
  };
}

/** The places of an attachment, in use or in the trash, that the caller has locked. One that is gone is for the work to miss. */
export async function readPlaces(
  manager: EntityManager,
  { organizationId }: Viewer,
  id: string,
): Promise<Place[]> {
  const stored = await lockAttachment(manager, id);
  if (!stored?.attachment.shared || stored.attachment.organizationId !== organizationId) return [];
  const isIn = (ids: readonly string[]) =>
    readRows(
      manager,
      RecordFieldRow,
      (sql) => `organization_id = ${sql.add(organizationId)} AND ${sql.isOneOf('id', ids)}`,
    );
  return placesOf(stored, {
    readLinks: (attachmentId) => readLinksOfAttachments(manager, [attachmentId], firstPlaces),
    readFields: isIn,
  });
}

/** More than one operation may ask about. */
const mostElsewhere = 10_000;

/** Reads the places that lose something when all of a record is deleted. */
export function placesToLose(viewer: Viewer, record: RecordRef) {
  /** The record, and every field of it. */
  const readOwn = async (manager: EntityManager): Promise<Place[]> => {
    const fields = await readFieldsOfRecords(manager, viewer, [record]);
    return [null, ...fields.map(({ name }) => name)].map((field) => ({ record, field }));
  };
  return {
    readAll: async (manager: EntityManager) => [
      ...(await readOwn(manager)),
      ...(await readElsewhere(manager, viewer, record)),
    ],
    read: async (manager: EntityManager) => namesOf(await readOwn(manager)),
    readLeaving: async (manager: EntityManager, ids: readonly string[]): Promise<Names> =>
      new Set((await readElsewhere(manager, viewer, record, ids)).map(nameOf)),
  };
}

/** Fields of other records that hold what the record has claimed, or with `ids` what of these it has. */
async function readElsewhere(
  manager: EntityManager,
  { organizationId }: Viewer,
  record: RecordRef,
  ids: readonly string[] | null = null,
): Promise<Place[]> {
  const sql = new Parameters(manager);
  const isRecords = (table: string) =>
    `${table}.record_type = ${sql.add(record.type)} AND ${table}.record_id = ${sql.add(record.id)}`;
  const rows = await manager.query<{ type: string; id: string; field: string }[]>(
    `SELECT DISTINCT f.record_type AS type, f.record_id AS id, f.name AS field
      FROM attachments a JOIN links l ON l.attachment_id = a.id JOIN record_fields f ON f.id = l.field_id
      WHERE a.organization_id = ${sql.add(organizationId)} AND ${isRecords('a')}
        AND f.organization_id = ${sql.add(organizationId)} AND NOT (${isRecords('f')})
        ${ids === null ? '' : `AND ${sql.isOneOf('a.id', ids)}`} LIMIT ${mostElsewhere}`,
    sql.values,
  );
  return rows.map(({ type, id, field }) => ({ record: { type, id }, field }));
}
