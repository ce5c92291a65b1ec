import {
  defaultFieldResolver,
  type GraphQLField,
  type GraphQLFieldResolver,
  type GraphQLObjectType,
  type GraphQLSchema,
} from 'graphql';
import { assertPermitted, needOfOperation } from '../auth/permission-table.js';
import type { GraphqlContext } from './context.js';
import { findLongTexts, textTooLong } from './read-json.js';

type RootField = GraphQLField<unknown, GraphqlContext>;
type Resolve = GraphQLFieldResolver<unknown, GraphqlContext>;

/** Puts the table of permissions in front of every operation. Throws where the table lacks one. */
export function guardRootFields(schema: GraphQLSchema): void {
  for (const type of [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()]) {
    if (type) for (const field of Object.values(type.getFields())) guardField(type, field);
  }
}

function guardField(type: GraphQLObjectType, field: RootField): void {
  const need = needOfOperation(type.name, field.name);
  const guard =
    (inner: Resolve): Resolve =>
    (source, args, context, info) => {
      if (need && need !== context.metNeed) assertPermitted(context.viewer, need);
      assertNoStrayText(args, field.name);
      return inner(source, args, context, info);
    };
  if (field.subscribe) field.subscribe = guard(field.subscribe);
  field.resolve = guard(field.resolve ?? defaultFieldResolver);
}

/** A long text is content of a file and nothing else. */
function assertNoStrayText(args: unknown, fieldName: string): void {
  for (const path of findLongTexts(args)) {
    if (contentFields.has(fieldName) && contentPaths.has(path.join('.'))) continue;
    throw textTooLong(path);
  }
}

const contentFields = new Set(['createAttachment', 'replaceContent']);
const contentPaths = new Set(['input.content.base64', 'input.content.dataUrl']);
