import { Field, ID, Int, ObjectType } from 'type-graphql';
import type { LinkRow, RecordFieldRow } from '../../database/entities/record-field.js';
import type { StoredLink } from '../../links/link-attachments.js';
import type { RecordRef } from '../../model/record.js';
import type { StoredAttachment } from '../../model/stored-attachment.js';
import { connectionType } from './connection.js';
import { LinkState } from './enums.js';

@ObjectType('Record', {
  description: "A thing in the caller's own system, such as WorkPackage 1. It needs no row here to exist.",
  simpleResolvers: true,
})
export class RecordType implements RecordRef {
  @Field(() => String)
  type!: string;

  @Field(() => ID)
  id!: string;
}

@ObjectType({ simpleResolvers: true })
export class RecordField {
  record!: RecordRef;
  /** Undefined where it has not been read yet, null where the field was never linked to. */
  row?: RecordFieldRow | null;
  /** The links that the changing transaction saw; undefined: read the rows. */
  linked?: readonly StoredLink[];

  @Field(() => String)
  name!: string;
}

@ObjectType({ description: "An attachment at a position in a record's field.", simpleResolvers: true })
export class AttachmentLink {
  /** As it was read together with the link: read again, it may be gone. */
  stored!: StoredAttachment;

  @Field(() => RecordType)
  record!: RecordType;

  @Field(() => String)
  field!: string;

  @Field(() => Int)
  position!: number;

  @Field(() => LinkState)
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
    record: { type: field.recordType, id: field.recordId },
    field: field.name,
    position,
    state: states[stored.blob.verdict],
  });
}
