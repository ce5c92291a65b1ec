import { Field, ID, InputType } from 'type-graphql';
import type { CreationInput, Metadata } from '../../attachments/check-creation.js';
import type { Intake } from '../../intake/intake.js';
import { JsonObject, Upload, Url } from './connection.js';
import { DigestAlgorithm, TextFormat, WebhookInteraction } from './enums.js';
import { idempotent, RecordInput } from './inputs.js';

const optional = { nullable: true } as const;

@InputType({ description: 'Typed JSON that is kept with an attachment. As JSON it has at most 16 KiB.' })
class AttachmentMetadataInput {
  @Field(() => String, { description: "The kind of the metadata, in the caller's own words." })
  type!: string;

  @Field(() => JsonObject, { nullable: true, description: 'Any JSON object; null for none.' })
  attributes?: Record<string, unknown> | null;
}

@InputType({ description: 'A hash that the client has computed itself.' })
export class DigestInput {
  @Field(() => DigestAlgorithm, { description: 'The hash function.' })
  algorithm!: DigestAlgorithm;

  @Field(() => String, { description: 'Hexadecimal, in either case.' })
  hash!: string;
}

@InputType({ description: 'The source of the bytes.' })
class AttachmentContentInput {
  @Field(() => Upload, { nullable: true, description: 'A file part of the same multipart request.' })
  upload?: Promise<Intake> | null;

  @Field(() => String, { nullable: true, description: 'Standard or URL-safe alphabet, padded or not.' })
  base64?: string | null;

  @Field(() => String, { nullable: true, description: 'data:<type>;base64,<content>' })
  dataUrl?: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'An object stored earlier by way of createUploadTarget.',
  })
  documentKey?: string | null;
}

@InputType({ description: 'uri: http or https, publicly reachable.' })
class WebhookSubscriptionInput {
  @Field(() => Url, { description: 'The receiver: http or https, publicly reachable.' })
  uri!: URL;

  @Field(() => [WebhookInteraction], { description: 'The events to tell of, at least one.' })
  interactions!: (keyof typeof WebhookInteraction)[];
}

/** The members of every input that brings content. Those whose words differ are made optional by their own classes. */
@InputType()
export abstract class ContentFieldsInput {
  @Field(() => AttachmentContentInput, { description: 'The bytes.' })
  content!: AttachmentContentInput;

  @Field(() => String, {
    nullable: true,
    description:
      'Must agree with the bytes and with the extension; application/octet-stream leaves it to them.',
  })
  contentType?: string | null;

  @Field(() => DigestInput, {
    nullable: true,
    description: 'The hash that the client computed; refused with DIGEST_MISMATCH where the bytes disagree.',
  })
  digest?: DigestInput | null;

  fileName?: string | null;
  idempotencyKey?: string | null;
}

@InputType({
  description: 'Keeps a file. Without record it is unclaimed, and purged after the grace period.',
})
export class CreateAttachmentInput extends ContentFieldsInput {
  @Field(() => String, {
    nullable: true,
    description: "Wins over the file part's own name. Required where the content carries none.",
  })
  override fileName?: string | null;

  @Field(() => String, optional)
  description?: string | null;

  @Field(() => TextFormat, {
    description: 'The format that description is written in.',
    defaultValue: TextFormat.MARKDOWN,
  })
  descriptionFormat!: TextFormat;

  @Field(() => AttachmentMetadataInput, {
    nullable: true,
    description: 'Typed JSON to be kept with it; null for none.',
  })
  metadata?: AttachmentMetadataInput | null;

  @Field(() => RecordInput, { nullable: true, description: 'Claim it for this record at once.' })
  record?: RecordInput | null;

  @Field(() => String, { nullable: true, description: 'With record: append it to this field at once.' })
  field?: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'Without record, for a record that does not exist yet: with field, it chooses the policy.',
  })
  recordType?: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      "Named policy to check against; default: that of the record and field, else the service's own.",
  })
  policy?: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      'Same principal, same key, same input: the first attachment again. Other input: IDEMPOTENCY_CONFLICT.',
  })
  override idempotencyKey?: string | null;

  @Field(() => [WebhookSubscriptionInput], {
    nullable: true,
    description: 'Whom to tell of its verdict.',
  })
  webhooks?: WebhookSubscriptionInput[] | null;
}

@InputType({
  description: 'Changes what is said about an attachment. Members that are left out stay as they are.',
})
export class UpdateAttachmentInput {
  @Field(() => ID, { description: 'An attachment that the viewer may change; else NOT_FOUND or FORBIDDEN.' })
  attachmentId!: string;

  @Field(() => String, { nullable: true, description: 'The new name; left out or null: unchanged.' })
  fileName?: string | null;

  @Field(() => String, { nullable: true, description: 'Null takes it away.' })
  description?: string | null;

  @Field(() => TextFormat, {
    defaultValue: TextFormat.MARKDOWN,
    description: 'The format of the description, if one is given.',
  })
  descriptionFormat!: TextFormat;

  @Field(() => AttachmentMetadataInput, { nullable: true, description: 'Null takes it away.' })
  metadata?: AttachmentMetadataInput | null;
}

@InputType({
  description: "A new, unclaimed attachment of the caller's over the same stored bytes and verdict.",
})
export class CopyAttachmentInput {
  @Field(() => ID, { description: 'An attachment that the viewer can see; else NOT_FOUND.' })
  attachmentId!: string;

  @Field(() => String, { nullable: true, description: 'The name of the copy; null: that of the original.' })
  fileName?: string | null;

  @Field(() => String, { nullable: true, description: idempotent })
  idempotencyKey?: string | null;
}

export function toMetadata({ type, attributes }: AttachmentMetadataInput): Metadata {
  return { type, attributes: attributes ?? null };
}

/** The statements about content. A member that is left out counts as null. */
export function toStatements({ fileName, contentType, digest, idempotencyKey }: ContentFieldsInput) {
  return {
    fileName: fileName ?? null,
    contentType: contentType ?? null,
    digest: digest ?? null,
    idempotencyKey: idempotencyKey ?? null,
  };
}

/** A member that is left out counts as null. */
export function toCreation(input: CreateAttachmentInput): CreationInput {
  return {
    ...toStatements(input),
    description: input.description ?? null,
    descriptionFormat: input.descriptionFormat,
    metadata: input.metadata ? toMetadata(input.metadata) : null,
    record: input.record ?? null,
    recordType: input.recordType ?? null,
    field: input.field ?? null,
    policy: input.policy ?? null,
    webhooks: (input.webhooks ?? []).map(({ uri, interactions }) => ({ uri: uri.href, interactions })),
  };
}
