import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { openAudience, openSocket } from './fan-out.js';
import { type Answer, Client, type LoadRequest } from './load.js';
import type { ServiceProcess } from './server-process.js';
import { downloadRequest, queryRequest, upload } from './service-requests.js';

/** Something that one client does to stop the service for others. */
export interface Attack {
  name: string;
  /** Attachments that the attacker's organization has before. */
  rows?: number;
  prepare?(): Promise<AsyncDisposable & { environment: NodeJS.ProcessEnv }>;
  /** The attacker's preparation, before the idle run. */
  fill?(service: ServiceProcess): Promise<void>;
  /** Resolves with a word about the answers. */
  run(service: ServiceProcess): Promise<string>;
}

/*
 * Clients that mean no good. Each function resolves with a word about what they were answered.
 */

/** No attack goes on longer. */
const attackMs = 60_000;

export function anonymous(query: string, extra: readonly unknown[] = []): LoadRequest {
  const body = Buffer.from(JSON.stringify({ query, variables: { extra } }));
  const headers = { 'Content-Type': 'application/json', 'Content-Length': String(body.length) };
  return { method: 'POST', path: '/graphql', headers, body: [body] };
}

/** Sends the same request so many times at once. */
export async function askAll(service: ServiceProcess, request: LoadRequest, count: number): Promise<string> {
  const clients = Array.from({ length: count }, () => new Client(service.origin));
  const asked = clients.map((client) => client.exchange(request).catch((error: Error) => error.message));
  try {
    return summarize(await Promise.all(asked));
  } finally {
    for (const client of clients) client.close();
  }
}

function summarize(answers: readonly (Answer | string)[]): string {
  const words = answers.map((answer) => {
    if (typeof answer === 'string') return answer;
    const code = /"code":"(\w+)"/.exec(String(answer.body))?.[1];
    const size = answer.size < 100_000 ? `${answer.size} B` : `${(answer.size / 1e6).toFixed(1)} MB`;
    return `${answer.status}, ${code ?? size}`;
  });
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts]
    .slice(0, 3)
    .map(([word, count]) => `${count} x ${word}`)
    .join('; ');
}

/** Sends requests on connections of their own and reads nothing of the answers. */
export async function sendUnread(
  { origin }: ServiceProcess,
  request: LoadRequest,
  count: number,
): Promise<string> {
  const sockets = await Promise.all(Array.from({ length: count }, () => openUnread(origin, request)));
  await sleep(15_000);
  const open = sockets.filter((socket) => !socket.destroyed).length;
  for (const socket of sockets) socket.destroy();
  return `${open} of ${count} connections still open after 15 s`;
}

async function openUnread(origin: string, { method, path, headers, body }: LoadRequest): Promise<Socket> {
  const { hostname, port } = new URL(origin);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.pause();
  const lines = Object.entries({ Host: hostname, ...headers }).map(([name, value]) => `${name}: ${value}`);
  socket.write([`${method} ${path} HTTP/1.1`, ...lines, '', ''].join('\r\n'));
  for (const piece of body) socket.write(piece);
  return socket;
}

/** Creates an attachment of this description and reads its html five times. */
export async function describeAndRead(service: ServiceProcess, description: string): Promise<string> {
  const create = queryRequest(
    service,
    'mutation ($input: CreateAttachmentInput!) { createAttachment(input: $input) { attachment { id } } }',
    { input: { content: { base64: 'YQ==' }, fileName: 'a.txt', description } },
  );
  const client = new Client(service.origin);
  const created = await client.exchange(create);
  const id = /"id":"([^"]+)"/.exec(String(created.body))?.[1];
  const read = queryRequest(service, 'query ($id: ID!) { attachment(id: $id) { description { html } } }', {
    id,
  });
  const answers: Answer[] = [created];
  for (let time = 0; time < 5 && id !== undefined; time += 1) answers.push(await client.exchange(read));
  client.close();
  return summarize(answers);
}

export async function sendDistinctDocuments(service: ServiceProcess): Promise<string> {
  const clients = Array.from({ length: 8 }, () => new Client(service.origin));
  const counts = new Map<number, number>();
  let next = 0;
  const send = async (client: Client) => {
    while (next < 24_000) {
      next += 1;
      const query = `{ ${`x${next}`.padEnd(160, 'y')}: viewer { organizationId } }`;
      const request = service.apiKey === '' ? anonymous(query) : queryRequest(service, query);
      const { status } = await client.exchange(request);
      counts.set(status, (counts.get(status) ?? 0) + 1);
    }
  };
  await Promise.all(clients.map(send));
  for (const client of clients) client.close();
  return [...counts].map(([status, count]) => `${count} x ${status}`).join('; ');
}

const spellings = ['Bearer ', 'bearer ', 'BEARER ', 'Basic ', 'basic ', 'Bearer  ', 'Basic  ', 'bEARER '];

export async function openSockets({ origin, apiKey }: ServiceProcess): Promise<string> {
  const sockets: WebSocket[] = [];
  const end = performance.now() + attackMs;
  for (let index = 0; index < 4_060 && performance.now() < end; index += 1) {
    const authorization = `${spellings[index % spellings.length]}${apiKey}`;
    sockets.push(openSocket(origin, authorization));
    if (index % 20 === 19) await sleep(25);
  }
  await sleep(5_000);
  const open = sockets.filter(({ readyState }) => readyState === WebSocket.OPEN).length;
  for (const socket of sockets) socket.terminate();
  return `${open} of ${sockets.length} open`;
}

export async function sendPings({ origin, apiKey }: ServiceProcess): Promise<string> {
  const socket = openSocket(origin, `Bearer ${apiKey}`);
  await once(socket, 'message');
  let pongs = 0;
  socket.on('message', () => {
    pongs += 1;
  });
  for (let index = 0; index < 200_000 && socket.readyState === WebSocket.OPEN; index += 1) {
    socket.send('{"type":"ping"}');
    if (index % 20_000 === 0) await sleep(1);
  }
  const end = performance.now() + 20_000;
  while (pongs < 200_000 && socket.readyState === WebSocket.OPEN && performance.now() < end) await sleep(20);
  const word = `${pongs} pongs, ${socket.readyState === WebSocket.OPEN ? 'open' : 'closed'}`;
  socket.terminate();
  return word;
}

export async function stallDownloads(service: ServiceProcess): Promise<string> {
  const content = [Buffer.alloc(16 * 1024 * 1024, 'Leave a file. ')];
  const attachment = await upload(service, { content, fileName: 'large.txt' });
  const descriptors = () => readdirSync(`/proc/${service.pid}/fd`).length;
  const before = descriptors();
  const request = downloadRequest(service, attachment);
  const sockets = await Promise.all(Array.from({ length: 100 }, () => openUnread(service.origin, request)));
  await sleep(2_000);
  const soon = descriptors() - before;
  await sleep(28_000);
  const later = descriptors() - before;
  for (const socket of sockets) socket.destroy();
  return `${soon} descriptors after 2 s, ${later} after 30 s`;
}

/** Subscribes 2,000 times to one attachment, on 20 sockets, and changes it. */
export async function tellSubscribers(service: ServiceProcess): Promise<string> {
  const subscribers = await openAudience(service, { sockets: 20, subscriptions: 100 });
  await sleep(3_000);
  for (let change = 0; change < 5; change += 1) {
    await subscribers.change(`${change}.txt`);
    await sleep(1_000);
  }
  subscribers.close();
  return `${subscribers.heard()} events heard`;
}
