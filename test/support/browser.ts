import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Browser, chromium, type Page } from 'playwright-core';
import { describeWithProgram, findProgram } from './skip-without.js';

const install = 'apt-get install chromium-headless-shell';

/** Chromium without its windows takes a third less of the processor. */
const programs = ['chromium-headless-shell', 'chromium'];

/** A suite that needs a browser; it gets the path of one. */
export function describeWithBrowser(suite: (path: string) => void): void {
  describeWithProgram(programs.find(findProgram) ?? 'chromium-headless-shell', install, suite);
}

/** Nothing but the pages under test is to use the network. */
const flags = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-gpu',
  '--disable-quic',
  '--disable-sync',
  '--no-first-run',
];

/** Headless Chromium, with a profile of its own that goes with it. Without its sandbox, which root cannot have. */
export function openBrowser(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, args: flags, chromiumSandbox: false });
}

/** The errors of a page's scripts, and those that its console shows, from now on. */
export function keepFaults(page: Page): string[] {
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(message.text());
  });
  return faults;
}

/** Somebody else's site: another host name and another port than the service's. */
export interface ForeignSite {
  origin: string;
  /** The paths asked for so far, flags included. */
  visits: string[];
  /** Serves `html` and returns its address. */
  addPage(html: string): string;
  close(): Promise<void>;
}

export async function startForeignSite(): Promise<ForeignSite> {
  const pages = new Map<string, string>();
  const visits: string[] = [];
  const server = createServer(({ url = '/' }, response) => {
    visits.push(url);
    answer(response, pages.get(url));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://localhost:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    visits,
    addPage(html) {
      const path = `/page-${pages.size}`;
      pages.set(path, html);
      return `${origin}${path}`;
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** A path that is no page is a flag: any other page's script may raise it, and is seen to have run. */
function answer(response: ServerResponse, page: string | undefined): void {
  response.setHeader('access-control-allow-origin', '*');
  if (page === undefined) response.writeHead(204).end();
  else response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page);
}
