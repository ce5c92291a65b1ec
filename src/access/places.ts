import type { EntityManager } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import type { Database } from '../database/database.js';
import { TrashedAttachmentRow } from '../database/entities/attachment.js';
import { type LinkRow, RecordFieldRow } from '../database/entities/record-field.js';
import { lockTargetsOf, lockWithFields } from '../database/lock-order.js';
import { readRows } from '../database/read-rows.js';
import type { Write } from '../database/write-queue.js';
import { AttachmentError } from '../errors.js';
import { readLinksOfAttachments } from '../links/read-fields.js';
import type { RecordRef } from '../model/record.js';
import type { StoredAttachment } from '../model/stored-attachment.js';
import { lockAttachment } from '../model/versions.js';

/** A place of an attachment: a field of a record or, if the field is null, the record that has claimed it. */
export interface Place {
  record: RecordRef;
  field: string | null;
}

/** More places than these are not looked at. */
export const maxPlaces = 1_000;

/** The first links of an attachment that are looked at. */
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
  const isOwners = ({ record }: Place) => record.type === recordType && record.id === recordId;
  return linked.some(isOwners)
    ? linked
    : [...linked, { record: { type: recordType, id: recordId }, field: null }];
}

/** Tells places apart: the same for the same ones, in any order. */
export const nameOfPlaces = ({ attachment }: StoredAttachment, places: readonly Place[]): string =>
  JSON.stringify([
    attachment.shared,
    places.map(({ record, field }) => JSON.stringify([record.type, record.id, field])).toSorted(),
  ]);

/** An attachment is elsewhere than where it was when somebody decided about it. */
class PlacesChanged extends AttachmentError {
  constructor() {
    super('AUTHORIZER_UNAVAILABLE');
  }
}

/** As often an attachment may be elsewhere each time. */
const maxDecisions = 5;

/**
 * A database that writes only while an attachment is in the places that `decide` has decided about, by `nameOfPlaces`. It decides anew
 * where they are others by then: outside of the transaction, whose work runs again.
 */
export function whileInPlaces(
  database: Database,
  viewer: Viewer,
  id: string,
  { first, decide }: { first: string; decide(): Promise<string> },
): Database {
  let decided = first;
  const write: Write = async (work) => {
    for (let count = 1; ; count += 1) {
      try {
        return await database.write(async (manager) => {
          await assertInPlaces(manager, viewer, id, decided);
          return work(manager);
        });
      } catch (error) {
        if (!(error instanceof PlacesChanged) || count === maxDecisions) throw error;
        decided = await decide();
      }
    }
  };
  return { ...database, write };
}

/** One that is gone is for the work to miss. */
async function assertInPlaces(
  manager: EntityManager,
  { organizationId }: Viewer,
  id: string,
  decided: string,
): Promise<void> {
  await lockTargetsOf(manager, [id]);
  await lockWithFields(manager, [id]);
  const stored = await lockAttachment(manager, id);
  if (stored?.attachment.organizationId !== organizationId) return;
  const isIn = (ids: readonly string[]) =>
    readRows(
      manager,
      RecordFieldRow,
      (sql) => `organization_id = ${sql.add(organizationId)} AND ${sql.isOneOf('id', ids)}`,
    );
  const places = await placesOf(stored, {
    readLinks: (attachmentId) => readLinksOfAttachments(manager, [attachmentId], firstPlaces),
    readFields: isIn,
  });
  if (nameOfPlaces(stored, places) !== decided) throw new PlacesChanged();
}
