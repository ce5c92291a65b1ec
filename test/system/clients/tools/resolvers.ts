import { readFile } from 'node:fs/promises';
import { addResolversToSchema } from '@graphql-tools/schema';
import { buildSchema, graphql } from 'graphql';
import type { Resolvers } from './build/resolvers';

/** A stand-in for the service in the tests of a program that uses it. */
const resolvers: Resolvers = {
  Query: {
    record: (_parent, { type, id }) => ({ id: `${type}:${id}`, type, recordId: id }) as never,
  },
  HostRecord: {
    recordId: ({ recordId }) => recordId.toUpperCase(),
  },
};

export async function run() {
  const text = await readFile('../../../../schema.graphql', 'utf8');
  const schema = addResolversToSchema({ schema: buildSchema(text), resolvers });
  const source = '{ record(type: "Invoice", id: "a-7") { __typename recordId } }';
  return (await graphql({ schema, source })).data;
}
