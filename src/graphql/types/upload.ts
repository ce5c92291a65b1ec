import { Field, Int, ObjectType } from 'type-graphql';
import type { UploadTargetRow } from '../../database/entities/upload-target.js';
import type { Policy } from '../../policies/policy.js';
import type { DirectUploadTarget } from '../../storage/storage.js';
import { ExtensionRule, Sharing } from './enums.js';
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

export function toUploadPolicy({ acceptedTypes, ...policy }: Policy): UploadPolicy {
  const accepted = [...(acceptedTypes ?? [])].map(([contentType, extensions]) => ({
    contentType,
    extensions: [...extensions],
  }));
  const rule = policy.extensions === 'any' ? ExtensionRule.ANY : ExtensionRule.MATCH;
  return { ...policy, acceptedTypes: accepted, extensions: rule };
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

  @Field(() => Url, { description: 'The URL, which needs no credential.' })
  url!: string;

  @Field(() => String, { description: 'The HTTP method.' })
  method!: string;

  @Field(() => [HttpHeader], {
    description: 'The headers to send. None is one that browsers set themselves.',
  })
  headers!: HttpHeader[];

  @Field(() => DateTime, { description: 'The time from which on it takes no bytes.' })
  expiresAt!: Date;
}

export function toUploadTarget(
  { documentKey, expiresAt }: UploadTargetRow & { expiresAt: Date },
  { url, headers: given }: DirectUploadTarget,
): UploadTarget {
  const headers = Object.entries(given).map(([name, value]) => ({ name, value }));
  return { documentKey, url, method: 'PUT', headers, expiresAt };
}
