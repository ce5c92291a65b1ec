import { Field, ID, Int, ObjectType } from 'type-graphql';
import { type AttachmentRow, TrashedAttachmentRow } from '../../database/entities/attachment.js';
import type { StoredAttachment } from '../../model/stored-attachment.js';
import { connectionType, DateTime, JsonObject, Node, SafeInt } from './connection.js';
import { AttachmentStatus, DigestAlgorithm, TextFormat } from './enums.js';

@ObjectType({
  description: 'hash is lowercase hexadecimal, of the stored bytes.',
  simpleResolvers: true,
})
export class Digest {
  @Field(() => DigestAlgorithm, { description: 'The hash function.' })
  algorithm!: DigestAlgorithm;

  @Field(() => String, { description: 'Lowercase hexadecimal.' })
  hash!: string;
}

@ObjectType({ description: 'Pixels of a picture, as it is shown.', simpleResolvers: true })
export class ImageInfo {
  @Field(() => Int, { description: 'Pixels from left to right.' })
  width!: number;

  @Field(() => Int, { description: 'Pixels from top to bottom.' })
  height!: number;
}

@ObjectType({ description: 'html is sanitized.', simpleResolvers: true })
export class FormattedText {
  @Field(() => TextFormat, { description: 'The format that raw is written in.' })
  format!: TextFormat;

  @Field(() => String, { description: 'The text as it was given.' })
  raw!: string;

  /** The row that the HTML is read from. */
  attachment!: AttachmentRow;
}

@ObjectType({
  description: "type is an open set ('AR' is the first); unknown types are kept.",
  simpleResolvers: true,
})
class AttachmentMetadata {
  @Field(() => String, { description: "The kind of the metadata, in the caller's own words." })
  type!: string;

  @Field(() => JsonObject, { description: 'Any JSON object; null if there is none.', nullable: true })
  attributes!: object | null;
}

@ObjectType({ implements: Node, description: 'A named use of stored bytes.', simpleResolvers: true })
export class Attachment extends Node {
  /** The rows that fields with a resolver of their own are read from. */
  stored!: StoredAttachment;

  @Field(() => ID, { description: 'UUID version 7.' })
  declare id: string;

  @Field(() => ID, { description: 'The tenant: taken from the credential, never from input.' })
  organizationId!: string;

  @Field(() => String, {
    description: "The name clients see: the input's fileName, else the file part's, cleaned.",
  })
  fileName!: string;

  @Field(() => String, { description: 'As found in the bytes; agrees with the extension.' })
  contentType!: string;

  @Field(() => SafeInt, { description: 'Bytes of its content.' })
  size!: number;

  @Field(() => FormattedText, {
    description: 'The text that its creator gave it; null if it has none.',
    nullable: true,
  })
  description!: FormattedText | null;

  @Field(() => AttachmentMetadata, {
    description: 'The typed JSON that its creator gave it; null if it has none.',
    nullable: true,
  })
  metadata!: AttachmentMetadata | null;

  @Field(() => String, { description: 'The key of the stored bytes.' })
  documentKey!: string;

  @Field(() => AttachmentStatus, { description: 'The verdict on its content.' })
  status!: keyof typeof AttachmentStatus;

  @Field(() => Boolean, {
    description:
      'Whether its stored bytes are gone, or are not those that were uploaded. Then they are not sent or copied.',
  })
  damaged!: boolean;

  @Field(() => DateTime, {
    nullable: true,
    description:
      'The time when its stored bytes were last read again and were those that were uploaded; null before the first time.',
  })
  verifiedAt!: Date | null;

  @Field(() => DateTime, { description: 'The time when it was acknowledged.' })
  createdAt!: Date;

  @Field(() => DateTime, {
    description: 'The time of the last change of its name, description, metadata or place.',
  })
  updatedAt!: Date;

  @Field(() => DateTime, {
    description: 'The time of its claim by a record; null until then.',
    nullable: true,
  })
  claimedAt!: Date | null;

  @Field(() => DateTime, {
    nullable: true,
    description:
      'When it will be purged: after the grace period while neither claimed nor linked; after the retention once unlinked from its last field; after its days in the trash; else null.',
  })
  expiresAt!: Date | null;

  @Field(() => Int, {
    description: 'Grows by one with each replaceContent that is approved; 1 at first.',
  })
  version!: number;

  @Field(() => DateTime, {
    nullable: true,
    description: 'The time when it was put into the trash; null while it is in use.',
  })
  deletedAt!: Date | null;
}

/** The one place that decides what of an attachment leaves. */
export function toAttachment(stored: StoredAttachment): Attachment {
  const { attachment, blob } = stored;
  const { description, descriptionFormat: format, metadataType, metadataAttributes } = attachment;
  // One by one: `Object.assign` costs a list a fiftieth of its time.
  const shown = new Attachment();
  shown.stored = stored;
  shown.id = attachment.id;
  shown.organizationId = attachment.organizationId;
  shown.fileName = attachment.fileName;
  shown.contentType = attachment.contentType;
  shown.size = attachment.size;
  shown.description = description === null ? null : { format, raw: description, attachment };
  shown.metadata = metadataType === null ? null : { type: metadataType, attributes: metadataAttributes };
  shown.documentKey = blob.documentKey;
  shown.status = blob.verdict;
  shown.damaged = blob.damagedAt !== null;
  shown.verifiedAt = blob.verifiedAt;
  shown.createdAt = attachment.createdAt;
  shown.updatedAt = attachment.updatedAt;
  shown.claimedAt = attachment.claimedAt;
  shown.expiresAt = attachment.expiresAt;
  shown.version = attachment.version;
  shown.deletedAt = attachment instanceof TrashedAttachmentRow ? attachment.deletedAt : null;
  return shown;
}

export const AttachmentConnection = connectionType('Attachment', Attachment);
