// gateway.mjs: node gateway.mjs claimcheck=http://127.0.0.1:4000/graphql orders=http://127.0.0.1:4001/graphql
import { createServer } from 'node:http';
import { createGatewayRuntime } from '@graphql-hive/gateway-runtime';
import { composeServices } from '@theguild/federation-composition';
import { parse } from 'graphql';

const { CLAIMCHECK_KEY: key } = process.env;
const headers = { 'content-type': 'application/json', ...(key && { authorization: `Bearer ${key}` }) };

/** A subgraph as the composition takes it. */
async function readSubgraph(argument) {
  const [name, url] = argument.split(/=(.*)/);
  const response = await fetch(url, { method: 'POST', headers, body: '{"query":"{ _service { sdl } }"}' });
  const { data } = await response.json();
  return { name, url, typeDefs: parse(data._service.sdl) };
}

const subgraphs = await Promise.all(process.argv.slice(2).map(readSubgraph));
const { supergraphSdl, errors } = composeServices(subgraphs);
if (errors) throw new AggregateError(errors, 'The subgraphs do not compose.');

const gateway = createGatewayRuntime({
  supergraph: supergraphSdl,
  logging: 'warn',
  // Files pass through.
  multipart: true,
  propagateHeaders: {
    // Claimcheck knows its clients by their own credentials.
    fromClientToSubgraphs: ({ request }) => ({
      authorization: request.headers.get('authorization') ?? undefined,
      'apollo-require-preflight': request.headers.get('apollo-require-preflight') ?? undefined,
    }),
  },
  transportEntries: {
    claimcheck: {
      options: {
        subscriptions: {
          kind: 'ws',
          location: '/graphql',
          options: { connectionParams: { authorization: '{context.headers.authorization}' } },
        },
      },
    },
  },
});
const server = createServer(gateway);
server.listen(process.env.PORT ?? 3003, '127.0.0.1', () =>
  console.log(`http://127.0.0.1:${server.address().port}`),
);
// The gateway itself ends at these, and leaves the server open.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit());
