import { Field, ID, InputType, Int, ObjectType } from 'type-graphql';
import type { ApiKeyRow } from '../../database/entities/organization.js';
import type { StoredAttachment } from '../../model/stored-attachment.js';
import type { StoredShareLink } from '../../sharing/share-links.js';
import { connectionType, DateTime, Node, SafeInt, Url } from './connection.js';
import { PrincipalKind } from './enums.js';

@ObjectType({ description: 'A user or a service account of an organization.', simpleResolvers: true })
export class Principal {
  @Field(() => ID, { description: 'The id in the system that issues the credentials.' })
  id!: string;

  @Field(() => PrincipalKind, { description: 'User or service account.' })
  kind!: keyof typeof PrincipalKind;

  @Field(() => String, { description: 'A name for people; null if none is known.', nullable: true })
  name!: string | null;
}

@ObjectType('Viewer', { description: 'Who asks, and what the credential permits.', simpleResolvers: true })
export class ViewerType {
  @Field(() => Principal, { description: 'The user or service account.' })
  principal!: Principal;

  @Field(() => ID, { description: 'The organization that the credential belongs to.' })
  organizationId!: string;

  @Field(() => [String], {
    description: 'The names of what the credential permits, such as attachments:read.',
  })
  permissions!: string[];
}

@ObjectType({
  description: 'The storage that an organization has taken, and may take.',
  simpleResolvers: true,
})
export class Usage {
  @Field(() => SafeInt, { description: 'Of distinct stored contents, versions and trash included.' })
  bytes!: number;

  @Field(() => SafeInt, { nullable: true, description: 'Null: no bound.' })
  maxBytes!: number | null;

  @Field(() => SafeInt, { description: 'Attachments that there are, unclaimed ones and trash included.' })
  attachments!: number;

  @Field(() => SafeInt, { nullable: true, description: 'Null: no bound.' })
  maxAttachments!: number | null;
}

const optional = { nullable: true } as const;

@ObjectType({ implements: Node, description: 'A credential of a service account.', simpleResolvers: true })
export class ApiKey extends Node {
  /** The id that the field `principal` is read by. */
  principalId!: string;

  @Field(() => String, { description: 'The name that its maker gave it.' })
  name!: string;

  @Field(() => String, { description: "The key's first characters, to tell keys apart." })
  prefix!: string;

  @Field(() => [String], { description: 'The names of what it permits, such as attachments:read.' })
  permissions!: string[];

  @Field(() => DateTime, { description: 'The time of its creation.' })
  createdAt!: Date;

  @Field(() => DateTime, { ...optional, description: 'It is refused from then on; null: it has no end.' })
  expiresAt!: Date | null;

  @Field(() => DateTime, { ...optional, description: 'Brought up to date about once a minute.' })
  lastUsedAt!: Date | null;

  @Field(() => DateTime, {
    ...optional,
    description: 'It is refused from a second after; null: it is not revoked.',
  })
  revokedAt!: Date | null;
}

/** The one place that decides what of a key leaves. */
export function toApiKey(row: ApiKeyRow): ApiKey {
  return Object.assign(new ApiKey(), {
    id: row.id,
    principalId: row.principalId,
    name: row.name,
    prefix: row.prefix,
    permissions: row.permissions,
    createdAt: row.createdAt,
    expiresAt: row.expiresAt,
    lastUsedAt: row.lastUsedAt,
    revokedAt: row.revokedAt,
  });
}

export const ApiKeyConnection = connectionType('ApiKey', ApiKey);

@InputType({ description: "Makes a credential of the viewer's organization." })
export class CreateApiKeyInput {
  @Field(() => String, { description: 'A name that tells keys apart.' })
  name!: string;

  @Field(() => [String], { description: "Names of permissions, each one of the caller's own." })
  permissions!: string[];

  @Field(() => DateTime, { ...optional, description: 'Must lie in the future.' })
  expiresAt?: Date | null;
}

@ObjectType({ description: 'secret is shown this once.', simpleResolvers: true })
export class CreateApiKeyPayload {
  @Field(() => ApiKey, { description: 'The key without its secret.' })
  apiKey!: ApiKey;

  @Field(() => String, { description: 'The key itself. It cannot be read again.' })
  secret!: string;
}

@InputType({ description: 'Ends an API key for good.' })
export class RevokeApiKeyInput {
  @Field(() => ID, { description: "A key of the viewer's organization; else NOT_FOUND." })
  id!: string;
}

@ObjectType({ simpleResolvers: true })
export class RevokeApiKeyPayload {
  @Field(() => ApiKey, { description: 'The key, revoked.' })
  apiKey!: ApiKey;
}

@ObjectType({
  implements: Node,
  description: 'A link that whoever has it can download by, until it is revoked.',
  simpleResolvers: true,
})
export class ShareLink extends Node {
  /** The rows of what it shares. */
  stored!: StoredAttachment;

  /** The id that the field `createdBy` is read by. */
  createdById!: string;

  @Field(() => DateTime, { description: 'The time of its creation.' })
  createdAt!: Date;

  @Field(() => DateTime, { ...optional, description: 'It works until then; null: until it is revoked.' })
  expiresAt!: Date | null;

  @Field(() => Int, { ...optional, description: 'It works for so many downloads; null: for any number.' })
  maxDownloads!: number | null;

  @Field(() => Int, { description: 'Downloads so far that began at the first byte.' })
  downloads!: number;

  @Field(() => DateTime, { ...optional, description: 'The time of the last download; null: there was none.' })
  lastUsedAt!: Date | null;

  @Field(() => DateTime, { ...optional, description: 'The time since which it is revoked; null: it is not.' })
  revokedAt!: Date | null;
}

/** The one place that decides what of a link leaves. */
export function toShareLink({ link, stored }: StoredShareLink): ShareLink {
  const { id, createdById, createdAt, expiresAt, maxDownloads, downloads, lastUsedAt, revokedAt } = link;
  const use = { maxDownloads, downloads, lastUsedAt, revokedAt };
  return Object.assign(new ShareLink(), { id, stored, createdById, createdAt, expiresAt, ...use });
}

export const ShareLinkConnection = connectionType('ShareLink', ShareLink);

@InputType({ description: 'Makes a link by which anybody who has it can download an attachment.' })
export class CreateShareLinkInput {
  @Field(() => ID, { description: 'An attachment that the viewer may change; else NOT_FOUND or FORBIDDEN.' })
  attachmentId!: string;

  @Field(() => DateTime, { ...optional, description: 'Null: until it is revoked. Must lie in the future.' })
  expiresAt?: Date | null;

  @Field(() => Int, { ...optional, description: 'Null: any number.' })
  maxDownloads?: number | null;
}

@ObjectType({ description: 'url is shown this once.', simpleResolvers: true })
export class CreateShareLinkPayload {
  @Field(() => ShareLink, { description: 'The link without its URL.' })
  shareLink!: ShareLink;

  @Field(() => Url, { description: 'The link itself. It cannot be read again.' })
  url!: string;
}

@InputType({ description: 'Ends a share link for good.' })
export class RevokeShareLinkInput {
  @Field(() => ID, {
    description: 'A link of an attachment that the viewer may change; else NOT_FOUND or FORBIDDEN.',
  })
  id!: string;
}

@ObjectType({ simpleResolvers: true })
export class RevokeShareLinkPayload {
  @Field(() => ShareLink, { description: 'The link, revoked.' })
  shareLink!: ShareLink;
}
