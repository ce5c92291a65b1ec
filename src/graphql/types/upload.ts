import { Field, Int, ObjectType } from 'type-graphql';
import type { UploadTargetRow } from '../../database/entities/upload-target.js';
import type { Policy } from '../../policies/policy.js';
import type { DirectUploadTarget } from '../../storage/storage.js';
import { ExtensionRule, Sharing } from './enums.js';
import { DateTime, SafeInt, Url } from './scalars.js';

@ObjectType({ simpleResolvers: true })
export class AcceptedType {
  @Field(() => String)
  contentType!: string;

  @Field(() => [String])
  extensions!: string[];
}

@ObjectType({ description: 'What an upload must satisfy.', simpleResolvers: true })
export class UploadPolicy {
  @Field(() => String)
  name!: string;

  @Field(() => SafeInt)
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

  @Field(() => Sharing)
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

@ObjectType({ simpleResolvers: true })
export class HttpHeader {
  @Field(() => String)
  name!: string;

  @Field(() => String)
  value!: string;
}

@ObjectType({
  description:
    'Send the bytes with this method and these headers to url, then createAttachment with documentKey.',
  simpleResolvers: true,
})
export class UploadTarget {
  @Field(() => String)
  documentKey!: string;

  @Field(() => Url)
  url!: string;

  @Field(() => String)
  method!: string;

  @Field(() => [HttpHeader])
  headers!: HttpHeader[];

  @Field(() => DateTime)
  expiresAt!: Date;
}

export function toUploadTarget(
  { documentKey, expiresAt }: UploadTargetRow & { expiresAt: Date },
  { url, headers: given }: DirectUploadTarget,
): UploadTarget {
  const headers = Object.entries(given).map(([name, value]) => ({ name, value }));
  return { documentKey, url, method: 'PUT', headers, expiresAt };
}
