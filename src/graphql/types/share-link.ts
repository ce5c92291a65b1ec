import { Field, ID, InputType, Int, ObjectType } from 'type-graphql';
import type { StoredAttachment } from '../../model/stored-attachment.js';
import type { StoredShareLink } from '../../sharing/share-links.js';
import { connectionType } from './connection.js';
import { DateTime, Node, Url } from './scalars.js';

const optional = { nullable: true } as const;

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
