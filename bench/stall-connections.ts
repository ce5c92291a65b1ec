import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import type { LoadRequest } from './load.js';
import type { ServiceProcess } from './server-process.js';
import { downloadRequest, queryRequest, upload } from './service-requests.js';
import { type Attack, askAll } from './stall-clients.js';

/*
 * Attacks by how bytes are sent rather than by what they ask for.
 */

const giveUpMs = 60_000;

const empty: Omit<LoadRequest, 'path'> = { method: 'GET', headers: {}, body: [] };

export const connectionAttacks: readonly Attack[] = [
  {
    name: '50 connections of 900 pipelined downloads',
    async run(service) {
      const attachment = await upload(service, { content: [Buffer.from('small')], fileName: 'small.txt' });
      return pipeline(service, downloadRequest(service, attachment));
    },
  },
  {
    name: '50 connections of 900 pipelined requests for nothing, with bodies',
    run: (service) =>
      pipeline(service, {
        method: 'POST',
        path: '/nothing',
        headers: { 'Content-Length': '5' },
        body: [Buffer.from('bytes')],
      }),
  },
  { name: '20 bodies in a chunk for each byte, no credential', run: sendTinyChunks },
  { name: '100 WebSockets with pings of numbers, no credential', run: pingWithNumbers },
  {
    name: '500 event streams that nobody reads, of an attachment that changes',
    run: leaveStreams,
  },
  {
    name: '3,000 event streams that are left as soon as they are open, 50 at once',
    run: leaveStreamsAtOnce,
  },
  {
    name: '500 scrapes of metrics, 50 at once',
    async run(service) {
      let word = '';
      for (let time = 0; time < 10; time += 1)
        word = await askAll(service, { ...empty, path: '/metrics' }, 50);
      return word;
    },
  },
  {
    name: '100 descriptions that are costly to render',
    run: (service) => askAll(service, describing(service, { description: costlyMarkdown }), 100),
  },
  {
    name: 'a page of 1,000 long descriptions and metadata',
    fill: createLongRows,
    run: (service) =>
      askAll(
        service,
        queryRequest(
          service,
          '{ attachments(first: 1000) { nodes { id description { raw } metadata { attributes } } } }',
        ),
        4,
      ),
  },
];

const costlyMarkdown = '*a **a '.repeat(1_400);

function describing(service: ServiceProcess, rest: object): LoadRequest {
  return queryRequest(
    service,
    'mutation ($input: CreateAttachmentInput!) { createAttachment(input: $input) { attachment { id } } }',
    { input: { content: { base64: 'YQ==' }, fileName: 'a.txt', ...rest } },
  );
}

/** Every character of them is written as two. */
async function createLongRows(service: ServiceProcess): Promise<void> {
  const attributes = { text: '"'.repeat(8_000) };
  const rest = { description: '"'.repeat(10_000), metadata: { type: 'Note', attributes } };
  for (let created = 0; created < 1_000; created += 20) await askAll(service, describing(service, rest), 20);
}

function open({ origin }: ServiceProcess): Promise<Socket> {
  const { hostname, port } = new URL(origin);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  return once(socket, 'connect').then(() => socket);
}

/** Sends a request 900 times in one go, on each of 50 connections. */
async function pipeline(
  service: ServiceProcess,
  { method, path, headers, body }: LoadRequest,
): Promise<string> {
  const lines = Object.entries({ Host: 'x', ...headers }).map(([name, value]) => `${name}: ${value}`);
  const one = Buffer.concat([
    Buffer.from([`${method} ${path} HTTP/1.1`, ...lines, '', ''].join('\r\n')),
    ...body,
  ]);
  const all = Buffer.concat(Array(900).fill(one));
  const sockets = await Promise.all(Array.from({ length: 50 }, () => open(service)));
  const answers = await Promise.all(sockets.map((socket) => countAnswers(socket, all, 900)));
  return `${answers.reduce((sum, count) => sum + count, 0)} of 45000 answered`;
}

async function countAnswers(socket: Socket, sent: Buffer, expected: number): Promise<number> {
  let count = 0;
  socket.on('data', (data) => {
    count += String(data).split('HTTP/1.1 ').length - 1;
  });
  socket.write(sent);
  const end = performance.now() + giveUpMs;
  while (count < expected && !socket.destroyed && performance.now() < end) await sleep(10);
  socket.destroy();
  return count;
}

async function sendTinyChunks(service: ServiceProcess): Promise<string> {
  const head =
    'POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n';
  const body = Buffer.concat([
    Buffer.from(head),
    Buffer.from('1\r\n \r\n'.repeat(900_000)),
    Buffer.from('0\r\n\r\n'),
  ]);
  const sockets = await Promise.all(Array.from({ length: 20 }, () => open(service)));
  const answers = await Promise.all(sockets.map((socket) => countAnswers(socket, body, 1)));
  return `${answers.reduce((sum, count) => sum + count, 0)} of 20 answered`;
}

async function pingWithNumbers({ origin }: ServiceProcess): Promise<string> {
  const url = `${origin.replace('http', 'ws')}/graphql`;
  const sockets = Array.from({ length: 100 }, () => new WebSocket(url, ['graphql-transport-ws']));
  for (const socket of sockets) socket.on('error', () => undefined);
  await Promise.all(sockets.map((socket) => once(socket, 'open')));
  let pongs = 0;
  const ping = JSON.stringify({ type: 'ping', payload: { numbers: Array(8_000).fill(0.1234) } });
  for (const socket of sockets) {
    socket.on('message', () => {
      pongs += 1;
    });
    for (let count = 0; count < 20; count += 1) socket.send(ping);
  }
  await sleep(10_000);
  for (const socket of sockets) socket.terminate();
  return `${pongs} pongs of 2000`;
}

/** Subscribes by an event stream, and resolves with its connection once the answer has begun. */
async function openStream(service: ServiceProcess, attachmentId: string): Promise<Socket> {
  const texts = Array.from({ length: 40 }, (_, index) => `a${index}: description { raw }`).join(' ');
  const query = `subscription { attachmentChanged(attachmentId: "${attachmentId}") { id ${texts} } }`;
  const body = JSON.stringify({ query });
  const head = [
    'POST /graphql/stream HTTP/1.1',
    'Host: x',
    `Authorization: Bearer ${service.apiKey}`,
    'Accept: text/event-stream',
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
  ];
  const socket = await open(service);
  socket.write([...head, '', body].join('\r\n'));
  await Promise.race([once(socket, 'data'), once(socket, 'close')]);
  return socket;
}

async function leaveStreams(service: ServiceProcess): Promise<string> {
  const { id } = await upload(service, { content: [Buffer.from('a')], fileName: 'a.txt' });
  const sockets: Socket[] = [];
  while (sockets.length < 500) {
    const wave = await Promise.all(Array.from({ length: 50 }, () => openStream(service, id)));
    for (const socket of wave) socket.pause();
    sockets.push(...wave);
  }
  for (let change = 0; change < 10; change += 1) {
    const input = { attachmentId: id, description: String(change).padEnd(10_000, 'd') };
    await askAll(
      service,
      queryRequest(
        service,
        'mutation ($input: UpdateAttachmentInput!) { updateAttachment(input: $input) { __typename } }',
        { input },
      ),
      1,
    );
    await sleep(200);
  }
  // Longer than a client may take to read nothing.
  await sleep(40_000);
  for (const socket of sockets) socket.resume();
  await sleep(2_000);
  const left = sockets.filter(({ readyState }) => readyState === 'open').length;
  for (const socket of sockets) socket.destroy();
  return `${left} of 500 open after 40 s`;
}

async function leaveStreamsAtOnce(service: ServiceProcess): Promise<string> {
  const { id } = await upload(service, { content: [Buffer.from('a')], fileName: 'a.txt' });
  let begun = 0;
  const open50 = async () => {
    while (begun < 3_000) {
      begun += 1;
      (await openStream(service, id)).destroy();
    }
  };
  await Promise.all(Array.from({ length: 50 }, open50));
  return `${begun} opened`;
}
