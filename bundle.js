/*
 * The part of `npm run build` after the check of types: makes `dist/` from `src/`. The bundle has all that a start needs in one
 * file, and beside it lies what V8 has compiled of it; both together take a fifth of the time of loading 2,000 modules. A part
 * that is newer than its sources is left as it is.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';
import { build } from 'esbuild';
import { bundleClient } from './bundle-client.js';
import { bundleConsole } from './bundle-console.js';
import { bundleExplorer } from './bundle-explorer.js';
import { classNames, writeForV8 } from './bundle-for-v8.js';

const folder = join(import.meta.dirname, 'dist');
const bundle = join(folder, 'main.cjs');
const compiled = join(folder, 'main.cache');

/** Loaded from node_modules when needed: native code, what only other engines and webhooks need, and drivers that are not installed. */
const external = [
  ...[
    'sqlite3',
    'pg',
    'sharp',
    '@hyzyla/pdfium',
    'graphile-worker',
    '@aws-sdk/*',
    'undici',
    'class-validator',
  ],
  ...[
    '@google-cloud/spanner',
    '@sap/hana-client',
    '@sap/hana-client/*',
    'better-sqlite3',
    'ioredis',
    'mongodb',
  ],
  ...['mssql', 'mysql', 'mysql2', 'oracledb', 'pg-native', 'pg-query-stream', 'react-native-sqlite-storage'],
  ...['redis', 'sql.js', 'typeorm-aurora-data-api-driver'],
];

/** Leaves packages out of the source map, which is read when an error is told. */
const ownSourcesOnly = {
  name: 'own-sources-only',
  setup: ({ onLoad }) =>
    onLoad({ filter: /[\\/]node_modules[\\/].*\.[cm]?js$/ }, ({ path }) => {
      const nowhere = Buffer.from('{"version":3,"sources":[""],"mappings":"AAAA"}').toString('base64');
      const map = `//# sourceMappingURL=data:application/json;base64,${nowhere}`;
      return { contents: `${readFileSync(path, 'utf8')}\n${map}`, loader: 'js' };
    }),
};

/** Modules that libraries load at their start for uses that the service has none of, by paths in `node_modules`. */
const unused = [
  // Drivers of other databases; entities by the names of files, settings in files, and statements in colours.
  /^typeorm\/driver\/(?!(postgres|sqlite|sqlite-abstract|types)\/)[^/]+\//,
  /^(ansis|app-root-path|dotenv|glob|sql-highlight|@sqltools\/formatter)\//,
  // Schemas of routes, and requests that tests make up.
  /^(@fastify\/(ajv-compiler|fast-json-stringify-compiler)|light-my-request)\//,
  // A schema that is given as text, and reports to Apollo.
  /^@(graphql-tools\/schema|apollo\/(usage-reporting-protobuf|utils\.usagereporting))\//,
  // Limits that are counted elsewhere than in memory and in PostgreSQL.
  /^rate-limiter-flexible\/lib\/(?!component\/|constants|helper|RateLimiter(Abstract|CompatibleAbstract|Insured|Memory|Postgres|Res|Store))/,
];

/** Leaves that out: each of its modules is empty. */
const usedOnly = {
  name: 'used-only',
  setup: ({ onLoad }) =>
    onLoad({ filter: /[\\/]node_modules[\\/].*\.[cm]?js$/ }, ({ path }) => {
      const [name] = path.replaceAll('\\', '/').split('/node_modules/').slice(-1);
      return unused.some((each) => each.test(name)) ? { contents: '', loader: 'js' } : undefined;
    }),
};

/**
 * Takes graphql-js as an ES module, for those that `require` it, too. As CommonJS each of a hundred modules that import it would
 * have a getter for each of its exports: 22,000 functions.
 */
const graphqlAsModule = {
  name: 'graphql-as-module',
  setup: ({ onResolve }) =>
    onResolve({ filter: /^graphql(\/[\w/]+)?(\.m?js)?$/ }, ({ path }) => {
      const name = join(import.meta.dirname, 'node_modules', path.replace(/\.m?js$/, ''));
      return { path: existsSync(`${name}.mjs`) ? `${name}.mjs` : join(name, 'index.mjs') };
    }),
};

const common = {
  absWorkingDir: import.meta.dirname,
  outdir: folder,
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  charset: 'ascii',
  keepNames: true,
  minifySyntax: true,
  minifyWhitespace: true,
  sourcemap: true,
  sourcesContent: false,
  plugins: [graphqlAsModule, usedOnly, ownSourcesOnly],
  external,
  logLevel: 'warning',
};

const withUrl = "const ownUrl = require('node:url').pathToFileURL(__filename).href;";
const withRequire =
  "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);";

async function bundleService() {
  await build({
    ...common,
    bundle: false,
    plugins: [],
    external: undefined,
    entryPoints: ['src/claimcheck.cts'],
    outExtension: { '.js': '.cjs' },
    format: 'cjs',
    sourcemap: false,
  });
  await build({
    ...common,
    entryPoints: { main: 'src/main.ts' },
    outExtension: { '.js': '.cjs' },
    format: 'cjs',
    // All that is loaded late is in this file or is CommonJS.
    supported: { 'dynamic-import': false },
    define: {
      'import.meta.url': 'ownUrl',
      'import.meta.dirname': '__dirname',
      // graphql-js looks for a second copy of itself at every question about a type otherwise.
      'process.env.NODE_ENV': '"production"',
    },
    // A function, which the command calls.
    banner: { js: `(function (require, module, __filename, __dirname) { ${withUrl} ${classNames}` },
    footer: { js: '})' },
  });
  await build({
    ...common,
    entryPoints: [
      'src/intake/hash-worker.ts',
      'src/markdown/markdown-worker.ts',
      'src/previews/picture-worker.ts',
    ],
    entryNames: '[name]',
    format: 'esm',
    banner: { js: withRequire },
  });
  chmodSync(join(folder, 'claimcheck.cjs'), 0o755);
  writeForV8(bundle);
  compileBundle();
}

/** Starts the service once in a process of its own, which leaves behind what V8 has compiled for it. */
function compileBundle() {
  const data = mkdtempSync(join(tmpdir(), 'claimcheck-build-'));
  try {
    const env = { PATH: process.env.PATH, PORT: '0', DATA_DIR: data, LOG_LEVEL: 'silent' };
    const { status } = spawnSync(process.execPath, [import.meta.filename, 'serve'], {
      env,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    if (status !== 0) throw new Error('The bundle does not start.');
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
}

/** Those of `claimcheck serve` at its start: what is compiled under others is rejected. */
const setFlags = () => setFlagsFromString('--semi-space-growth-factor=1');

/** As `claimcheck serve` does it, to its first line. */
function serveOnce() {
  setFlags();
  const script = new Script(readFileSync(bundle, 'latin1'), { filename: bundle });
  process.stdout.write = (text) => {
    if (!/listens on/.test(text)) throw new Error(text);
    setImmediate(() => {
      setFlags();
      writeFileSync(compiled, script.createCachedData());
      // The service closes what it makes to others.
      chmodSync(compiled, 0o644);
      process.exit();
    });
    return true;
  };
  script.runInThisContext()(createRequire(bundle), {}, bundle, folder);
}

/** Whether a start would use what has been compiled. That of another version of Node is rejected, and each start compiles by itself. */
function isCompiled() {
  setFlags();
  const cachedData = readFileSync(compiled);
  return !new Script(readFileSync(bundle, 'latin1'), { filename: bundle, cachedData }).cachedDataRejected;
}

/** Each with the files in `dist/` that are its own, the last one made, and the sources that it is made from. */
const parts = [
  {
    make: bundleService,
    own: /^[^/]+\.[^/]+$/,
    made: 'main.cache',
    sources: ['src', 'bundle-for-v8.js'],
    isUsable: isCompiled,
  },
  {
    make: bundleExplorer,
    own: /^explorer$/,
    made: 'explorer/licenses.txt.br',
    sources: ['explorer', 'bundle-explorer.js'],
  },
  {
    make: bundleClient,
    own: /^client$/,
    made: 'client/types/react/react.d.ts',
    sources: ['src/client', 'bundle-client.js'],
  },
  {
    make: bundleConsole,
    own: /^console$/,
    made: 'console/licenses.txt.br',
    sources: ['console', 'src/client', 'bundle-client.js', 'bundle-console.js', 'bundle-explorer.js'],
  },
];

function isCurrent({ made, sources, isUsable = () => true }) {
  try {
    const files = [...sources, 'bundle.js', 'package-lock.json', 'tsconfig.json'].flatMap((name) => {
      const path = join(import.meta.dirname, name);
      return statSync(path).isDirectory()
        ? ['.', ...readdirSync(path, { recursive: true })].map((below) => join(path, below))
        : [path];
    });
    const { mtimeMs } = statSync(join(folder, made));
    return files.every((path) => statSync(path).mtimeMs < mtimeMs) && isUsable();
  } catch {
    return false;
  }
}

async function makeParts() {
  mkdirSync(folder, { recursive: true });
  for (const part of parts) {
    if (isCurrent(part)) continue;
    for (const name of readdirSync(folder))
      if (part.own.test(name)) rmSync(join(folder, name), { recursive: true });
    await part.make(folder);
  }
}

/** Does work while no other process does any: two builds at once would mix what they make. The system frees the lock of one that dies. */
async function whileAlone(work) {
  const { default: sqlite3 } = await import('sqlite3');
  const lock = new sqlite3.Database(join(import.meta.dirname, 'node_modules', '.build-lock'));
  lock.configure('busyTimeout', 600_000);
  await promisify(lock.exec.bind(lock))('BEGIN EXCLUSIVE');
  await work();
  await promisify(lock.close.bind(lock))();
}

if (process.argv[2] === 'serve') serveOnce();
else await whileAlone(makeParts);
