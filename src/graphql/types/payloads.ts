import { Field, ID, Int, ObjectType } from 'type-graphql';
import type { Deletion } from '../../attachments/delete-attachments.js';
import type { AttachmentErrorCode as ErrorCode } from '../../errors.js';
import { Attachment } from './attachment.js';
import { DateTime } from './connection.js';
import { AttachmentErrorCode, RejectionReason } from './enums.js';
import { AttachmentLink, HostRecord, RecordField } from './record.js';
import { UploadPartTarget, UploadTarget } from './upload.js';

@ObjectType({ simpleResolvers: true })
export class CreateAttachmentPayload {
  @Field(() => Attachment, { description: 'The attachment. Its bytes and its row are durable.' })
  attachment!: Attachment;
}

@ObjectType({
  description: "alreadyClaimed: it was this record's before; nothing changed.",
  simpleResolvers: true,
})
export class ClaimAttachmentPayload {
  @Field(() => Attachment, { description: 'The attachment as the claim left it.' })
  attachment!: Attachment;

  @Field(() => Boolean, {
    description: 'True if the same record had claimed it before, and nothing changed.',
  })
  alreadyClaimed!: boolean;
}

@ObjectType({ simpleResolvers: true })
export class LinkAttachmentsPayload {
  @Field(() => RecordField, { description: 'The field as the change left it.' })
  field!: RecordField;

  @Field(() => [AttachmentLink], {
    description:
      "The field's links after the change, in order. Those with an outstanding verdict are included.",
  })
  links!: AttachmentLink[];

  @Field(() => [Attachment], {
    description: 'Of the named ones, those that were rejected by the end of the hold.',
  })
  rejected!: Attachment[];

  @Field(() => [Attachment], { description: 'The attachments that the change took out of the field.' })
  unlinked!: Attachment[];
}

@ObjectType({ simpleResolvers: true })
export class UpdateAttachmentPayload {
  @Field(() => Attachment, { description: 'The attachment as the change left it.' })
  attachment!: Attachment;
}

@ObjectType({ simpleResolvers: true })
export class CopyAttachmentPayload {
  @Field(() => Attachment, { description: 'The copy.' })
  attachment!: Attachment;
}

@ObjectType({ simpleResolvers: true })
export class CopyRecordAttachmentsPayload {
  @Field(() => HostRecord, { description: 'The record that has the copies.' })
  record!: HostRecord;
}

@ObjectType({ simpleResolvers: true })
export class TransferAttachmentPayload {
  @Field(() => Attachment, { description: 'The attachment as the transfer left it.' })
  attachment!: Attachment;
}

@ObjectType({ simpleResolvers: true })
export class RescanAttachmentPayload {
  @Field(() => Attachment, { description: 'The attachment, with its verdict outstanding.' })
  attachment!: Attachment;
}

@ObjectType({ simpleResolvers: true })
export class ReleaseAttachmentPayload {
  @Field(() => Attachment, { description: 'The attachment, approved.' })
  attachment!: Attachment;
}

@ObjectType({ simpleResolvers: true })
export class DeleteRecordAttachmentsPayload {
  @Field(() => [ID], {
    description:
      'The ids of all that the record had claimed: gone, or in the trash. Shared ones are only unlinked.',
  })
  deletedAttachmentIds!: string[];
}

@ObjectType({ simpleResolvers: true })
export class CreateUploadTargetPayload {
  @Field(() => UploadTarget, { description: 'The target, which is good until it expires.' })
  target!: UploadTarget;
}

@ObjectType({ simpleResolvers: true })
export class SignUploadPartsPayload {
  @Field(() => [UploadPartTarget], { description: 'A URL for each number, in the order of the input.' })
  parts!: UploadPartTarget[];
}

@ObjectType({ simpleResolvers: true })
export class CompleteUploadTargetPayload {
  @Field(() => UploadTarget, { description: 'The target, FINISHED.' })
  target!: UploadTarget;
}

@ObjectType({ simpleResolvers: true })
export class AbortUploadTargetPayload {
  @Field(() => String, { description: 'The key that is gone.' })
  documentKey!: string;
}

@ObjectType({ simpleResolvers: true })
export class DeleteAttachmentPayload {
  @Field(() => ID, { description: 'The id that is gone, or in the trash.' })
  deletedAttachmentId!: string;

  deletion!: Deletion;
}

@ObjectType({ simpleResolvers: true })
export class RestoreAttachmentPayload {
  @Field(() => Attachment, { description: 'The attachment, in no field.' })
  attachment!: Attachment;
}

@ObjectType({ description: 'The reason why content was rejected.', simpleResolvers: true })
export class Rejection {
  @Field(() => RejectionReason, { description: 'The kind of reason.' })
  reason!: keyof typeof RejectionReason;

  @Field(() => String, { description: 'A sentence for people.' })
  message!: string;

  @Field(() => String, { nullable: true, description: 'What the scanner calls it.' })
  signature!: string | null;

  @Field(() => DateTime, { description: 'The time of the verdict.' })
  rejectedAt!: Date;
}

@ObjectType({ description: 'One code of errors, with its meaning for clients.', simpleResolvers: true })
export class ErrorCodeInfo {
  @Field(() => AttachmentErrorCode, { description: 'The value of errors[].extensions.code.' })
  code!: ErrorCode;

  @Field(() => Int, {
    description:
      'Of a request that is refused as a whole. An operation that was executed answers 200, or 401.',
  })
  httpStatus!: number;

  @Field(() => String, { description: 'For people; a refusal may say more.' })
  message!: string;

  @Field(() => Boolean, { description: 'Whether the same request may succeed later.' })
  retryable!: boolean;
}
