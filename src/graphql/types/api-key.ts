import { Field, ID, InputType, ObjectType } from 'type-graphql';
import type { ApiKeyRow } from '../../database/entities/api-key.js';
import { connectionType } from './connection.js';
import { DateTime, Node } from './scalars.js';

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
