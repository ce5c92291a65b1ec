import { report } from '../../support/report.js';
import { roundsOf } from '../../support/seeded-random.js';
import { startService, type TestService } from '../../support/service.js';
import { allEvents, bodyOf, deliveriesOf, endpoint, endpointOf, rotate } from './endpoint-operations.js';
import { type Receiver, startReceiver, verify } from './receiver.js';
import { waitFor } from './stage.js';

const rounds = roundsOf(3);

let service: TestService;
let receiver: Receiver;
beforeAll(async () => {
  service = await startService({ WEBHOOK_ALLOW_PRIVATE: 'true' });
  receiver = await startReceiver();
});
afterAll(async () => {
  await service.close();
  await receiver[Symbol.asyncDispose]();
});

const open = async () => {
  const made = await endpoint(service.client, 'create', { uri: receiver.uri, events: allEvents });
  return { id: made.webhookEndpoint.id, secret: made.secret };
};
const upload = () => service.client.upload({ content: 'x', name: 'x.txt' });
const uploadSome = (count: number) => Promise.all(Array.from({ length: count }, upload));
const cameOf = (id: string) =>
  receiver.received.filter((each) => bodyOf(each).data.attachment.id === id).length;

test(`in ${rounds} deletions of an endpoint among its deliveries nothing is sent after the answer, and nothing waits`, async () => {
  const counts = { delivered: 0, failed: 0, untold: 0 };
  for (let round = 0; round < rounds; round += 1) {
    const { id } = await open();
    const [before] = await Promise.all([uploadSome(15), waitFor(async () => receiver.received[0])]);
    await Promise.all([endpoint(service.client, 'delete', { id }), uploadSome(5)]);
    const late = await uploadSome(3);
    const done = await waitFor(async () => {
      const all = await deliveriesOf(service.client, `endpointId: "${id}", first: 100`);
      return all.every(({ state }) => state !== 'QUEUED') ? all : undefined;
    });
    for (const each of done.filter(({ state }) => state === 'DELIVERED'))
      expect(cameOf(each.attachmentId ?? '')).toBeGreaterThan(0);
    for (const { id: untold } of late) expect(cameOf(untold)).toBe(0);
    expect(await endpointOf(service.client, id)).toBeNull();
    counts.delivered += done.filter(({ state }) => state === 'DELIVERED').length;
    counts.failed += done.filter(({ state }) => state === 'FAILED').length;
    counts.untold += before.filter((each) => cameOf(each.id) === 0).length;
  }
  report(`${rounds} deletions among deliveries: ${JSON.stringify(counts)}`);
});

test('while secrets rotate, each delivery is signed by one that its receiver knows', async () => {
  const { id, secret } = await open();
  const from = receiver.received.length;
  const uploading = uploadSome(20);
  const secrets: string[] = [];
  for (let round = 0; round < 3; round += 1) secrets.push((await rotate(service.client, { id })).secret);
  const uploaded = [...(await uploading), await upload()];
  await waitFor(() => (uploaded.every((each) => cameOf(each.id) === 2) ? true : undefined));
  for (const each of receiver.received.slice(from)) verify(each, secret);
  const last = receiver.received.at(-1);
  if (!last) throw new Error('Nothing came.');
  for (const each of secrets) verify(last, each);
  await endpoint(service.client, 'delete', { id });
});

test('each attachment has its own of many events at once in order, and each is sent once', async () => {
  const { id } = await open();
  const from = receiver.received.length;
  const uploaded = await uploadSome(8);
  const rename = (attachmentId: string, fileName: string) =>
    service.client.ask(
      'mutation ($input: UpdateAttachmentInput!) { updateAttachment(input: $input) { __typename } }',
      { input: { attachmentId, fileName } },
    );
  await Promise.all(
    uploaded.map(async (each) => {
      for (const name of ['1.txt', '2.txt', '3.txt']) await rename(each.id, name);
    }),
  );
  await waitFor(() => (receiver.received.length - from >= 8 * 5 ? true : undefined));
  const came = receiver.received.slice(from);
  expect(new Set(came.map(({ headers }) => headers['webhook-id'])).size).toBe(came.length);
  for (const each of uploaded) {
    const names = came.map(bodyOf).filter(({ data }) => data.attachment.id === each.id);
    expect(names.map(({ data }) => Reflect.get(data.attachment, 'fileName'))).toEqual([
      ...['x.txt', 'x.txt', '1.txt', '2.txt', '3.txt'],
    ]);
  }
  await endpoint(service.client, 'delete', { id });
});
