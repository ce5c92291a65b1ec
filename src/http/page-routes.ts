import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../config/config.js';
import { readVersion } from '../config/files.js';
import { AttachmentError } from '../errors.js';
import type { NetworkRate } from '../limits/networks.js';
import { admitAnonymous } from './admit-request.js';

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

/** The path of the explorer's page, below that of the public URL. */
export const explorerPath = (publicUrl: string | null): string => `${basePath(publicUrl)}/explorer`;

const basePath = (publicUrl: string | null): string =>
  publicUrl === null ? '' : new URL(publicUrl).pathname.replace(/\/$/, '');

/** Adds `GET /` to a service without the console, open to everybody: what this is, and the paths of its parts. */
export function registerIndex(
  server: FastifyInstance,
  { publicUrl, explorer }: Pick<Config, 'publicUrl' | 'explorer'>,
  anonymous: NetworkRate | null,
): void {
  const base = basePath(publicUrl);
  const health = { live: `${base}/health/live`, ready: `${base}/health/ready` };
  const pages = explorer ? { explorer: explorerPath(publicUrl) } : {};
  const index = { name: 'claimcheck', version: readVersion(), graphql: `${base}/graphql`, health, ...pages };
  server.get('/', async (request, reply) => {
    await admitAnonymous(anonymous, request, reply);
    assertPath(request, '/');
    return reply.header('cache-control', 'no-store').send(index);
  });
}

/** The router takes a target that is no path, such as one star, for the path /. */
function assertPath(request: FastifyRequest, path: string): void {
  if (request.url.split('?', 1)[0] !== path) throw new AttachmentError('NOT_FOUND');
}

interface PageDependencies {
  /** The folder that the build makes. */
  dist: string;
  anonymous: NetworkRate | null;
}

/** Adds `GET /explorer`, GraphiQL, and the files that its page loads. */
export function registerExplorer(
  server: FastifyInstance,
  { dist, anonymous }: PageDependencies,
): Promise<void> {
  return registerPage(server, {
    title: 'explorer',
    url: '/explorer',
    files: { url: '/explorer/:name' },
    folder: join(dist, 'explorer'),
    policy: pagePolicy,
    anonymous,
  });
}

export interface ConsoleDependencies extends PageDependencies {
  /** Origins of the service's own URLs and of its store, if they are others than the page's. */
  origins: readonly string[];
}

/** Adds `GET /`, the console, and the files that its page loads. */
export function registerConsole(
  server: FastifyInstance,
  { dist, anonymous, origins }: ConsoleDependencies,
): Promise<void> {
  const own = ["'self'", ...origins].join(' ');
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "worker-src 'self'",
    `connect-src ${own}`,
    "style-src 'self'",
    `img-src ${own} data:`,
    // Files are shown in frames, each with a policy of its own.
    `frame-src ${own}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  const folder = join(dist, 'console');
  return registerPage(server, {
    title: 'console',
    url: '/',
    files: { url: '/console/:name' },
    folder,
    policy,
    anonymous,
  });
}

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

const forGood = 'public, max-age=31536000, immutable';

export interface PageOptions {
  /** The page's name in the log. */
  title: string;
  /** The route of the page. */
  url: string;
  /** The route of its other files, with their name as a parameter. */
  files: { url: string };
  /** The folder that the build has made. Without it there is no page. */
  folder: string;
  /** Content-Security-Policy. */
  policy: string;
  anonymous: NetworkRate | null;
}

/** Adds a page and the files that it loads. The names of those files change with their content. */
async function registerPage(
  server: FastifyInstance,
  { title, url, files, folder, policy, anonymous }: PageOptions,
): Promise<void> {
  // Empty if there is no such folder.
  const names: ReadonlySet<string> = new Set(await readdir(folder).catch(() => []));
  if (!names.has(page)) server.log.warn({ folder }, `the ${title} has not been built`);
  const read = keepFiles(folder);
  const send = async (request: FastifyRequest, reply: FastifyReply, name: string, caching: string) => {
    const type = contentTypes[extname(name)];
    if (!names.has(name) || type === undefined) throw new AttachmentError('NOT_FOUND');
    const [coding, end] = codings.find(([each, end]) => mayBe(request, each) && names.has(name + end)) ?? [];
    const bytes = await read(name + (end ?? ''));
    // Behind all that may fail: a refusal is neither encoded nor kept for good.
    if (coding !== undefined) reply.header('content-encoding', coding);
    const vary = [reply.getHeader('vary') ?? [], 'Accept-Encoding'].flat().join(', ');
    reply.headers({
      'content-type': type,
      vary,
      'cache-control': caching,
      'content-security-policy': policy,
    });
    return reply.send(bytes);
  };
  server.get(url, async (request, reply) => {
    await admitAnonymous(anonymous, request, reply);
    assertPath(request, url);
    return send(request, reply, page, 'no-cache');
  });
  server.get<{ Params: { name: string } }>(files.url, async (request, reply) => {
    await admitAnonymous(anonymous, request, reply);
    if (request.params.name === '') return reply.redirect(`..${url}`, 308);
    // A worker has the policy of its own file, so each has that of the page.
    return send(request, reply, request.params.name, forGood);
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
  // Without a pattern: blanks within a header would be searched anew from each one on.
  const accepted = String(headers['accept-encoding'] ?? '')
    .toLowerCase()
    .split(',');
  const weights = accepted
    .map((each) => each.split(';').map((part) => part.trim()))
    .flatMap(([name, weight = 'q=1']) => (name === coding ? Number(weight.replace('q=', '')) : []));
  return weights.some((weight) => weight > 0);
}
