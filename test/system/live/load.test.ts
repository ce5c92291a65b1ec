import { setTimeout as sleep } from 'node:timers/promises';
import { eventually, LiveClient, onAttachment, onRecord, openLive } from '../../service/live/live-client.js';
import { LiveSocket } from '../../service/live/live-socket.js';
import type { Client } from '../../support/client.js';
import { collectGarbage } from '../../support/collect-garbage.js';
import { newClient } from '../../support/keys.js';
import { report } from '../../support/report.js';
import { startService, type TestService } from '../../support/service.js';

let service: TestService;
let owner: Client;
beforeEach(async () => {
  service = await startService();
  owner = service.client;
});
afterEach(() => service.close());

const describeAs = (attachmentId: string, description: string) =>
  owner.ask('mutation ($input: UpdateAttachmentInput!) { updateAttachment(input: $input) { __typename } }', {
    input: { attachmentId, description },
  });

/** The memory that this process holds on to. */
function heldBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

test('501 changes while a client does not read keep less than 150 MiB and 100 messages; the last state arrives', async () => {
  const { id } = await owner.upload({ content: 'x', name: 'x.txt' });
  const slow = await LiveSocket.acknowledged(service.url, service.key);
  const noteAs = (text: string) =>
    owner.ask(
      'mutation ($input: UpdateAttachmentInput!) { updateAttachment(input: $input) { __typename } }',
      {
        input: { attachmentId: id, metadata: { type: 'note', attributes: { text } } },
      },
    );
  const fields = Array.from({ length: 24 }, (_, index) => `m${index}: metadata { attributes }`).join(' ');
  slow.say({ type: 'subscribe', id: '1', payload: onAttachment(id, `id ${fields}`) });
  await sleep(100);
  await noteAs('first');
  await slow.hears('next');
  slow.socket.pause();
  const before = heldBytes();
  for (let round = 0; round < 25; round += 1) {
    const texts = Array.from({ length: 20 }, (_, index) => `${round}-${index} ${'x'.repeat(15_000)}`);
    await Promise.all(texts.map((text) => noteAs(text)));
  }
  await noteAs('last');
  await sleep(200);
  const grown = (heldBytes() - before) / 2 ** 20;
  slow.socket.resume();
  await eventually(() => JSON.stringify(slow.messages.at(-1)).includes('last'), 20_000);
  report(`501 changes of 360 kB each: ${slow.messages.length} messages, ${grown.toFixed(0)} MiB more`);
  expect(slow.messages.length).toBeLessThan(100);
  expect(grown).toBeLessThan(150);
  slow.end();
}, 60_000);

test('200 connections are all told of one change, and the next one is made once they have gone', async () => {
  const record = { type: 'Task', id: 'many' };
  const clients = await Promise.all(Array.from({ length: 200 }, () => openLive(service.url, service.key)));
  const told = clients.map((client) => client.subscribe(onRecord(record)));
  await Promise.all(clients.map((client) => client.settled()));
  const started = performance.now();
  const { id } = await owner.upload({ content: 'x', name: 'x.txt' }, { record });
  await Promise.all(told.map((each) => each.until((event) => event.id === id)));
  report(`200 connections told within ${Math.round(performance.now() - started)} ms`);
  for (const client of clients) client.close();
  await describeAs(id, 'nobody listens');
});

test('a shutdown closes every connection with 1001 within 3 s, even one that does not answer', async () => {
  const other = await newClient(service);
  const stopping = await startService();
  const live = await openLive(stopping.url, stopping.key);
  const mute = await LiveSocket.open(stopping.url);
  mute.socket.pause();
  const started = performance.now();
  await stopping.close();
  expect(performance.now() - started).toBeLessThan(3_000);
  expect(await live.closing()).toBe(1001);
  await expect(new LiveClient(stopping.url, {}).open().then((each) => each.closing())).resolves.toBe(1006);
  expect((await other.graphql('{ viewer { organizationId } }')).errors).toBeUndefined();
  mute.end();
});
