import {
  defaultFieldResolver,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLFieldResolver,
  GraphQLID,
  type GraphQLInputField,
  type GraphQLSchema,
  getNamedType,
  isInputObjectType,
} from 'graphql';
import { toId } from '../database/typeorm.js';
import { characterFault } from '../errors.js';
import type { GraphqlContext } from './context.js';

/** Ids that others have given: of records by the host application, of users by the issuer of their tokens. */
const foreignIds = new Set([
  'AttachmentFilter.createdBy',
  'AuditFilter.principalId',
  'Query.record.id',
  'RecordInput.id',
]);

type RootField = GraphQLField<unknown, GraphqlContext>;
type Resolve = GraphQLFieldResolver<unknown, GraphqlContext>;
type Values = Record<string, unknown>;

/** Whether the host application, or the issuer of tokens, gives the ids at this place. */
export const isForeignId = (place: string): boolean => foreignIds.has(place);

/** Has every operation take our own ids in capitals too, as `toId` writes them. A text that can be none is like one that never was. */
export function unifyIds(schema: GraphQLSchema): void {
  for (const type of [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()])
    if (type) for (const field of Object.values(type.getFields())) unifyArguments(field, type.name);
}

function unifyArguments(field: RootField, typeName: string): void {
  const place = `${typeName}.${field.name}`;
  if (!field.args.some((input) => holdsIds(input, place))) return;
  const unify =
    (inner: Resolve): Resolve =>
    (source, args: Values, context, info) =>
      inner(source, unified(field.args, place, args), context, info);
  if (field.subscribe) field.subscribe = unify(field.subscribe);
  field.resolve = unify(field.resolve ?? defaultFieldResolver);
}

type Input = GraphQLArgument | GraphQLInputField;

/** Input types do not hold themselves here: a type that does would need a list of those seen. */
function holdsIds({ name, type: given }: Input, place: string): boolean {
  const type = getNamedType(given);
  if (type === GraphQLID) return !isForeignId(`${place}.${name}`);
  return (
    isInputObjectType(type) && Object.values(type.getFields()).some((member) => holdsIds(member, type.name))
  );
}

function unified(inputs: readonly Input[], place: string, values: Values): Values {
  const changed: Values = { ...values };
  for (const input of inputs)
    if (Object.hasOwn(values, input.name) && holdsIds(input, place))
      changed[input.name] = unifiedValue(input, values[input.name]);
  return changed;
}

function unifiedValue(input: Input, value: unknown): unknown {
  const type = getNamedType(input.type);
  if (Array.isArray(value)) return value.map((item) => unifiedValue(input, item));
  if (typeof value === 'string') return type === GraphQLID ? toOwnId(value) : value;
  if (!isInputObjectType(type) || typeof value !== 'object' || value === null) return value;
  return unified(Object.values(type.getFields()), type.name, value as Values);
}

const toOwnId = (text: string): string => (characterFault(text) ? '' : toId(text));
