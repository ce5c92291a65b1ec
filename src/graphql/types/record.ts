import { Field, ID, Int, ObjectType } from 'type-graphql';
import type { LinkRow, RecordFieldRow } from '../../database/entities/record-field.js';
import type { StoredLink } from '../../links/link-attachments.js';
import type { RecordRef } from '../../model/record.js';
import type { StoredAttachment } from '../../model/stored-attachment.js';
import { connectionType } from './connection.js';
import { LinkState } from './enums.js';
import { Node } from './scalars.js';

@ObjectType({
  implements: Node,
  description: 'A thing in the host application, such as WorkPackage 1. It needs no row here to exist.',
  simpleResolvers: true,
})
export class HostRecord extends Node {
  ref!: RecordRef;

  @Field(() => String, { description: 'The kind of record in the host application, such as WorkPackage.' })
  type!: string;

  @Field(() => ID, { description: 'The id in the host application.' })
  recordId!: string;
}

export function toHostRecord({ type, id }: RecordRef): HostRecord {
  return Object.assign(new HostRecord(), { ref: { type, id }, type, recordId: id });
}

/** The facts about a field that a resolver may know already. */
export interface KnownField {
  /** Undefined where it has not been read yet, null where the field was never linked to. */
  row?: RecordFieldRow | null;
  /** The links that the changing transaction saw; undefined: read the rows. */
  linked?: readonly StoredLink[];
}

@ObjectType({
  description: 'A named, ordered list of attachments of a record.',
  implements: Node,
  simpleResolvers: true,
})
export class RecordField extends Node {
  known!: KnownField;

  @Field(() => HostRecord, { description: 'The record with the field.' })
  record!: HostRecord;

  @Field(() => String, { description: 'The name of the field.' })
  name!: string;
}

export function toRecordField(record: RecordRef, name: string, known: KnownField = {}): RecordField {
  return Object.assign(new RecordField(), { record: toHostRecord(record), name, known });
}

@ObjectType({
  implements: Node,
  description: "An attachment at a position in a record's field.",
  simpleResolvers: true,
})
export class AttachmentLink extends Node {
  /** As it was read together with the link: read again, it may be gone. */
  stored!: StoredAttachment;
  fieldId!: string;

  @Field(() => HostRecord, { description: 'The record with the field.' })
  record!: HostRecord;

  @Field(() => String, { description: "The name of the record's field." })
  field!: string;

  @Field(() => Int, { description: 'Its place in the field, from 0 on and without gaps.' })
  position!: number;

  @Field(() => LinkState, { description: 'The verdict, as far as it matters to readers of the field.' })
  state!: LinkState;
}

export const AttachmentLinkConnection = connectionType('AttachmentLink', AttachmentLink);

const states = {
  PENDING: 'PENDING',
  SCAN_FAILED: 'PENDING',
  APPROVED: 'ACTIVE',
  REJECTED: 'REJECTED',
} as const;

export function toAttachmentLink(
  { position }: Pick<LinkRow, 'position'>,
  field: RecordFieldRow,
  stored: StoredAttachment,
): AttachmentLink {
  return Object.assign(new AttachmentLink(), {
    stored,
    fieldId: field.id,
    record: toHostRecord({ type: field.recordType, id: field.recordId }),
    field: field.name,
    position,
    state: states[stored.blob.verdict],
  });
}
