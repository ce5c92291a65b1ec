import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Client } from '../../support/client.js';
import { type OrdersSubgraph, startOrders } from '../../support/orders-subgraph.js';
import { startService, type TestService } from '../../support/service.js';
import { StatementCounter } from '../../support/statement-counter.js';

const counter = new StatementCounter();
let service: TestService;
let orders: OrdersSubgraph;
let gateway: ChildProcess;
/** Asks the gateway. */
let client: Client;

beforeAll(async () => {
  service = await startService({ FEDERATION: 'true' }, { statementLogger: counter });
  orders = await startOrders();
  const subgraphs = [`claimcheck=${service.url}/graphql`, `orders=${orders.url}`];
  gateway = spawn(process.execPath, ['examples/gateway.mjs', ...subgraphs], {
    env: { PATH: process.env['PATH'], PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: gateway.stdout ?? process.stdin });
  const [url] = (await once(lines, 'line')) as [string];
  client = new Client(url, service.key);
});
afterAll(async () => {
  gateway.kill();
  await once(gateway, 'exit');
  await orders[Symbol.asyncDispose]();
  await service.close();
});

const order = (id: string) => ({ record: { type: 'Order', id } });

test('an order has the attachments of its record, and the attachment on its cover', async () => {
  const { id } = await client.upload({ content: 'an offer', name: 'offer.txt' }, order('7'));
  orders.covers.set('7', id);
  const answer = await client.ask(`{ order(id: 7) {
    id placedAt
    cover { fileName size }
    attachments { type recordId attachments(first: 5) { nodes { id fileName } pageInfo { hasNextPage } } }
  } }`);
  expect(answer).toEqual({
    order: {
      id: '7',
      placedAt: '2026-01-01T00:00:00Z',
      cover: { fileName: 'offer.txt', size: 8 },
      attachments: {
        type: 'Order',
        recordId: '7',
        attachments: { nodes: [{ id, fileName: 'offer.txt' }], pageInfo: { hasNextPage: false } },
      },
    },
  });
});

test('a file of 5 MiB goes through, and one that is refused says why', async () => {
  const content = new Uint8Array(5 * 1024 * 1024).fill(65);
  const { size, sha256, url } = await client.upload({ content, name: 'large.txt' });
  const direct = await service.client.download(url);
  expect([size, Buffer.from(await direct.arrayBuffer()).equals(content)]).toEqual([content.length, true]);
  expect(sha256.hash).toHaveLength(64);
  const { data, errors } = await client.tryUpload({ content: 'x', name: 'x.txt' }, { fileName: '' });
  expect(data).toEqual({ createAttachment: null });
  expect(errors).toMatchObject([{ path: ['createAttachment'], extensions: { code: 'INVALID_FILE_NAME' } }]);
});

test('covers of many orders take as many statements as one', async () => {
  for (const id of ['1', '2', '3', '4', '5', '6', '7', '8'])
    orders.covers.set(id, (await client.upload({ content: id, name: `${id}.txt` }, order(id))).id);
  const names = async (first: number) => {
    const { orders: found } = await client.ask<{ orders: { nodes: { cover: { fileName: string } }[] } }>(
      `{ orders(first: ${first}) { nodes { cover { fileName } } } }`,
    );
    return found.nodes.map(({ cover }) => cover.fileName);
  };
  expect(await names(8)).toEqual(['1.txt', '2.txt', '3.txt', '4.txt', '5.txt', '6.txt', '7.txt', '8.txt']);
  expect(await counter.fewest(() => names(8))).toBe(await counter.fewest(() => names(1)));
});

test('the nodes and the viewer of the other subgraph are its own', async () => {
  expect(await client.ask('{ viewer { name } node(id: 3) { __typename nodeId } }')).toEqual({
    viewer: { name: 'Orders' },
    node: { __typename: 'Order', nodeId: '3' },
  });
});

test.each([
  ['no credential', () => new Client(client.url, null), 1, { code: 'UNAUTHENTICATED' }],
  ['more than 100 records', () => client, 101, { code: 'BAD_USER_INPUT', limit: 100 }],
])('a request with %s is refused with our code', async (_, who, first, extensions) => {
  const query = `{ orders(first: ${first}) { nodes { attachments { attachments { nodes { id } } } } } }`;
  const { data, errors } = await who().graphql(query);
  expect(data).toBeNull();
  expect(errors?.[0]?.extensions).toMatchObject(extensions);
});

test('a subscription tells of changes', async () => {
  const response = await fetch(`${client.url}/graphql`, {
    method: 'POST',
    headers: { ...client.headers, accept: 'text/event-stream', 'content-type': 'application/json' },
    body: JSON.stringify({
      query: 'subscription { attachmentChanged(record: { type: "Order", id: "live" }) { fileName status } }',
    }),
  });
  let told = '';
  const reading = (async () => {
    const stream = response.body ?? [];
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      told += Buffer.from(chunk).toString();
      if (told.includes('APPROVED')) break;
    }
  })();
  // Nothing says when the gateway has subscribed.
  while (!told.includes('APPROVED')) await client.upload({ content: 'x', name: 'live.txt' }, order('live'));
  await reading;
  expect(told).toContain('{"attachmentChanged":{"fileName":"live.txt","status":"APPROVED"}}');
});
