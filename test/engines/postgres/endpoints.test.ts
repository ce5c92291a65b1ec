import { setTimeout as pause } from 'node:timers/promises';
import {
  bodyOf,
  deliveriesOf,
  endpoint,
  endpointOf,
  tryEndpoint,
} from '../../service/webhooks/endpoint-operations.js';
import { answer, startReceiver, verify } from '../../service/webhooks/receiver.js';
import { waitFor } from '../../service/webhooks/stage.js';
import { Client } from '../../support/client.js';
import { report } from '../../support/report.js';
import { runCommand } from '../../support/run-command.js';
import { roundsOf } from '../../support/seeded-random.js';
import type { SpawnedService } from '../../support/spawned-service.js';
import { Cluster } from './cluster.js';
import { holdLocks, untilBlocked } from './held-locks.js';

const files = 12;
/** Workers that are killed meanwhile. Another takes over what they held after 20 seconds or so. */
const kills = roundsOf(0);

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.open();
});
afterAll(() => cluster[Symbol.asyncDispose]());

const change = ({ client }: SpawnedService, verb: string, input: object) => {
  const type = `${verb[0]?.toUpperCase()}${verb.slice(1)}Input`;
  return client.ask(`mutation ($input: ${type}!) { ${verb}(input: $input) { __typename } }`, { input });
};

test('two processes change attachments, and two others tell an endpoint of it: all, and in order', async () => {
  await using receiver = await startReceiver();
  const settings = { SCANNER: 'none' };
  const [here, there] = await Promise.all([
    cluster.serve(settings, ['--no-work']),
    cluster.serve(settings, ['--no-work']),
  ]);
  await Promise.all([cluster.work(settings), cluster.work(settings)]);
  const events = ['ATTACHMENT_CREATED', 'ATTACHMENT_UPDATED', 'ATTACHMENT_DELETED'];
  const { secret } = await endpoint(here.client, 'create', { uri: receiver.uri, events });
  const doomed = await Promise.all(Array.from({ length: kills }, () => cluster.work(settings)));
  const ids = await Promise.all(
    Array.from({ length: files }, async () => {
      const { id: attachmentId } = await here.client.upload({ content: 'x', name: '0.txt' });
      await change(there, 'updateAttachment', { attachmentId, fileName: '1.txt' });
      await change(here, 'updateAttachment', { attachmentId, fileName: '2.txt' });
      await change(there, 'deleteAttachment', { attachmentId });
      return attachmentId;
    }),
  );
  for (const worker of doomed) {
    worker.kill('SIGKILL');
    await pause(50);
  }
  const distinct = () =>
    receiver.received.filter(
      ({ headers }, index, all) =>
        all.findIndex((each) => each.headers['webhook-id'] === headers['webhook-id']) === index,
    );
  for (let round = 0; round < 8 && distinct().length < files * 4; round += 1)
    await waitFor(() => (distinct().length === files * 4 ? true : undefined)).catch(() => undefined);
  const bodies = distinct().map(bodyOf);
  for (const id of ids) {
    const own = bodies.filter(({ data }) => data.attachment.id === id);
    const told = own.map(({ type, data }) => [type, Reflect.get(data.attachment, 'fileName') as string]);
    expect(told).toEqual([
      ['attachment_created', '0.txt'],
      ['attachment_updated', '1.txt'],
      ['attachment_updated', '2.txt'],
      ['attachment_deleted', '2.txt'],
    ]);
  }
  for (const each of receiver.received) verify(each, secret);
  report(
    `${files * 4} events by two processes, told by two, ${kills} killed: ${receiver.received.length} webhooks`,
  );
}, 120_000);

test('an endpoint that is enabled while events are told goes on with the next one', async () => {
  let deliver = () => {};
  const gate = new Promise<void>((resolve) => {
    deliver = resolve;
  });
  await using slow = await startReceiver((response, number) => {
    void (number === 1 ? gate : Promise.resolve()).then(() => answer(204)(response, number));
  });
  await using quick = await startReceiver();
  const service = await cluster.serve({ SCANNER: 'none' });
  const events = ['ATTACHMENT_UPDATED'];
  const [paused, other] = [
    (await endpoint(service.client, 'create', { uri: slow.uri, events })).webhookEndpoint,
    (await endpoint(service.client, 'create', { uri: quick.uri, events })).webhookEndpoint,
  ];
  const { id: attachmentId } = await service.client.upload({ content: 'x', name: '0.txt' });
  const rename = (fileName: string) => change(service, 'updateAttachment', { attachmentId, fileName });
  const untilDelivered = (to: { id: string }) =>
    waitFor(async () => {
      const all = await deliveriesOf(service.client, `endpointId: "${to.id}"`);
      return all.some(({ state }) => state === 'DELIVERED') ? true : undefined;
    });
  await rename('1.txt');
  await waitFor(() => slow.received[0]);
  await untilDelivered(other);
  // The one who has paused it was killed before it gave up the queue.
  await cluster.query(
    `UPDATE webhook_endpoints SET state = 'PAUSED', paused_at = 1, pause_reason = 'FAILING' WHERE id = '${paused.id}'`,
  );
  const tells = await holdLocks(
    cluster,
    `SELECT 1 FROM webhook_endpoints WHERE id = '${other.id}' FOR UPDATE`,
  );
  await rename('2.txt');
  await untilBlocked(cluster, /"webhook_endpoints"/);
  await endpoint(service.client, 'enable', { id: paused.id });
  const commits = await holdLocks(cluster, 'LOCK TABLE claimcheck_jobs._private_jobs IN SHARE MODE');
  await tells();
  await untilBlocked(cluster, /add_job/);
  deliver();
  await untilDelivered(paused);
  await commits();
  await rename('3.txt');
  const namesOf = (received: typeof slow.received) =>
    received.map((each) => Reflect.get(bodyOf(each).data.attachment, 'fileName') as string);
  await waitFor(() => (namesOf(slow.received).includes('3.txt') ? true : undefined));
  await waitFor(() => (quick.received.length === 3 ? true : undefined));
  expect([namesOf(slow.received), namesOf(quick.received)]).toEqual([
    ['1.txt', '3.txt'],
    ['1.txt', '2.txt', '3.txt'],
  ]);
});

test('whoever names an endpoint of another organization does not wait for it, and keeps nobody from it', async () => {
  const service = await cluster.serve({ SCANNER: 'none' }, ['--no-work']);
  const input = { uri: 'http://127.0.0.1:9/hook', events: ['ATTACHMENT_UPDATED'] };
  const { id } = (await endpoint(service.client, 'create', input)).webhookEndpoint;
  const made = await runCommand(
    ['keys', 'create', '--organization', 'another', '--permissions', 'attachments:admin'],
    cluster.env(),
  );
  const other = new Client(service.url, made.lines.at(-1) ?? '');
  const release = await holdLocks(cluster, `SELECT 1 FROM webhook_endpoints WHERE id = '${id}' FOR UPDATE`);
  const verbs = ['update', 'enable', 'test', 'delete'] as const;
  const answers = await Promise.all(verbs.map((verb) => tryEndpoint(other, verb, { id }))).finally(release);
  const codes = answers.map(({ errors }) => errors?.map(({ extensions }) => extensions.code));
  expect(codes).toEqual(verbs.map(() => ['NOT_FOUND']));
  expect((await endpointOf(service.client, id))?.state).toBe('ENABLED');
});
