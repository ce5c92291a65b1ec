import { Field, ID, Int, ObjectType } from 'type-graphql';
import type { AttachmentErrorCode as ErrorCode } from '../../errors.js';
import { Attachment } from './attachment.js';
import { AttachmentErrorCode, RejectionReason } from './enums.js';
import { AttachmentLink, RecordField } from './record.js';
import { DateTime } from './scalars.js';
import { UploadTarget } from './upload.js';

@ObjectType({ simpleResolvers: true })
export class CreateAttachmentPayload {
  @Field(() => Attachment)
  attachment!: Attachment;
}

@ObjectType({
  description: "alreadyClaimed: it was this record's before; nothing changed.",
  simpleResolvers: true,
})
export class ClaimAttachmentPayload {
  @Field(() => Attachment)
  attachment!: Attachment;

  @Field(() => Boolean)
  alreadyClaimed!: boolean;
}

@ObjectType({ simpleResolvers: true })
export class LinkAttachmentsPayload {
  @Field(() => RecordField)
  field!: RecordField;

  @Field(() => [AttachmentLink])
  links!: AttachmentLink[];

  @Field(() => [Attachment], {
    description: 'Of the named ones, those that were rejected by the end of the hold.',
  })
  rejected!: Attachment[];

  @Field(() => [Attachment])
  unlinked!: Attachment[];
}

@ObjectType({ simpleResolvers: true })
export class UpdateAttachmentPayload {
  @Field(() => Attachment)
  attachment!: Attachment;
}

@ObjectType({ simpleResolvers: true })
export class CopyAttachmentPayload {
  @Field(() => Attachment)
  attachment!: Attachment;
}

@ObjectType({ simpleResolvers: true })
export class RescanAttachmentPayload {
  @Field(() => Attachment)
  attachment!: Attachment;
}

@ObjectType({ simpleResolvers: true })
export class ReleaseAttachmentPayload {
  @Field(() => Attachment)
  attachment!: Attachment;
}

@ObjectType({ simpleResolvers: true })
export class DeleteRecordAttachmentsPayload {
  @Field(() => [ID])
  deletedAttachmentIds!: string[];
}

@ObjectType({ simpleResolvers: true })
export class CreateUploadTargetPayload {
  @Field(() => UploadTarget)
  target!: UploadTarget;
}

@ObjectType({ simpleResolvers: true })
export class DeleteAttachmentPayload {
  @Field(() => ID)
  deletedAttachmentId!: string;
}

@ObjectType({ simpleResolvers: true })
export class Rejection {
  @Field(() => RejectionReason)
  reason!: keyof typeof RejectionReason;

  @Field(() => String)
  message!: string;

  @Field(() => String, { nullable: true, description: 'What the scanner calls it.' })
  signature!: string | null;

  @Field(() => DateTime)
  rejectedAt!: Date;
}

@ObjectType({ simpleResolvers: true })
export class ErrorCodeInfo {
  @Field(() => AttachmentErrorCode)
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
