import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { bytesAtRest, collectingNode } from './documents-memory.js';
import type { Limit } from './limit.js';
import { toMebibytes } from './report.js';
import { textContent } from './scenarios.js';
import { type ServiceProcess, startService } from './server-process.js';
import { uploadRequest } from './service-requests.js';
import { median } from './statistics.js';
import { takeTurns } from './take-turns.js';

const mebibyte = 1024 * 1024;
const size = 256 * mebibyte;
const chunkSize = 8 * mebibyte;
const makers = 8;
const warmUp = 3_000;
/** Memory at rest may grow so much by uploads that nobody is sending to. */
const maxGrowth = 16 * mebibyte;

interface Sent {
  method: string;
  url: string;
  headers: Record<string, string>;
  body?: readonly Uint8Array[];
}

/** Uploads by tus: their rate beside a multipart request of the same file, and many of them under way. */
export async function measureResumable(rounds: number, underWay: number): Promise<Limit[]> {
  const service = await startService({
    nodeArguments: collectingNode,
    environment: { MAX_UPLOAD_TARGETS: '100000' },
  });
  const agent = new Agent({ keepAlive: true });
  try {
    const limits = [await measureRate(service, agent, rounds)];
    return [...limits, ...(await measureUnderWay(service, agent, underWay))];
  } finally {
    agent.destroy();
    await service.stop();
  }
}

async function measureRate(service: ServiceProcess, agent: Agent, rounds: number): Promise<Limit> {
  const content = textContent(size);
  const { path, headers, body } = uploadRequest(service, { content, fileName: 'ticket.txt' });
  const perSecond = async (work: () => Promise<unknown>) => {
    const begun = performance.now();
    await work();
    return 1_000 / (performance.now() - begun);
  };
  const multipart = () => send(agent, { method: 'POST', url: `${service.origin}${path}`, headers, body });
  const tus = async () => {
    const url = await create(service, agent, size);
    for (let offset = 0; offset < size; offset += chunkSize)
      await append(service, agent, { url, offset, body: content.slice(0, chunkSize / mebibyte) });
  };
  const standings = await takeTurns(
    [
      { name: 'multipart', run: () => perSecond(multipart) },
      { name: 'tus', run: () => perSecond(tus) },
    ],
    rounds,
  );
  const measured = standings[1]?.ratio ?? null;
  return {
    name: 'upload-256m by tus',
    measured,
    bound: 0.8,
    kind: 'at least',
    unit: '',
    reference: 'multipart',
  };
}

/** Makes uploads, sends each its first bytes, and compares memory and the time of one PATCH with those of ten. */
async function measureUnderWay(service: ServiceProcess, agent: Agent, count: number): Promise<Limit[]> {
  const few = await makeUploads(service, agent, 10);
  // Once it has much to do, a process takes memory for good, such as for its youngest objects: it has that before.
  await makeUploads(service, agent, warmUp);
  const before = await bytesAtRest(service);
  const patchBefore = await timePatch(service, agent, few);
  const many = await makeUploads(service, agent, count);
  const after = await bytesAtRest(service);
  const patchAfter = await timePatch(service, agent, many.slice(-10));
  return [
    {
      name: `memory at rest with ${count} uploads under way, growth`,
      measured: toMebibytes(after - before) ?? 0,
      bound: toMebibytes(maxGrowth) ?? 0,
      kind: 'at most',
      unit: 'MiB',
    },
    {
      name: 'a PATCH then',
      measured: patchAfter / patchBefore,
      bound: 2,
      kind: 'at most',
      unit: '',
      reference: 'among few',
    },
  ];
}

async function makeUploads(service: ServiceProcess, agent: Agent, count: number): Promise<string[]> {
  const urls: string[] = [];
  let left = count;
  const makeInTurn = async () => {
    while (left > 0) {
      left -= 1;
      const url = await create(service, agent, mebibyte);
      await append(service, agent, { url, offset: 0, body: [Buffer.alloc(1_000)] });
      urls.push(url);
    }
  };
  await Promise.all(Array.from({ length: makers }, makeInTurn));
  return urls;
}

/** Milliseconds, in the median. */
async function timePatch(service: ServiceProcess, agent: Agent, urls: readonly string[]): Promise<number> {
  const times: number[] = [];
  for (let round = 1; round <= 10; round += 1)
    for (const url of urls) {
      const begun = performance.now();
      await append(service, agent, { url, offset: round * 1_000, body: [Buffer.alloc(1_000)] });
      times.push(performance.now() - begun);
    }
  return median(times);
}

async function create(service: ServiceProcess, agent: Agent, length: number): Promise<string> {
  const name = Buffer.from('ticket.txt').toString('base64');
  const headers = {
    ...ofTus(service),
    'Upload-Length': String(length),
    'Upload-Metadata': `filename ${name}`,
  };
  return (await send(agent, { method: 'POST', url: `${service.origin}/uploads`, headers })).location;
}

interface Part {
  url: string;
  offset: number;
  body: readonly Uint8Array[];
}

async function append(service: ServiceProcess, agent: Agent, { url, offset, body }: Part): Promise<void> {
  const type = { 'Content-Type': 'application/offset+octet-stream' };
  const headers = { ...ofTus(service), ...type, 'Upload-Offset': String(offset) };
  await send(agent, { method: 'PATCH', url, headers, body });
}

const ofTus = ({ apiKey }: ServiceProcess) => ({
  Authorization: `Bearer ${apiKey}`,
  'Tus-Resumable': '1.0.0',
});

/** Throws for an answer other than 2xx. */
async function send(agent: Agent, { method, url, headers, body = [] }: Sent): Promise<{ location: string }> {
  const length = body.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const sent = request(url, { method, agent, headers: { ...headers, 'Content-Length': length } });
  const answered = once(sent, 'response');
  for (const piece of body) if (!sent.write(piece)) await once(sent, 'drain');
  sent.end();
  const [response] = await answered;
  let text = '';
  for await (const piece of response) text += String(piece);
  if (response.statusCode >= 300 || text.includes('"errors"'))
    throw new Error(`${method} was answered with ${response.statusCode} ${text.slice(0, 500)}`);
  return { location: response.headers.location ?? '' };
}
