import {
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLOutputType,
  getNamedType,
  isAbstractType,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import { createSchema } from '../../../src/graphql/schema.js';

export type OperationKind = 'query' | 'mutation' | 'subscription';

/** An operation of the schema, ready to be asked with arguments of choice. */
export interface Operation {
  kind: OperationKind;
  /** Such as `Mutation`. */
  type: string;
  name: string;
  /** With every argument as a variable, asking for `selection`. */
  document(selection?: string): string;
  /** Every field of the answer, some objects deep. */
  everything: string;
  /** Every required argument filled with something well formed; `given` are values by path, such as `input.record.id`. */
  variables(given?: Readonly<Record<string, unknown>>): Record<string, unknown>;
  /** The paths of all arguments, those of optional inputs too, by the name of their type. */
  leaves: readonly Leaf[];
}

/** An argument, or a member of one, that is no object itself. */
export interface Leaf {
  path: string;
  type: string;
  isList: boolean;
}

type Field = GraphQLField<unknown, unknown>;

/** All operations of the schema: a new one is among them without being told of. */
export function allOperations(): Operation[] {
  const roots = {
    query: schema.getQueryType(),
    mutation: schema.getMutationType(),
    subscription: schema.getSubscriptionType(),
  };
  return Object.entries(roots).flatMap(([kind, type]) =>
    isObjectType(type)
      ? Object.values(type.getFields()).map((field) =>
          toOperation(kind as OperationKind, type.name, field as Field),
        )
      : [],
  );
}

const schema = createSchema({ federation: true });

/** All fields of a type and of what lies `depth` objects below it. */
function selectAll(type: GraphQLOutputType, depth: number): string {
  const named = getNamedType(type);
  if (isAbstractType(named)) {
    const kinds = schema.getPossibleTypes(named);
    return `__typename ${kinds.map((kind) => `... on ${kind.name} { ${selectAll(kind, depth)} }`).join(' ')}`;
  }
  if (!isObjectType(named) || depth === 0) return '__typename';
  const fields = Object.values(named.getFields()).map((field) => {
    const isLeaf = isLeafType(getNamedType(field.type));
    return isLeaf ? field.name : `${field.name} { ${selectAll(field.type, depth - 1)} }`;
  });
  return `__typename ${fields.join(' ')}`;
}

function toOperation(kind: OperationKind, type: string, field: Field): Operation {
  const { name, args } = field;
  const leaves = args.flatMap((arg) => leavesOf(arg.type, arg.name));
  return {
    kind,
    type,
    name,
    leaves,
    everything: selectAll(field.type, 4),
    document: (selection = '__typename') => {
      const declared = args.map((arg) => `$${arg.name}: ${arg.type}`).join(', ');
      const passed = args.map((arg) => `${arg.name}: $${arg.name}`).join(', ');
      return `${kind} ${declared && `(${declared})`} { ${name} ${passed && `(${passed})`} { ${selection} } }`;
    },
    variables: (given = {}) => sampleMembers(args, '', given),
  };
}

function leavesOf(type: GraphQLInputType, path: string, isList = false): Leaf[] {
  if (isNonNullType(type)) return leavesOf(type.ofType, path, isList);
  if (isListType(type)) return leavesOf(type.ofType, path, true);
  if (!isInputObjectType(type)) return [{ path, type: type.name, isList }];
  return Object.values(type.getFields()).flatMap((member) => leavesOf(member.type, `${path}.${member.name}`));
}

interface Member {
  name: string;
  type: GraphQLInputType;
  defaultValue?: unknown;
}

function sampleMembers(
  members: readonly Member[],
  prefix: string,
  given: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const filled = members.flatMap(({ name, type, defaultValue }) => {
    const path = `${prefix}${name}`;
    const isRequired = isNonNullType(type) && defaultValue === undefined;
    const isGiven = Object.keys(given).some((known) => known === path || known.startsWith(`${path}.`));
    return isRequired || isGiven ? [[name, sample(type, path, given)]] : [];
  });
  return Object.fromEntries(filled) as Record<string, unknown>;
}

function sample(type: GraphQLInputType, path: string, given: Readonly<Record<string, unknown>>): unknown {
  if (Object.hasOwn(given, path)) return given[path];
  if (isNonNullType(type)) return sample(type.ofType, path, given);
  if (isListType(type))
    return Object.keys(given).some((known) => known.startsWith(`${path}.`))
      ? [sample(type.ofType, path, given)]
      : [];
  if (isEnumType(type)) return type.getValues()[0]?.name;
  if (!isInputObjectType(type)) return samples[path.split('.').at(-1) ?? ''] ?? samples[type.name];
  const members = Object.values(type.getFields());
  const prefix = `${path}.`;
  const chosen = members.some(({ name }) => Object.hasOwn(given, `${prefix}${name}`));
  if (type.isOneOf && !chosen) return { base64: 'eA==' };
  return sampleMembers(members, prefix, given);
}

/** By the name of the argument, else by its type. */
const samples: Record<string, unknown> = {
  contentType: 'text/plain',
  fileName: 'x.txt',
  ID: '01a1fb65-08c0-765b-84f5-000000000000',
  String: 'x',
  Int: 1,
  SafeInt: 1,
  URL: 'https://example.org/',
  DateTime: '2999-01-01T00:00:00Z',
};
