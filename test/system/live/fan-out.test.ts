import { setTimeout as sleep } from 'node:timers/promises';
import Fastify from 'fastify';
import type { Connection } from '../../../src/graphql/subscriptions/open-session.js';
import { registerWebSockets } from '../../../src/http/websocket-route.js';
import { Turns } from '../../../src/limits/turns.js';
import { insertOrganization } from '../../service/live/insert-organization.js';
import { eventually, onAttachment, onRecord } from '../../service/live/live-client.js';
import { LiveSocket } from '../../service/live/live-socket.js';
import { collectGarbage } from '../../support/collect-garbage.js';
import { newClient } from '../../support/keys.js';
import { report } from '../../support/report.js';
import { startService, type TestService } from '../../support/service.js';
import { StatementCounter } from '../../support/statement-counter.js';

const eventsOf = (sockets: readonly LiveSocket[]) =>
  sockets.reduce((sum, { messages }) => sum + messages.filter(({ type }) => type === 'next').length, 0);

/** The last message of each subscription. */
const lastOnes = (sockets: readonly LiveSocket[]) =>
  sockets.flatMap(({ messages }) => [
    ...new Map(
      messages.filter(({ type }) => type === 'next').map((message) => [message.id, message]),
    ).values(),
  ]);

const isOfRenamed = (message: object) => JSON.stringify(message).includes('"renamed.txt"');

const renameTo = (service: TestService, attachmentId: string, fileName: string) =>
  service.client.ask(
    'mutation ($input: UpdateAttachmentInput!) { updateAttachment(input: $input) { __typename } }',
    { input: { attachmentId, fileName } },
  );

/** Sockets of the service's key with a hundred subscriptions each, once each of these has been told something. */
async function subscribeAll(
  service: TestService,
  { attachmentId, count }: { attachmentId: string; count: number },
  payloadOf: (index: number) => object,
): Promise<LiveSocket[]> {
  const sockets = await Promise.all(
    Array.from({ length: count / 100 }, () => LiveSocket.acknowledged(service.url, service.key)),
  );
  for (const [at, live] of sockets.entries()) {
    for (let index = 0; index < 100; index += 1) {
      live.say({ type: 'subscribe', id: String(index), payload: payloadOf(100 * at + index) });
    }
  }
  const isTold = () => sockets.every(({ messages }) => new Set(messages.map(({ id }) => id)).size > 100);
  for (let time = 0; !isTold(); time += 1) {
    if (time > 60) throw new Error('Not all subscriptions have begun.');
    await renameTo(service, attachmentId, `${time}.txt`);
    await eventually(isTold, 1_000).catch(() => undefined);
  }
  // Events that are on their way come before the answer to a ping.
  for (const live of sockets) live.say({ type: 'ping' });
  await Promise.all(sockets.map((live) => live.hears('pong', 20_000)));
  for (const { messages } of sockets) messages.length = 0;
  return sockets;
}

test('who asks for the same by one credential shares what is read, and the answer', async () => {
  const counter = new StatementCounter();
  await using service = await startService({}, { statementLogger: counter });
  const record = { type: 'Task', id: 'many' };
  const { id } = await service.client.upload({ content: 'x', name: 'x.txt' }, { record });
  const sockets = await subscribeAll(service, { attachmentId: id, count: 500 }, () =>
    onRecord(record, 'id fileName links { totalCount }'),
  );
  const statements = await counter.during(async () => {
    await renameTo(service, id, 'renamed.txt');
    // An event of the change before may come late.
    await eventually(() => lastOnes(sockets).filter(isOfRenamed).length === 500, 20_000);
  });
  report(`500 events for ${statements.length} statements`);
  expect(statements.length).toBeLessThan(100);
  const payload = { data: { attachmentChanged: { id, fileName: 'renamed.txt', links: { totalCount: 0 } } } };
  for (const last of lastOnes(sockets)) expect(last).toMatchObject({ payload });
  for (const live of sockets) live.end();
}, 60_000);

test("another organization's reads come between the events of thousands who ask for different things", async () => {
  await using service = await startService();
  const { id } = await service.client.upload({ content: 'x', name: 'x.txt' });
  const organizationId = await insertOrganization(service.dataDirectory);
  const other = await newClient(service, { organizationId });
  const theirs = await other.upload({ content: 'y', name: 'y.txt' });
  const payloadOf = (index: number) => onAttachment(id, `id f${index}: fileName`);
  const sockets = await subscribeAll(service, { attachmentId: id, count: 2_000 }, payloadOf);
  const query = 'query ($id: ID!) { attachment(id: $id) { id } }';
  const renamed = renameTo(service, id, 'renamed.txt');
  await eventually(() => eventsOf(sockets) > 0, 20_000);
  let reads = 0;
  for (; eventsOf(sockets) < 2_000; reads += 1) await other.ask(query, { id: theirs.id });
  await renamed;
  report(`${reads} reads of another organization beside 2,000 events`);
  expect(reads).toBeGreaterThanOrEqual(10);
  for (const live of sockets) live.end();
}, 60_000);

test('a large event costs the memory of one, however many do not read it', async () => {
  await using service = await startService();
  const { client } = service;
  const mutate = (name: string, input: object) =>
    client.ask(
      `mutation ($input: ${name.replace(/^./, (first) => first.toUpperCase())}Input!) {
      ${name}(input: $input) { __typename } }`,
      { input },
    );
  const { id } = await client.upload({ content: 'x', name: 'x.txt' });
  const fields = Array.from({ length: 40 }, (_, index) => `f${index}`);
  const record = { type: 'Task', id: 'large' };
  for (const field of fields) await mutate('linkAttachments', { record, field, attachmentIds: [id] });
  const texts = Array.from({ length: 45 }, (_, index) => `m${index}: metadata { attributes }`).join(' ');
  const payload = onAttachment(id, `links(first: 50) { nodes { attachment { ${texts} } } }`);
  const sockets = await Promise.all(
    Array.from({ length: 12 }, () => LiveSocket.acknowledged(service.url, service.key)),
  );
  for (const live of sockets) live.say({ type: 'subscribe', id: '1', payload });
  while (eventsOf(sockets) < 12) {
    await mutate('updateAttachment', { attachmentId: id, fileName: `${eventsOf(sockets)}.txt` });
    await sleep(100);
  }
  // It is told last.
  const reader = sockets.at(-1);
  const paused = sockets.slice(0, -1);
  for (const { socket } of paused) socket.pause();
  if (reader) reader.messages.length = 0;
  collectGarbage();
  const before = process.memoryUsage();
  const attributes = { text: 'x'.repeat(15_000) };
  await mutate('updateAttachment', { attachmentId: id, metadata: { type: 'note', attributes } });
  const isTold = () => JSON.stringify(reader?.messages[0] ?? null).includes('xxx');
  await eventually(isTold, 30_000);
  if (reader) reader.messages.length = 0;
  await sleep(500);
  collectGarbage();
  const after = process.memoryUsage();
  const grown = (after.heapUsed + after.external - before.heapUsed - before.external) / 2 ** 20;
  report(`an event of 27 MB to 11 that do not read: ${grown.toFixed(0)} MiB more`);
  expect(grown).toBeLessThan(150);
  for (const { socket } of paused) socket.resume();
  await eventually(() => eventsOf(paused) >= 11, 30_000);
  for (const live of sockets) live.end();
}, 90_000);

test('a client that does not read its events is closed, and told why', async () => {
  const connections: Connection[] = [];
  const server = Fastify();
  const subscriptions = {
    opened: (_socket: unknown, connection: Connection) => {
      connections.push(connection);
      return async () => {};
    },
  };
  registerWebSockets(server, { subscriptions, turns: new Turns(), pingIntervalMs: 50, readingMs: 500 });
  const url = await server.listen({ port: 0, host: '127.0.0.1' });
  const closing = (live: LiveSocket) =>
    new Promise((resolve) => live.socket.once('close', (code, reason) => resolve([code, String(reason)])));
  const live = await LiveSocket.open(url);
  const closed = closing(live);
  live.socket.pause();
  const [connection] = connections;
  const piece = Buffer.from(JSON.stringify('x'.repeat(16 * 1024 * 1024)));
  const sent = connection?.sendPieces([piece]);
  await eventually(() => connection?.isOpen() === false);
  live.socket.resume();
  await sent;
  expect(await closed).toEqual([1013, 'Events are read too slowly']);
  await server.close();
});
