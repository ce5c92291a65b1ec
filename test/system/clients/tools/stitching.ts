import { readFile } from 'node:fs/promises';
import { delegateToSchema } from '@graphql-tools/delegate';
import { buildHTTPExecutor } from '@graphql-tools/executor-http';
import { stitchSchemas } from '@graphql-tools/stitch';
import { buildSchema, type GraphQLResolveInfo } from 'graphql';
import { createYoga } from 'graphql-yoga';
import type { Service } from './service';

export async function run({ url, key }: Service) {
  const headers = { Authorization: `Bearer ${key}`, 'Apollo-Require-Preflight': 'true' };
  const files = {
    schema: buildSchema(await readFile('../../../../schema.graphql', 'utf8')),
    executor: buildHTTPExecutor({ endpoint: url, headers }),
  };
  const schema = stitchSchemas({
    subschemas: [files],
    typeDefs: 'type Invoice { id: ID! record: HostRecord! } extend type Query { invoice(id: ID!): Invoice! }',
    resolvers: {
      Query: { invoice: (_root: unknown, { id }: { id: string }) => ({ id }) },
      Invoice: {
        record: {
          selectionSet: '{ id }',
          resolve: ({ id }: { id: string }, _args: unknown, context: object, info: GraphQLResolveInfo) =>
            delegateToSchema({
              schema: files,
              operation: 'query' as never,
              fieldName: 'record',
              args: { type: 'Invoice', id },
              context,
              info,
            }),
        },
      },
    },
  });
  const gateway = createYoga({ schema, logging: false });
  const ask = async (init: RequestInit) =>
    (await gateway.fetch('http://gateway/graphql', { method: 'POST', ...init })).json();

  const query = '{ invoice(id: "7") { record { recordId attachments { nodes { fileName } } } } }';
  const asked = await ask({
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ query }),
  });

  const mutation = `mutation ($file: Upload!) {
    createAttachment(input: { content: { upload: $file } }) { attachment { fileName } }
  }`;
  const form = new FormData();
  form.set('operations', JSON.stringify({ query: mutation, variables: { file: null } }));
  form.set('map', JSON.stringify({ file: ['variables.file'] }));
  form.set('file', new File(['Hello, Claimcheck.'], 'stitched.txt'));
  const sent = await ask({ body: form });
  return { asked, sent };
}
