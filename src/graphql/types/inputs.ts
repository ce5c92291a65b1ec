import { ArgsType, Field, ID, InputType, Int } from 'type-graphql';
import { DateTime } from './connection.js';
import { AttachmentOrderField, AttachmentStatus, LinkMode, OrderDirection } from './enums.js';

const optional = { nullable: true } as const;

export const idempotent =
  'Same principal, same key, same input: what the first request made. Other input: IDEMPOTENCY_CONFLICT.';

@ArgsType()
export class PageArgs {
  @Field(() => Int, {
    nullable: true,
    description: 'Items of the page from its beginning, 0 to 1,000; 50 if neither first nor last is given.',
  })
  first?: number | null;

  @Field(() => Int, {
    nullable: true,
    description: 'Items of the page from its end, 0 to 1,000. Not together with first.',
  })
  last?: number | null;

  @Field(() => String, { nullable: true, description: 'A cursor: only what follows it.' })
  after?: string | null;

  @Field(() => String, { nullable: true, description: 'A cursor: only what precedes it.' })
  before?: string | null;
}

@InputType({ description: 'Names a record of the host application.' })
export class RecordInput {
  @Field(() => String, { description: 'Its kind, such as WorkPackage; at most 255 characters.' })
  type!: string;

  @Field(() => ID, { description: 'Its id there, at most 255 characters.' })
  id!: string;
}

@InputType({ description: "For when the record itself is deleted in the caller's system." })
export class DeleteRecordAttachmentsInput {
  @Field(() => RecordInput, { description: 'The record that is deleted.' })
  record!: RecordInput;
}

@InputType({ description: 'Gives an attachment that nobody has claimed to a record, for good.' })
export class ClaimAttachmentInput {
  @Field(() => ID, { description: 'An attachment that the viewer can see; else NOT_FOUND.' })
  attachmentId!: string;

  @Field(() => RecordInput, { description: 'The record that it belongs to from then on.' })
  record!: RecordInput;
}

@InputType({ description: 'Gives a claimed attachment to another record.' })
export class TransferAttachmentInput {
  @Field(() => ID, { description: 'An attachment that the viewer can see; else NOT_FOUND.' })
  attachmentId!: string;

  @Field(() => RecordInput, { description: 'The record that has claimed it; else ALREADY_CLAIMED.' })
  from!: RecordInput;

  @Field(() => RecordInput, { description: 'The record that it belongs to from then on.' })
  to!: RecordInput;

  @Field(() => String, {
    nullable: true,
    description: 'Append it to this field of the new record. It leaves the fields of the old one anyway.',
  })
  field?: string | null;

  @Field(() => Boolean, {
    description: 'Revokes its share links. Else they stay, and lead to it at its new record.',
    defaultValue: false,
  })
  revokeShareLinks!: boolean;
}

@InputType({
  description: 'Copies of all that the fields of one record hold, in the same fields and order of another.',
})
export class CopyRecordAttachmentsInput {
  @Field(() => RecordInput, { description: 'The record to copy from.' })
  from!: RecordInput;

  @Field(() => RecordInput, {
    description: 'The record that gets the copies, behind those that its fields hold already.',
  })
  to!: RecordInput;

  @Field(() => String, { nullable: true, description: idempotent })
  idempotencyKey?: string | null;
}

@InputType({ description: 'Changes the ordered attachments of one field of a record.' })
export class LinkAttachmentsInput {
  @Field(() => RecordInput, { description: 'The record with the field.' })
  record!: RecordInput;

  @Field(() => String, { description: "The name of the record's field.", defaultValue: 'attachments' })
  field!: string;

  @Field(() => [ID], { description: 'The attachments, in order and without duplicates.' })
  attachmentIds!: string[];

  @Field(() => LinkMode, {
    description: 'The way that they meet those that the field holds already.',
    defaultValue: LinkMode.REPLACE,
  })
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

@InputType({ description: 'Has content checked again, such as after the scanner learnt new signatures.' })
export class RescanAttachmentInput {
  @Field(() => ID, { description: 'An attachment that the viewer can see; else NOT_FOUND.' })
  attachmentId!: string;
}

@InputType({ description: 'Overrides a rejection; needs attachments:admin and leaves a reason behind.' })
export class ReleaseAttachmentInput {
  @Field(() => ID, { description: 'A rejected attachment that the viewer can see; else NOT_FOUND.' })
  attachmentId!: string;

  @Field(() => String, { description: 'The reason of the decision, which the audit log keeps.' })
  reason!: string;
}

@InputType({ description: 'Deletes an attachment and takes it out of every field.' })
export class DeleteAttachmentInput {
  @Field(() => ID, { description: 'An attachment that the viewer may change; else NOT_FOUND or FORBIDDEN.' })
  attachmentId!: string;

  @Field(() => Boolean, {
    description: 'Past the trash, or out of it: it cannot be restored.',
    defaultValue: false,
  })
  permanently!: boolean;
}

@InputType({ description: 'Takes an attachment out of the trash.' })
export class RestoreAttachmentInput {
  @Field(() => ID, {
    description:
      'An attachment in the trash that the viewer could have deleted; else NOT_FOUND or FORBIDDEN.',
  })
  attachmentId!: string;
}

@InputType('AttachmentFilter', {
  description: 'Every condition given must hold; of the values of one condition, any.',
})
export class AttachmentFilterInput {
  @Field(() => [AttachmentStatus], { nullable: true, description: 'Any of these verdicts.' })
  status?: (keyof typeof AttachmentStatus)[] | null;

  @Field(() => Boolean, {
    nullable: true,
    description: 'True: only those that a record has claimed. False: only the others.',
  })
  claimed?: boolean | null;

  @Field(() => Boolean, {
    nullable: true,
    description: 'True: only those that at least one field holds. False: only the others.',
  })
  linked?: boolean | null;

  @Field(() => RecordInput, { nullable: true, description: 'Claimed by this record, or linked to it.' })
  record?: RecordInput | null;

  @Field(() => [String], {
    nullable: true,
    description: 'By any of its names. An asterisk may stand for the second part, or for both.',
  })
  contentType?: string[] | null;

  @Field(() => String, {
    nullable: true,
    description:
      'Case and the form of Unicode do not count: äpf finds Äpfel. From 3 characters on it has an index.',
  })
  fileNameContains?: string | null;

  @Field(() => ID, { nullable: true, description: 'The id of the principal that created it.' })
  createdBy?: string | null;

  @Field(() => DateTime, { nullable: true, description: 'Only those created later than this.' })
  createdAfter?: Date | null;

  @Field(() => DateTime, { nullable: true, description: 'Only those created earlier than this.' })
  createdBefore?: Date | null;

  @Field(() => String, {
    nullable: true,
    description: 'The SHA-256 of the content, as 64 hexadecimal digits.',
  })
  sha256?: string | null;

  @Field(() => Boolean, {
    nullable: true,
    description: 'True: only those whose stored bytes are damaged or gone. False: only the others.',
  })
  damaged?: boolean | null;

  @Field(() => Boolean, {
    description: 'True: only those in the trash. False: only the others.',
    defaultValue: false,
  })
  deleted!: boolean;

  @Field(() => [ID], optional)
  ids?: string[] | null;
}

@InputType('AttachmentOrder', {
  description: 'The order of a list of attachments. Equal ones are ordered by id.',
})
export class AttachmentOrderInput {
  @Field(() => AttachmentOrderField, {
    description: 'The value that counts.',
    defaultValue: AttachmentOrderField.CREATED_AT,
  })
  field!: keyof typeof AttachmentOrderField;

  @Field(() => OrderDirection, { description: 'Ascending or descending.', defaultValue: OrderDirection.DESC })
  direction!: keyof typeof OrderDirection;
}
