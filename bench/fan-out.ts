import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import type { Limit } from './limit.js';
import { readProcessUsage } from './process-usage.js';
import { type ServiceProcess, startService } from './server-process.js';
import { ask, askData, queryRequest, upload } from './service-requests.js';

const changes = 20;
const maxMicroseconds = 100;
const giveUpMs = 5_000;

interface AudienceSize {
  sockets: number;
  /** On each socket. */
  subscriptions: number;
  /** Each socket has an API key of its own. */
  ownKeys?: boolean;
}

const rename = 'mutation ($input: UpdateAttachmentInput!) { updateAttachment(input: $input) { __typename } }';

/** Subscribers to one attachment, on several sockets. */
export interface Audience {
  /** Events that all of them have heard. */
  heard(): number;
  change(fileName: string): Promise<void>;
  close(): void;
}

/** The processor time, in the service's process, of one event that one subscriber hears. */
export async function measureFanOut(): Promise<Limit[]> {
  return [
    await measureAudience('one of 1,000 subscribers with one key', { sockets: 20, subscriptions: 50 }),
    await measureAudience('one of 200 subscribers with 200 keys', {
      sockets: 200,
      subscriptions: 1,
      ownKeys: true,
    }),
  ];
}

async function measureAudience(name: string, audience: AudienceSize): Promise<Limit> {
  const service = await startService();
  try {
    const subscribers = await openAudience(service, audience);
    const size = audience.sockets * audience.subscriptions;
    // Nothing tells a client that its subscription has begun, so changes are made until all have heard some.
    for (let time = 0; subscribers.heard() < size * 20; time += 1) {
      await changeAndHear(subscribers, `${time}`, size);
    }
    const before = { usage: await readProcessUsage(service.pid), heard: subscribers.heard() };
    for (let index = 0; index < changes; index += 1) await changeAndHear(subscribers, `${index}.txt`, size);
    const after = { usage: await readProcessUsage(service.pid), heard: subscribers.heard() };
    subscribers.close();
    const cpuMs = before.usage && after.usage && after.usage.cpuMs - before.usage.cpuMs;
    return {
      name: `fan-out, CPU of an event for ${name}`,
      measured: cpuMs && (cpuMs * 1000) / (after.heard - before.heard),
      bound: maxMicroseconds,
      kind: 'at most',
      unit: 'µs',
    };
  } finally {
    await service.stop();
  }
}

async function changeAndHear(subscribers: Audience, name: string, size: number): Promise<void> {
  const expected = subscribers.heard() + size;
  await subscribers.change(name);
  const end = performance.now() + giveUpMs;
  while (subscribers.heard() < expected && performance.now() < end) await sleep(2);
}

/** Subscribes so many times on each of so many sockets. */
export async function openAudience(
  service: ServiceProcess,
  { sockets: count, subscriptions, ownKeys = false }: AudienceSize,
): Promise<Audience> {
  // An attachment of a record is visible to all keys of the organization.
  const record = { type: 'WorkPackage', id: '1' };
  const { id } = await upload(service, { content: [Buffer.from('a')], fileName: 'a.txt', record });
  const payload = {
    query: `subscription { attachmentChanged(attachmentId: "${id}") { id fileName updatedAt } }`,
  };
  let heard = 0;
  const sockets: WebSocket[] = [];
  const acknowledged: Promise<unknown>[] = [];
  for (let index = 0; index < count; index += 1) {
    const apiKey = ownKeys ? await createKey(service, `reader ${index}`) : service.apiKey;
    const socket = openSocket(service.origin, `Bearer ${apiKey}`);
    sockets.push(socket);
    acknowledged.push(once(socket, 'message'));
  }
  await Promise.all(acknowledged);
  for (const socket of sockets) {
    socket.on('message', (data) => {
      if (String(data).includes('"data"')) heard += 1;
    });
    for (let index = 0; index < subscriptions; index += 1) {
      socket.send(JSON.stringify({ type: 'subscribe', id: String(index), payload }));
    }
  }
  return {
    heard: () => heard,
    async change(fileName) {
      const input = { attachmentId: id, fileName };
      await ask(service.origin, queryRequest(service, rename, { input }));
    },
    close() {
      for (const socket of sockets) socket.terminate();
    },
  };
}

async function createKey(service: ServiceProcess, name: string): Promise<string> {
  const mutation = 'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { secret } }';
  const input = { name, permissions: ['attachments:read'] };
  type Data = { createApiKey: { secret: string } };
  const { createApiKey } = await askData<Data>(service.origin, queryRequest(service, mutation, { input }));
  return createApiKey.secret;
}

export function openSocket(origin: string, authorization: string): WebSocket {
  const socket = new WebSocket(`${origin.replace('http', 'ws')}/graphql`, ['graphql-transport-ws']);
  socket.on('error', () => undefined);
  socket.once('open', () =>
    socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization } })),
  );
  return socket;
}
