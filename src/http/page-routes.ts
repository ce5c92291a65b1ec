import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { NetworkRate } from '../limits/network-rate.js';
import { registerPage } from './page-files.js';

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
export function explorerPath(publicUrl: string | null): string {
  return `${publicUrl === null ? '' : new URL(publicUrl).pathname.replace(/\/$/, '')}/explorer`;
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
