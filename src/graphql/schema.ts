import 'reflect-metadata';
import { type GraphQLSchema, getNullableType, isInputObjectType, isObjectType } from 'graphql';
import { buildSchemaSync } from 'type-graphql';
import { guardArguments, guardRootFields } from './argument-guards.js';
import type { GraphqlContext } from './context.js';
import { meterFields } from './cost/meter-fields.js';
import { describeBounds } from './input-bounds.js';
import { unifyIds } from './input-ids.js';
import { AttachmentFields, FormattedTextFields, PictureFields } from './resolvers/attachment-fields.js';
import { ApiKeys, SharedAttachments, ShareLinks } from './resolvers/credentials.js';
import { Audit, Subscriptions } from './resolvers/events.js';
import { Federation } from './resolvers/federation.js';
import { DeleteAttachmentFields, Mutations, VerdictMutations } from './resolvers/mutations.js';
import { Queries, ViewerFields } from './resolvers/queries.js';
import {
  AttachmentLinkFields,
  RecordFieldResolver,
  RecordFields,
  RecordMutations,
} from './resolvers/records.js';
import { Uploads, VersionedAttachments, VersionFields } from './resolvers/uploads.js';
import { WebhookEndpoints, Webhooks } from './resolvers/webhooks.js';
import type { Attachment } from './types/attachment.js';
import { DateTime } from './types/connection.js';
import type { DigestAlgorithm } from './types/enums.js';

export interface SchemaOptions {
  /** Adds what a gateway of Federation 2 asks for. */
  federation: boolean;
}

/** The whole API, guarded by the table of permissions. */
export function createSchema({ federation }: SchemaOptions = { federation: false }): GraphQLSchema {
  const schema = buildSchemaSync({
    resolvers: [
      Queries,
      ViewerFields,
      Mutations,
      RecordMutations,
      AttachmentFields,
      PictureFields,
      FormattedTextFields,
      RecordFields,
      RecordFieldResolver,
      AttachmentLinkFields,
      DeleteAttachmentFields,
      VerdictMutations,
      Webhooks,
      WebhookEndpoints,
      ApiKeys,
      Audit,
      ShareLinks,
      SharedAttachments,
      VersionedAttachments,
      VersionFields,
      Subscriptions,
      Uploads,
      ...(federation ? [Federation] : []),
    ],
    scalarsMap: [{ type: Date, scalar: DateTime }],
    validate: false,
    // It would introspect the whole schema at each start; a test does that.
    skipCheck: true,
    pubSub: { publish: noPubSub, subscribe: noPubSub },
  });
  markOneOf(schema, 'AttachmentContentInput');
  letMutationsFailAlone(schema);
  describeRoots(schema);
  resolveAtOnce(schema);
  unifyIds(schema);
  describeBounds(schema);
  guardArguments(schema);
  guardRootFields(schema);
  meterFields(schema);
  return schema;
}

/** type-graphql asks for one; every subscription here has a source of its own. */
function noPubSub(): never {
  throw new Error('Nothing is published this way.');
}

/** type-graphql makes these types by itself. */
function describeRoots(schema: GraphQLSchema): void {
  const descriptions = {
    Query: 'All reads.',
    Mutation:
      'All changes. Each root field is a transaction of its own: one that fails is null, and the others stand.',
    Subscription: 'Live reads, over WebSocket or as server-sent events.',
  };
  for (const [name, description] of Object.entries(descriptions)) {
    const type = schema.getType(name);
    if (type) type.description = description;
  }
}

/** Makes the fields of `Mutation` nullable: one that fails must not take from the answer what the others have done. */
function letMutationsFailAlone(schema: GraphQLSchema): void {
  for (const field of Object.values(schema.getMutationType()?.getFields() ?? {})) {
    field.type = getNullableType(field.type);
  }
}

/** type-graphql has no `@oneOf`; graphql-js reads it from the type. */
function markOneOf(schema: GraphQLSchema, name: string): void {
  const type = schema.getType(name);
  if (!isInputObjectType(type)) throw new Error(`${name} is not an input type.`);
  type.isOneOf = true;
}

/**
 * Resolves `digest` and `url` past type-graphql, which checks arguments in promises and sorts the parameters of a method at each call:
 * a page has a hundred of both.
 */
function resolveAtOnce(schema: GraphQLSchema): void {
  const type = schema.getType('Attachment');
  const { digest, url } = isObjectType(type) ? type.getFields() : {};
  if (!digest || !url) throw new Error('Attachments have no digest, or no url.');
  const fields = new AttachmentFields();
  digest.resolve = (attachment: Attachment, { algorithm }: { algorithm: DigestAlgorithm }) =>
    fields.digest(attachment, algorithm);
  url.resolve = (attachment: Attachment, _args: unknown, context: GraphqlContext) =>
    fields.url(attachment, context);
}
