import { Field, InputType, Int, ObjectType } from 'type-graphql';
import type { UploadOffer } from '../../intake/create-upload-target.js';
import type { UploadTargetProgress } from '../../intake/from-target.js';
import type { PartOffer } from '../../intake/upload-parts.js';
import type { Policy } from '../../policies/check-policy.js';
import type { IncomingPart } from '../../storage/storage.js';
import { DateTime, SafeInt, Url } from './connection.js';
import { DigestInput } from './creation-inputs.js';
import { ExtensionRule, Sharing, UploadProtocol, UploadTargetState } from './enums.js';

@ObjectType({ description: 'A content type that a policy accepts.', simpleResolvers: true })
class AcceptedType {
  @Field(() => String, { description: 'Its registered name, such as application/pdf.' })
  contentType!: string;

  @Field(() => [String], { description: 'The extensions that go with it, each with its dot, such as .pdf.' })
  extensions!: string[];
}

@ObjectType({ description: 'What an upload must satisfy.', simpleResolvers: true })
export class UploadPolicy {
  @Field(() => String, { description: 'Its name in the policies file.' })
  name!: string;

  @Field(() => SafeInt, { description: 'Bytes of one file.' })
  maxFileSize!: number;

  @Field(() => SafeInt, { description: 'Bytes of one file as base64 or dataUrl, decoded.' })
  maxInlineSize!: number;

  @Field(() => [AcceptedType], { description: 'Empty: any type.' })
  acceptedTypes!: AcceptedType[];

  @Field(() => ExtensionRule, { description: 'How extension and content must agree.' })
  extensions!: keyof typeof ExtensionRule;

  @Field(() => Int, {
    nullable: true,
    description: 'How many attachments the field may hold; null: no bound.',
  })
  maxCount!: number | null;

  @Field(() => Sharing, { description: 'Whether linking claims.' })
  sharing!: keyof typeof Sharing;
}

export function toUploadPolicy(
  { maxInlineSize: ofService }: { maxInlineSize: number },
  { acceptedTypes, ...policy }: Policy,
): UploadPolicy {
  const maxInlineSize = Math.min(ofService, policy.maxFileSize);
  const accepted = [...(acceptedTypes ?? [])].map(([contentType, extensions]) => ({
    contentType,
    extensions: [...extensions],
  }));
  const rule = policy.extensions === 'any' ? ExtensionRule.ANY : ExtensionRule.MATCH;
  return { ...policy, maxInlineSize, acceptedTypes: accepted, extensions: rule };
}

@ObjectType({ description: 'A header of an HTTP request.', simpleResolvers: true })
class HttpHeader {
  @Field(() => String, { description: 'Its name.' })
  name!: string;

  @Field(() => String, { description: 'Its value.' })
  value!: string;
}

@ObjectType({
  description:
    'Send the bytes with this method and these headers to url, then createAttachment with documentKey.',
  simpleResolvers: true,
})
export class UploadTarget {
  @Field(() => String, { description: 'The key to create the attachment with, once the bytes have arrived.' })
  documentKey!: string;

  @Field(() => Url, {
    description:
      'The URL, which needs no credential unless the upload was made by POST /uploads. In parts: that of part 1.',
  })
  url!: string;

  @Field(() => String, { description: 'The HTTP method.' })
  method!: string;

  @Field(() => UploadProtocol, { description: 'The way that the bytes are sent.' })
  protocol!: keyof typeof UploadProtocol;

  @Field(() => UploadTargetState, { description: 'How far it is.' })
  state!: keyof typeof UploadTargetState;

  @Field(() => SafeInt, { description: 'Bytes that are durable by now.' })
  received!: number;

  @Field(() => SafeInt, {
    description: 'Bytes that were announced; those that are durable, while the client has announced none.',
  })
  size!: number;

  @Field(() => [HttpHeader], {
    description: 'The headers to send. None is one that browsers set themselves.',
  })
  headers!: HttpHeader[];

  @Field(() => SafeInt, {
    nullable: true,
    description: 'Bytes of each part but the last, which may have fewer; null unless it is sent in parts.',
  })
  partSize!: number | null;

  @Field(() => DateTime, { description: 'The time from which on it takes no bytes.' })
  expiresAt!: Date;
}

export function toUploadTarget(
  { received, state, expiresAt, ...target }: UploadTargetProgress,
  { url, headers: given, partSize }: UploadOffer,
): UploadTarget {
  const { documentKey, protocol, deferred } = target;
  const size = deferred ? received : target.size;
  const headers = Object.entries(given).map(([name, value]) => ({ name, value }));
  const method = protocol === 'TUS' ? 'PATCH' : 'PUT';
  return { documentKey, url, method, headers, partSize, expiresAt, protocol, state, received, size };
}

@ObjectType({ description: 'Where one part of an upload target goes.', simpleResolvers: true })
export class UploadPartTarget {
  @Field(() => Int, { description: 'Its place, from 1.' })
  partNumber!: number;

  @Field(() => SafeInt, { description: 'Exactly so many bytes are taken.' })
  size!: number;

  @Field(() => String, { description: 'The HTTP method.' })
  method!: string;

  @Field(() => Url, { description: 'The URL, which needs no credential.' })
  url!: string;

  @Field(() => DateTime, { description: 'The time from which on the URL takes no bytes; ask for another.' })
  expiresAt!: Date;
}

export const toUploadPartTarget = (offer: PartOffer): UploadPartTarget => ({ ...offer, method: 'PUT' });

@ObjectType({ description: 'A part that the store has.', simpleResolvers: true })
export class UploadPart {
  @Field(() => Int, { description: 'Its place, from 1.' })
  partNumber!: number;

  @Field(() => SafeInt, { description: 'Bytes.' })
  size!: number;

  @Field(() => String, { description: "The store's ETag." })
  tag!: string;
}

export const toUploadPart = ({ number, size, tag }: IncomingPart): UploadPart => ({
  partNumber: number,
  size,
  tag,
});

@InputType({ description: 'Asks for a URL that takes the bytes, past GraphQL.' })
export class CreateUploadTargetInput {
  @Field(() => String, { description: 'The name of the file, which decides on its extension.' })
  fileName!: string;

  @Field(() => String, { nullable: true, description: 'Left out or empty: found in the bytes.' })
  contentType?: string | null;

  @Field(() => DigestInput, {
    nullable: true,
    description: 'Refused with DIGEST_MISMATCH where the bytes disagree.',
  })
  digest?: DigestInput | null;

  @Field(() => SafeInt, {
    description: 'Bytes that will come. Any other number is refused with SIZE_MISMATCH.',
  })
  size!: number;

  @Field(() => String, {
    nullable: true,
    description: "Named policy to check against; null: the service's own default.",
  })
  policy?: string | null;

  @Field(() => UploadProtocol, {
    defaultValue: UploadProtocol.PUT,
    description: 'The way that the bytes will be sent.',
  })
  protocol!: keyof typeof UploadProtocol;
}

const ownTarget = "The key of a target of the viewer's own, made with S3_MULTIPART.";

@InputType({ description: 'Asks for URLs that take parts of a target.' })
export class SignUploadPartsInput {
  @Field(() => String, { description: ownTarget })
  documentKey!: string;

  @Field(() => [Int], { description: 'The places of the parts, from 1.' })
  partNumbers!: number[];
}

@InputType({ description: 'All parts of the target have been sent.' })
export class CompleteUploadTargetInput {
  @Field(() => String, { description: ownTarget })
  documentKey!: string;
}

@InputType({ description: 'The bytes of the target are not wanted any more.' })
export class AbortUploadTargetInput {
  @Field(() => String, { description: ownTarget })
  documentKey!: string;
}
