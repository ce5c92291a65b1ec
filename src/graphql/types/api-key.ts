import { Field, ID, InputType, ObjectType } from 'type-graphql';
import type { ApiKeyRow } from '../../database/entities/api-key.js';
import { connectionType } from './connection.js';
import { DateTime, Node } from './scalars.js';

const optional = { nullable: true } as const;

@ObjectType({ implements: Node, description: 'A credential of a service account.', simpleResolvers: true })
export class ApiKey extends Node {
  /** The id that the field `principal` is read by. */
  principalId!: string;

  @Field(() => String)
  name!: string;

  @Field(() => String, { description: "The key's first characters, to tell keys apart." })
  prefix!: string;

  @Field(() => [String])
  permissions!: string[];

  @Field(() => DateTime)
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

@InputType()
export class CreateApiKeyInput {
  @Field(() => String)
  name!: string;

  @Field(() => [String], { description: "Names of permissions, each one of the caller's own." })
  permissions!: string[];

  @Field(() => DateTime, { ...optional, description: 'Must lie in the future.' })
  expiresAt?: Date | null;
}

@ObjectType({ description: 'secret is shown this once.', simpleResolvers: true })
export class CreateApiKeyPayload {
  @Field(() => ApiKey)
  apiKey!: ApiKey;

  @Field(() => String)
  secret!: string;
}

@InputType()
export class RevokeApiKeyInput {
  @Field(() => ID)
  id!: string;
}

@ObjectType({ simpleResolvers: true })
export class RevokeApiKeyPayload {
  @Field(() => ApiKey)
  apiKey!: ApiKey;
}
