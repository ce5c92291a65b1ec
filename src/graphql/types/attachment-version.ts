import { Field, ID, InputType, Int, ObjectType } from 'type-graphql';
import type { ReplaceContent } from '../../attachments/replace-content.js';
import type { StoredAttachment } from '../../model/stored-attachment.js';
import { isCurrent, type StoredVersion } from '../../model/versions.js';
import { Attachment } from './attachment.js';
import { connectionType } from './connection.js';
import { ContentFieldsInput, toStatements } from './creation-inputs.js';
import { AttachmentStatus } from './enums.js';
import { DateTime, SafeInt } from './scalars.js';

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
