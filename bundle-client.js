/*
 * Makes `dist/client/`: the client for browsers and for Node, its hooks for React, and their types. A page loads the worker
 * that hashes only once it needs it.
 */
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';

const root = import.meta.dirname;

const common = {
  absWorkingDir: root,
  bundle: true,
  minify: true,
  format: 'esm',
  charset: 'utf8',
  legalComments: 'none',
  splitting: true,
  chunkNames: '[name]-[hash]',
  logLevel: 'warning',
};

/** GraphQL needs no blanks beside its punctuation, and no line breaks. In the code of that file neither are needed. */
const tightDocuments = {
  name: 'tight documents',
  setup({ onLoad }) {
    onLoad({ filter: /client[\\/]documents\.ts$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      return { loader: 'ts', contents: text.replaceAll(/\s*([{}():,])\s*/g, '$1').replaceAll(/\n\s+/g, ' ') };
    });
  },
};

/** Makes the client in the folder `client` of `folder`. */
export async function bundleClient(folder) {
  const outdir = join(folder, 'client');
  const browser = {
    ...common,
    plugins: [tightDocuments],
    outdir,
    platform: 'browser',
    target: ['chrome109', 'firefox115', 'safari16.4'],
    // Names within the client alone. Whoever uses it sees none of them.
    mangleProps:
      /^(ask|askOnce|base|forget|header|isResumed|onOffset|onSent|platform|post|postFile|repeats)$/,
  };
  await build({
    ...browser,
    entryPoints: { browser: 'src/client/browser/browser.ts' },
  });
  // Alone in their files: a bundler finds the worker by its name, and the hooks share a hundred bytes with the client.
  await build({
    ...browser,
    splitting: false,
    entryPoints: {
      react: 'src/client/react/react.ts',
      'hash-worker': 'src/client/browser/hash-worker.ts',
    },
    external: ['react'],
  });
  await build({
    ...common,
    minify: false,
    outdir,
    platform: 'node',
    target: 'node20.19',
    entryPoints: { node: 'src/client/node.ts' },
    // Packages inside that are CommonJS.
    banner: {
      js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);",
    },
  });
  declareTypes();
}

function declareTypes() {
  const require = createRequire(import.meta.url);
  const compiler = join(dirname(require.resolve('typescript/package.json')), 'bin/tsc');
  const { status } = spawnSync(process.execPath, [compiler, '-p', 'src/client/tsconfig.json'], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error('The types of the client could not be made.');
}
