import {
  buildSchema,
  GraphQLError,
  type GraphQLFieldResolver,
  type GraphQLSchema,
  isEnumType,
  isListType,
  isNonNullType,
  isObjectType,
  isScalarType,
} from 'graphql';
import { fault } from '../../../src/errors.js';
import { meterFields } from '../../../src/graphql/cost/meter-fields.js';

const text = `
  interface Node { id: ID! label(of: Int = 1, filter: Filter): String kin: Node }
  input Filter { name: String = "x" sizes: [Int!] }
  enum Color { RED GREEN }
  scalar Odd
  type A implements Node {
    id: ID! label(of: Int = 1, filter: Filter): String number: Int required: Int! color: Color odd: Odd oddRequired: Odd! kin: Node
    numbers: [Int] numbersRequired: [Int!]! child: A childRequired: A! children: [A] childrenRequired: [A!]! grid: [[B!]]
    node: Node nodes: [Node!] nodesRequired: [Node]!
  }
  type B implements Node {
    id: ID! label(of: Int = 1, filter: Filter): String number: Int required: Int! kin: Node child: B children: [A] node: Node
  }
  type Query { a: A aRequired: A! b: B node(id: ID!): Node nodes(first: Int = 2, filter: Filter!): [Node] }
  type Mutation { a: A aRequired: A! b: B node(id: ID!): Node nodes(first: Int = 2, filter: Filter!): [Node] }
`;

interface Kind {
  __typename: 'A' | 'B';
}

/** Whole numbers that depend on `words` alone. */
export function numberOf(words: string): number {
  let hash = 7;
  for (const character of words) hash = (Math.imul(hash, 31) + character.charCodeAt(0)) >>> 0;
  return ((hash ^ (hash >>> 15)) >>> 0) % 1_000;
}

/** Calls of resolvers, and what they were given. */
export type Call = Record<string, unknown>;

export interface World {
  seed: number;
  /** Then promises settle in an order of their own, and fields are metered. */
  isAsync: boolean;
}

/** Resolves every field by its path: to values, none, errors, and promises of these. */
export function createSampleSchema({ seed, isAsync }: World): GraphQLSchema {
  const schema = buildSchema(text);
  const odd = schema.getType('Odd');
  if (isScalarType(odd))
    odd.serialize = (value) => {
      if (value === 'throw') throw new GraphQLError('Not odd.');
      return value === 'nothing' ? undefined : value;
    };
  const resultOf = (type: unknown, path: string): unknown => {
    const number = numberOf(`${seed} ${path}`);
    if (number < 25) throw fault('not_found', ['id'], `No ${path}.`);
    if (number < 35) throw new Error(`secret of ${path}`);
    if (number < 45) return new GraphQLError(`As a value of ${path}.`, { extensions: { limit: number } });
    if (number < 75) return null;
    return presentOf(isNonNullType(type) ? type.ofType : type, path);
  };
  const presentOf = (type: unknown, path: string): unknown => {
    const number = numberOf(`${path} ${seed}`);
    if (isListType(type)) {
      if (number < 20) return 'no list';
      const items = Array.from({ length: number % 4 }, (_, index) =>
        settled(() => resultOf(type.ofType, `${path}.${index}`), `${path}:${index}`),
      );
      // graphql-js leaves items that are promises behind, where one of another kind fails.
      for (const one of items) if (one instanceof Promise) one.catch(() => {});
      return number % 7 === 0 ? new Set(items) : items;
    }
    if (isObjectType(type)) return { __typename: type.name };
    if (isEnumType(type)) return number % 9 === 0 ? 'BLUE' : 'RED';
    if (isScalarType(type) && type.name === 'Odd')
      return ['throw', 'nothing', 'odd', 3, { a: [1] }][number % 5];
    if (isScalarType(type)) return type.name === 'Int' && number % 11 === 0 ? 'no number' : number;
    return { __typename: number % 2 === 0 ? 'A' : 'B' };
  };
  const isLate = (path: string) => isAsync && numberOf(`async ${path} ${seed}`) < 350;
  const settled = (make: () => unknown, path: string): unknown => {
    if (!isLate(path)) {
      try {
        return make();
      } catch (error) {
        return error;
      }
    }
    return Promise.resolve().then(make);
  };
  const resolve: GraphQLFieldResolver<Kind, { calls: Call[] }> = (source, args, { calls }, info) => {
    const path = pathOf(info.path);
    const { fieldName, variableValues, fragments, operation } = info;
    calls.push({
      path,
      args,
      source,
      fieldName,
      variableValues,
      fragments: Object.keys(fragments),
      operation: operation.name?.value,
      types: `${info.parentType.name} ${info.returnType}`,
      nodes: info.fieldNodes.length,
      isOfSchema: info.schema === schema,
    });
    const make = () => (fieldName === 'label' ? JSON.stringify(args) : resultOf(info.returnType, path));
    return isLate(path) ? Promise.resolve().then(make) : make();
  };
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith('__')) continue;
    if (type.name === 'A') type.isTypeOf = (value) => isA(value);
    for (const field of Object.values(type.getFields())) field.resolve = resolve;
  }
  if (isAsync) meterFields(schema);
  return schema;
}

const isA = (value: unknown) => (value as Kind).__typename === 'A';

const pathOf = (path: { key: string | number; prev?: unknown } | undefined): string =>
  path ? `${pathOf(path.prev as Parameters<typeof pathOf>[0])}/${path.key}` : '';
