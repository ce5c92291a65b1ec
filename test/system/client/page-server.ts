import { once } from 'node:events';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import { build } from 'esbuild';
import { repositoryRoot } from '../../support/source-files.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

/** Somebody else's site with a page. */
export interface PageServer extends AsyncDisposable {
  url: string;
}

interface PageOptions {
  reactFolder?: string | null;
  script?: string | null;
  mode?: 'production' | 'development';
}

/**
 * Bundles the example as an application would, and serves it with a token for the service. `reactFolder` has another version of React
 * in its node_modules, and `script` is another page than the example. `mode` is that of React.
 */
export async function servePage(
  service: { url: string; key: string },
  { reactFolder = null, script = null, mode = 'production' }: PageOptions = {},
): Promise<PageServer> {
  const folder = await makeTemporaryDirectory();
  await mkdir(join(folder, 'page'));
  const packageOf = (name: string) => [name, join(reactFolder ?? '', 'node_modules', name)];
  const packages = reactFolder ? Object.fromEntries(['react', 'react-dom'].map(packageOf)) : {};
  const given = { contents: script ?? '', loader: 'jsx', resolveDir: repositoryRoot } as const;
  await build({
    ...(script === null
      ? { entryPoints: ['examples/uploads.jsx'] }
      : { stdin: given, entryNames: 'uploads' }),
    ...{ absWorkingDir: repositoryRoot, outdir: join(folder, 'page') },
    ...{ bundle: true, splitting: true, format: 'esm', platform: 'browser', jsx: 'automatic' },
    ...{ alias: packages, logLevel: 'warning', define: { 'process.env.NODE_ENV': `"${mode}"` } },
  });
  const html = `<!doctype html><title>Uploads</title><main data-claimcheck="${service.url}"></main>
    <script type="module" src="/uploads.js"></script>`;
  const server = createServer(async ({ url = '/' }, response) => {
    if (url === '/') return response.setHeader('content-type', 'text/html').end(html);
    if (url === '/token') return response.end(service.key);
    const name = basename(url);
    const path =
      name === 'hash-worker.js' ? join(repositoryRoot, 'dist/client', name) : join(folder, 'page', name);
    const content = await readFile(path).catch(() => null);
    return response.writeHead(content ? 200 : 404, { 'content-type': 'text/javascript' }).end(content ?? '');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}/`,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await rm(folder, { recursive: true });
    },
  };
}
