import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AttachmentError } from '../errors.js';
import type { NetworkRate } from '../limits/network-rate.js';
import { admitAnonymous } from './admit-request.js';

const page = 'index.html';

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
};

/** Codings that the build has made, the smallest first, and the ends of their files' names. */
const codings = [
  ['br', '.br'],
  ['gzip', '.gz'],
] as const;

/** The editor styles its lines by elements and attributes of its own, so styles may be inline; nothing else may. */
const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "connect-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "font-src 'self' data:",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const forGood = 'public, max-age=31536000, immutable';

/** The path of the explorer's page, below that of the public URL. */
export function explorerPath(publicUrl: string | null): string {
  return `${publicUrl === null ? '' : new URL(publicUrl).pathname.replace(/\/$/, '')}/explorer`;
}

/**
 * Adds `GET /explorer`, GraphiQL, and the files that its page loads, all from `folder`. The names of those files change with
 * their content. Without the folder, which the build makes, there is no explorer.
 */
export async function registerExplorer(
  server: FastifyInstance,
  { folder, anonymous }: { folder: string; anonymous: NetworkRate | null },
): Promise<void> {
  // Empty if there is no such folder.
  const names: ReadonlySet<string> = new Set(await readdir(folder).catch(() => []));
  if (!names.has(page)) server.log.warn({ folder }, 'the explorer has not been built');
  const read = keepFiles(folder);
  const send = async (request: FastifyRequest, reply: FastifyReply, name: string) => {
    const type = contentTypes[extname(name)];
    if (!names.has(name) || type === undefined) throw new AttachmentError('NOT_FOUND');
    const [coding, end] = codings.find(([each, end]) => mayBe(request, each) && names.has(name + end)) ?? [];
    if (coding !== undefined) reply.header('content-encoding', coding);
    const vary = [reply.getHeader('vary') ?? [], 'Accept-Encoding'].flat().join(', ');
    reply.headers({ 'content-type': type, vary });
    return reply.send(await read(name + (end ?? '')));
  };
  server.get('/explorer', async (request, reply) => {
    await admitAnonymous(anonymous, request, reply);
    reply.headers({ 'cache-control': 'no-cache', 'content-security-policy': pagePolicy });
    return send(request, reply, page);
  });
  server.get<{ Params: { name: string } }>('/explorer/:name', async (request, reply) => {
    await admitAnonymous(anonymous, request, reply);
    if (request.params.name === '') return reply.redirect('../explorer', 308);
    // A worker has the policy of its own file.
    reply.headers({ 'cache-control': forGood, 'content-security-policy': pagePolicy });
    return send(request, reply, request.params.name);
  });
}

/** Files are read once and kept: clients that read slowly then share one copy, and hold no descriptor. */
function keepFiles(folder: string): (name: string) => Promise<Buffer> {
  const kept = new Map<string, Promise<Buffer>>();
  return (name) => {
    const known = kept.get(name);
    if (known) return known;
    const reading = readFile(join(folder, name));
    kept.set(name, reading);
    reading.catch(() => kept.delete(name));
    return reading;
  };
}

/** Whether the answer may have this coding. One whose weight is 0 is refused. */
function mayBe({ headers }: FastifyRequest, coding: string): boolean {
  const accepted = String(headers['accept-encoding'] ?? '').split(',');
  const weights = accepted
    .map((each) =>
      each
        .trim()
        .toLowerCase()
        .split(/\s*;\s*q=/),
    )
    .flatMap(([name, weight = '1']) => (name === coding ? Number(weight) : []));
  return weights.some((weight) => weight > 0);
}
