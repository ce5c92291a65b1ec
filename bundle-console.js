/*
 * Makes `dist/console/`: the page of the console and its files, each with a hash of its content in its name, compressed
 * beforehand, and the licences of what is in them. It stands on the client in `dist/client/`, which must have been made.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build, defaultClientConditions } from 'vite';
import { compressAll, licensesOf } from './bundle-explorer.js';

const root = import.meta.dirname;

/** Makes the console in the folder `console` of `folder`. */
export async function bundleConsole(folder) {
  const outDir = join(folder, 'console');
  // Vite goes by it, and tests, which build too, have another.
  process.env['NODE_ENV'] = 'production';
  const modules = new Set();
  const listModules = {
    name: 'list-modules',
    generateBundle: (_, bundle) => {
      for (const { modules: found = {} } of Object.values(bundle))
        for (const id of Object.keys(found)) modules.add(relative(root, id.replace(/^\0/, '').split('?')[0]));
    },
  };
  await build({
    configFile: false,
    root: join(root, 'console'),
    base: './',
    logLevel: 'warn',
    resolve: {
      alias: {
        'claimcheck/client': join(folder, 'client/browser.js'),
        'claimcheck/react': join(folder, 'client/react.js'),
      },
      dedupe: ['react'],
      // The parser of Markdown works in a worker, which has no document.
      conditions: ['worker', ...defaultClientConditions],
    },
    worker: { format: 'es' },
    build: {
      chunkSizeWarningLimit: 1_000,
      outDir,
      assetsDir: '',
      emptyOutDir: true,
      target: ['chrome111', 'firefox114', 'safari16.4'],
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
    },
    plugins: [listModules],
  });
  const page = join(outDir, 'index.html');
  const html = readFileSync(page, 'utf8')
    .replaceAll('"./', '"console/')
    // React Aria adds a style of its own unless an element has this id; ours has it in its sheet.
    .replace('<link rel="stylesheet"', '<link id="react-aria-pressable-style" rel="stylesheet"');
  writeFileSync(page, html);
  writeFileSync(join(outDir, 'licenses.txt'), licensesOf(modules));
  await compressAll(outDir);
}
