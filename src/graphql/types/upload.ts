import { Field, Int, ObjectType } from 'type-graphql';
import type { UploadTargetProgress } from '../../intake/find-target.js';
import type { Policy } from '../../policies/policy.js';
import type { DirectUploadTarget } from '../../storage/storage.js';
import { ExtensionRule, Sharing, UploadProtocol, UploadTargetState } from './enums.js';
import { DateTime, SafeInt, Url } from './scalars.js';

@ObjectType({ description: 'A content type that a policy accepts.', simpleResolvers: true })
export class AcceptedType {
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
export class HttpHeader {
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
    description: 'The URL, which needs no credential unless the upload was made by POST /uploads.',
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

  @Field(() => DateTime, { description: 'The time from which on it takes no bytes.' })
  expiresAt!: Date;
}

export function toUploadTarget(
  { received, state, expiresAt, ...target }: UploadTargetProgress,
  { url, headers: given }: DirectUploadTarget,
): UploadTarget {
  const { documentKey, protocol, deferred } = target;
  const size = deferred ? received : target.size;
  const headers = Object.entries(given).map(([name, value]) => ({ name, value }));
  const method = protocol === 'PUT' ? 'PUT' : 'PATCH';
  return { documentKey, url, method, headers, expiresAt, protocol, state, received, size };
}
