import { ArgsType, Field, ID, InputType, Int } from 'type-graphql';
import { AttachmentOrderField, AttachmentStatus, LinkMode, OrderDirection } from './enums.js';
import { DateTime } from './scalars.js';

const optional = { nullable: true } as const;

@ArgsType()
export class PageArgs {
  @Field(() => Int, optional)
  first?: number | null;

  @Field(() => Int, optional)
  last?: number | null;

  @Field(() => String, optional)
  after?: string | null;

  @Field(() => String, optional)
  before?: string | null;
}

@InputType()
export class RecordInput {
  @Field(() => String)
  type!: string;

  @Field(() => ID)
  id!: string;
}

@InputType({ description: "For when the record itself is deleted in the caller's system." })
export class DeleteRecordAttachmentsInput {
  @Field(() => RecordInput)
  record!: RecordInput;
}

@InputType()
export class ClaimAttachmentInput {
  @Field(() => ID)
  attachmentId!: string;

  @Field(() => RecordInput)
  record!: RecordInput;
}

@InputType()
export class LinkAttachmentsInput {
  @Field(() => RecordInput)
  record!: RecordInput;

  @Field(() => String, { defaultValue: 'attachments' })
  field!: string;

  @Field(() => [ID])
  attachmentIds!: string[];

  @Field(() => LinkMode, { defaultValue: LinkMode.REPLACE })
  mode!: keyof typeof LinkMode;

  @Field(() => Int, {
    nullable: true,
    description: 'Refused with VERSION_CONFLICT unless the field is at this version.',
  })
  expectedVersion?: number | null;

  @Field(() => Int, {
    defaultValue: 0,
    description: 'Wait this long for outstanding verdicts before answering, 0 to 10.',
  })
  holdSeconds!: number;
}

@InputType()
export class RescanAttachmentInput {
  @Field(() => ID)
  attachmentId!: string;
}

@InputType({ description: 'Overrides a rejection; needs attachments:admin and leaves a reason behind.' })
export class ReleaseAttachmentInput {
  @Field(() => ID)
  attachmentId!: string;

  @Field(() => String)
  reason!: string;
}

@InputType()
export class DeleteAttachmentInput {
  @Field(() => ID)
  attachmentId!: string;
}

@InputType('AttachmentFilter', {
  description: 'Every condition given must hold; of the values of one condition, any.',
})
export class AttachmentFilterInput {
  @Field(() => [AttachmentStatus], optional)
  status?: (keyof typeof AttachmentStatus)[] | null;

  @Field(() => Boolean, optional)
  claimed?: boolean | null;

  @Field(() => Boolean, optional)
  linked?: boolean | null;

  @Field(() => RecordInput, { nullable: true, description: 'Claimed by this record, or linked to it.' })
  record?: RecordInput | null;

  @Field(() => [String], {
    nullable: true,
    description: 'By any of its names, a family such as image/*, or */* for all.',
  })
  contentType?: string[] | null;

  @Field(() => String, {
    nullable: true,
    description:
      'Case and the form of Unicode do not count: äpf finds Äpfel. From 3 characters on it has an index.',
  })
  fileNameContains?: string | null;

  @Field(() => ID, optional)
  createdBy?: string | null;

  @Field(() => DateTime, optional)
  createdAfter?: Date | null;

  @Field(() => DateTime, optional)
  createdBefore?: Date | null;

  @Field(() => String, optional)
  sha256?: string | null;

  @Field(() => [ID], optional)
  ids?: string[] | null;
}

@InputType('AttachmentOrder')
export class AttachmentOrderInput {
  @Field(() => AttachmentOrderField, { defaultValue: AttachmentOrderField.CREATED_AT })
  field!: keyof typeof AttachmentOrderField;

  @Field(() => OrderDirection, { defaultValue: OrderDirection.DESC })
  direction!: keyof typeof OrderDirection;
}
