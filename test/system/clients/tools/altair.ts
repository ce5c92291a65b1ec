import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { getDistDirectory, renderAltair } from 'altair-static';
import type { Service } from './service';

const types: Record<string, string> = {
  '.css': 'text/css',
  '.js': 'text/javascript',
  '.svg': 'image/svg+xml',
};

/** Serves Altair, whose page asks the service itself. */
export async function run({ url, key }: Service) {
  const page = renderAltair({
    baseURL: '/',
    endpointURL: url,
    subscriptionsEndpoint: url.replace('http', 'ws'),
    initialSubscriptionsPayload: { authorization: `Bearer ${key}` },
    initialHeaders: { Authorization: `Bearer ${key}`, 'Apollo-Require-Preflight': 'true' },
    initialQuery: '{ viewer { principal { kind } } }',
  });
  const server = createServer(async ({ url: path = '/' }, response) => {
    const { pathname } = new URL(path, 'http://altair');
    const file =
      pathname === '/' ? null : await readFile(join(getDistDirectory(), pathname)).catch(() => null);
    response.setHeader('Content-Type', file ? (types[extname(pathname)] ?? '') : 'text/html; charset=utf-8');
    response.end(file ?? page);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}
