import { insertOrganization } from '../../service/live/insert-organization.js';
import { onAttachment } from '../../service/live/live-client.js';
import { LiveSocket } from '../../service/live/live-socket.js';
import type { Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { startService, type TestService } from '../../support/service.js';

const tryAgainLater = 1013;
const bytesOfOrganization = 60_000;

let service: TestService;
let colleague: Client;
let stranger: Client;
let [ownId, strangeId] = ['', ''];
const opened: LiveSocket[] = [];

beforeAll(async () => {
  const liveBounds = {
    connectionsOfPrincipal: 4,
    connectionsOfOrganization: 6,
    subscriptionsOfPrincipal: 4,
    subscriptionsOfOrganization: 6,
    bytesOfOrganization,
    bytesOfAll: 2 * bytesOfOrganization,
  };
  service = await startService({}, { liveBounds });
  colleague = await newClient(service);
  stranger = await newClient(service, { organizationId: await insertOrganization(service.dataDirectory) });
  ownId = (await service.client.upload({ content: 'x' }, { record: { type: 'Task', id: '1' } })).id;
  strangeId = (await stranger.upload({ content: 'x' })).id;
});
afterAll(() => service.close());
afterEach(async () => {
  for (const live of opened.splice(0)) {
    live.end();
    await live.closed;
  }
});

/** The code that its socket is closed with; null if it is let in. */
async function enter({ key }: Client): Promise<number | null> {
  const live = await LiveSocket.open(service.url);
  opened.push(live);
  live.say({ type: 'connection_init', payload: { authorization: `Bearer ${key}` } });
  return Promise.race([live.hears('connection_ack').then(() => null), live.closed]);
}

async function enterUntilIn(client: Client): Promise<void> {
  while ((await enter(client)) !== null);
}

interface Refusal {
  payload: { extensions: { code: string; limit: number; details: { type: string }[] } }[];
}

/** A subscription of so long a query. Its answer is there once a ping behind it is answered. */
async function subscribe(live: LiveSocket, id: string, { attachmentId = ownId, length = 0 } = {}) {
  const { query, variables } = onAttachment(attachmentId, 'id');
  live.say({ type: 'subscribe', id, payload: { query: query.padEnd(length), variables } });
  live.say({ type: 'subscribe', id: `${id} after`, payload: { query: '{ nothing }' } });
  for (;;) {
    const told = live.messages.filter((message) => message.id?.startsWith(id));
    if (told.some((message) => message.id === `${id} after`)) {
      const refusal = told.find((message) => message.id === id) as Refusal | undefined;
      const [error] = refusal?.payload ?? [];
      return error
        ? [error.extensions.code, error.extensions.details[0]?.type, error.extensions.limit]
        : null;
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function open({ key }: Client): Promise<LiveSocket> {
  const live = await LiveSocket.acknowledged(service.url, key ?? '');
  opened.push(live);
  return live;
}

const refused = (limit: number) => ['BAD_USER_INPUT', 'too_many_subscriptions', limit];

test('sockets of one principal, and of one organization, are bounded; others get in, and places come back', async () => {
  const codes: (number | null)[] = [];
  for (let index = 0; index < 5; index += 1) codes.push(await enter(service.client));
  for (let index = 0; index < 3; index += 1) codes.push(await enter(colleague));
  expect(codes).toEqual([null, null, null, null, tryAgainLater, null, null, tryAgainLater]);
  expect(await enter(stranger)).toBeNull();
  opened[0]?.end();
  await enterUntilIn(colleague);
  expect(await enter(colleague)).toBe(tryAgainLater);
});

test('subscriptions of one principal, and of one organization, are bounded; others go on, and places come back', async () => {
  const [mine, theirs, strange] = [await open(service.client), await open(colleague), await open(stranger)];
  for (let index = 0; index < 4; index += 1) expect(await subscribe(mine, `m${index}`)).toBeNull();
  expect(await subscribe(mine, 'm4')).toEqual(refused(4));
  for (let index = 0; index < 2; index += 1) expect(await subscribe(theirs, `t${index}`)).toBeNull();
  expect(await subscribe(theirs, 't2')).toEqual(refused(6));
  expect(await subscribe(strange, 's', { attachmentId: strangeId })).toBeNull();
  mine.say({ type: 'complete', id: 'm0' });
  for (let index = 3; (await subscribe(theirs, `t${index}`)) !== null; index += 1);
  expect(await subscribe(mine, 'm5')).toEqual(refused(6));
});

test('bytes that the subscriptions of one organization keep are bounded; others go on, and room comes back', async () => {
  const [mine, theirs, strange] = [await open(service.client), await open(colleague), await open(stranger)];
  expect(await subscribe(mine, 'large', { length: 10_000 })).toBeNull();
  expect(await subscribe(theirs, 'next', { length: 9_999 })).toEqual(refused(bytesOfOrganization));
  expect(await subscribe(strange, 'other', { attachmentId: strangeId, length: 9_998 })).toBeNull();
  mine.end();
  for (let index = 0; (await subscribe(theirs, `t${index}`, { length: 9_999 })) !== null; index += 1);
});
