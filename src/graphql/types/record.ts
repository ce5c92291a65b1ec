import { Field, ID, InputType, Int, ObjectType } from 'type-graphql';
import type { ReplaceContent } from '../../attachments/replace-content.js';
import type { LinkRow, RecordFieldRow } from '../../database/entities/record-field.js';
import type { StoredLink } from '../../links/link-attachments.js';
import type { RecordRef } from '../../model/record.js';
import type { StoredAttachment } from '../../model/stored-attachment.js';
import { isCurrent, type StoredVersion } from '../../model/versions.js';
import { Attachment } from './attachment.js';
import { connectionType, DateTime, Node, SafeInt } from './connection.js';
import { ContentFieldsInput, toStatements } from './creation-inputs.js';
import { AttachmentStatus, LinkState } from './enums.js';

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

@ObjectType({ description: "An attachment's content, as it was or is.", simpleResolvers: true })
export class AttachmentVersion {
  /** The rows that fields with a resolver of their own are read from. */
  stored!: StoredAttachment;
  content!: StoredVersion;

  @Field(() => Int, {
    description:
      "The attachment's version while this is current. Before its approval, and if it is rejected, the one that it would be.",
  })
  version!: number;

  @Field(() => Boolean, { description: 'Whether it is what the attachment is now.' })
  isCurrent!: boolean;

  @Field(() => AttachmentStatus, { description: 'The verdict on it.' })
  status!: keyof typeof AttachmentStatus;

  @Field(() => Boolean, {
    description: 'Whether its stored bytes are gone, or are not those that were uploaded.',
  })
  damaged!: boolean;

  @Field(() => String, { description: 'The name that came with it, or that the attachment had.' })
  fileName!: string;

  @Field(() => String, { description: 'As found in the bytes; agrees with the extension.' })
  contentType!: string;

  @Field(() => SafeInt, { description: 'Bytes of it.' })
  size!: number;

  @Field(() => String, { description: 'The key of the stored bytes.' })
  documentKey!: string;

  @Field(() => DateTime, { description: 'The time when it was acknowledged.' })
  createdAt!: Date;
}

export function toVersion(stored: StoredAttachment, content: StoredVersion): AttachmentVersion {
  const { version, blob } = content;
  const { number, fileName, contentType, size, createdAt } = version;
  return Object.assign(new AttachmentVersion(), {
    ...{ stored, content, fileName, contentType, size, createdAt },
    version: number,
    isCurrent: isCurrent(stored.attachment, version),
    status: blob.verdict,
    damaged: blob.damagedAt !== null,
    documentKey: blob.documentKey,
  });
}

export const AttachmentVersionConnection = connectionType('AttachmentVersion', AttachmentVersion);

@InputType({
  description:
    'The same attachment, id and url with new content. It is current once APPROVED; until then, and where it is rejected, the one before stays.',
})
export class ReplaceContentInput extends ContentFieldsInput {
  @Field(() => ID, { description: 'An attachment that the viewer may change; else NOT_FOUND or FORBIDDEN.' })
  attachmentId!: string;

  @Field(() => String, {
    nullable: true,
    description: 'A new name; null: the attachment keeps its name, whatever a file part is called.',
  })
  override fileName?: string | null;

  @Field(() => Int, {
    nullable: true,
    description: 'Refused with VERSION_CONFLICT unless the attachment is at this version.',
  })
  expectedVersion?: number | null;

  @Field(() => String, {
    nullable: true,
    description:
      'Same principal, same key, same input: nothing is replaced again. Other input: IDEMPOTENCY_CONFLICT.',
  })
  override idempotencyKey?: string | null;
}

/** A member that is left out counts as null. */
export function toReplacement(input: ReplaceContentInput): ReplaceContent {
  return {
    ...toStatements(input),
    attachmentId: input.attachmentId,
    content: input.content,
    expectedVersion: input.expectedVersion ?? null,
  };
}

@ObjectType({ simpleResolvers: true })
export class ReplaceContentPayload {
  @Field(() => Attachment, { description: 'The attachment: with the new content, if that is approved.' })
  attachment!: Attachment;

  @Field(() => AttachmentVersion, { description: 'The new content.' })
  version!: AttachmentVersion;
}
