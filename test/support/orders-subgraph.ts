import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { buildASTSchema, graphql, parse } from 'graphql';

/**
 * A subgraph of somebody else: its orders have attachments by the key of their record, and a cover by its id. Like many it has
 * nodes and a viewer of its own, of another form than ours.
 */
export const ordersSdl = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key", "@shareable"])
  scalar DateTime
  interface Node { nodeId: ID! }
  type Viewer { name: String! }
  type PageInfo @shareable {
    hasNextPage: Boolean!
    hasPreviousPage: Boolean!
    startCursor: String
    endCursor: String
  }
  type Order implements Node @key(fields: "id") {
    nodeId: ID!
    id: ID!
    placedAt: DateTime!
    attachments: HostRecord!
    cover: Attachment
  }
  type OrderConnection { nodes: [Order!]! pageInfo: PageInfo! }
  type HostRecord @key(fields: "type recordId", resolvable: false) { type: String! recordId: ID! }
  type Attachment @key(fields: "id", resolvable: false) { id: ID! }
  type Query {
    order(id: ID!): Order!
    orders(first: Int!): OrderConnection!
    node(id: ID!): Node
    nodes(ids: [ID!]!): [Node]!
    viewer: Viewer!
  }`;

export interface OrdersSubgraph extends AsyncDisposable {
  url: string;
  /** The attachments on the covers of orders, by the order's id. */
  covers: Map<string, string>;
}

/** Serves orders 1 to as many as anybody asks for. */
export async function startOrders(): Promise<OrdersSubgraph> {
  const covers = new Map<string, string>();
  const order = ({ id }: { id: string }) => ({
    __typename: 'Order',
    nodeId: id,
    id,
    placedAt: '2026-01-01T00:00:00Z',
    attachments: { type: 'Order', recordId: id },
    cover: covers.has(id) ? { id: covers.get(id) } : null,
  });
  const rootValue = {
    order,
    orders: ({ first }: { first: number }) => ({
      nodes: Array.from({ length: first }, (_, index) => order({ id: String(index + 1) })),
      pageInfo: { hasNextPage: false, hasPreviousPage: false },
    }),
    node: order,
    nodes: ({ ids }: { ids: string[] }) => ids.map((id) => order({ id })),
    viewer: { name: 'Orders' },
    _service: { sdl: ordersSdl },
  };
  const forGateways = 'extend type Query { _service: Sdl! } type Sdl { sdl: String! }';
  const schema = buildASTSchema(parse(ordersSdl + forGateways), { assumeValidSDL: true });
  const server = createServer(async (request, response) => {
    const { query, variables } = JSON.parse(await text(request)) as { query: string; variables: object };
    const result = await graphql({
      schema,
      source: query,
      rootValue,
      variableValues: variables as Record<string, unknown>,
    });
    response.setHeader('content-type', 'application/json').end(JSON.stringify(result));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/graphql`,
    covers,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
