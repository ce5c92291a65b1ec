/*
 * Makes `dist/explorer/`: GraphiQL and its workers from this package's own files, with a hash of its content in each name,
 * compressed beforehand, and the licences of what is in them.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, extname, join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { build } from 'esbuild';

const root = import.meta.dirname;
const { resolve } = createRequire(import.meta.url);

/** By Monaco's label of the language; `editor` is for all others. */
const workers = {
  editor: 'monaco-editor/esm/vs/editor/editor.worker.js',
  json: 'monaco-editor/esm/vs/language/json/json.worker.js',
  graphql: 'monaco-graphql/esm/graphql.worker.js',
};

/** Compressed too; other files are compressed already. */
const texts = new Set(['.html', '.js', '.css', '.txt']);

/** GraphiQL's own style sheet has them. */
const withoutEditorStyles = {
  name: 'without-editor-styles',
  setup: ({ onLoad }) =>
    onLoad({ filter: /monaco-editor[\\/].*\.css$/ }, () => ({ contents: '', loader: 'empty' })),
};

const common = {
  absWorkingDir: root,
  bundle: true,
  minify: true,
  platform: 'browser',
  target: ['chrome109', 'firefox115', 'safari16.4'],
  charset: 'utf8',
  define: { 'process.env.NODE_ENV': '"production"' },
  legalComments: 'none',
  entryNames: '[name]-[hash]',
  chunkNames: 'chunk-[hash]',
  metafile: true,
  logLevel: 'warning',
  plugins: [withoutEditorStyles],
};

/** Makes the explorer in the folder `explorer` of `folder`. */
export async function bundleExplorer(folder) {
  const outdir = join(folder, 'explorer');
  mkdirSync(outdir, { recursive: true });
  const entryPoints = Object.fromEntries(
    Object.entries(workers).map(([label, file]) => [`${label}-worker`, resolve(file)]),
  );
  const made = await build({ ...common, outdir, format: 'iife', entryPoints });
  const names = Object.fromEntries(
    Object.keys(workers).map((label) => [label, nameOf(made, `${label}-worker`, '.js')]),
  );
  const page = await build({
    ...common,
    outdir,
    format: 'esm',
    splitting: true,
    jsx: 'automatic',
    entryPoints: { main: 'explorer/main.tsx' },
    define: { ...common.define, WORKERS: JSON.stringify(names) },
  });
  const html = readFileSync(join(root, 'explorer/index.html'), 'utf8')
    .replace('{{script}}', `explorer/${nameOf(page, 'main', '.js')}`)
    .replace('{{style}}', `explorer/${nameOf(page, 'main', '.css')}`);
  writeFileSync(join(outdir, 'index.html'), html);
  writeFileSync(
    join(outdir, 'licenses.txt'),
    licensesOf([made, page].flatMap(({ metafile }) => Object.keys(metafile.inputs))),
  );
  await compressAll(outdir);
}

function nameOf({ metafile }, name, extension) {
  const paths = Object.keys(metafile.outputs).map((path) => basename(path));
  const found = paths.find((path) => path.startsWith(`${name}-`) && extname(path) === extension);
  if (!found) throw new Error(`No ${name}${extension} was made.`);
  return found;
}

/** Each package of these files, with its version and the text of its licence. */
export function licensesOf(files) {
  const folders = new Set(
    [...files].flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? []),
  );
  const notices = [...folders].toSorted().map((path) => {
    const folder = join(root, path);
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file ? readFileSync(join(folder, file), 'utf8').trim() : '';
    return `${name} ${version}: ${license}\n\n${text}`;
  });
  return `${notices.join(`\n\n${'-'.repeat(80)}\n\n`)}\n`;
}

/** Writes gzip and Brotli of each text beside it. */
export async function compressAll(folder) {
  const brotli = promisify(brotliCompress);
  const params = { [constants.BROTLI_PARAM_QUALITY]: 9 };
  await Promise.all(
    readdirSync(folder)
      .filter((name) => texts.has(extname(name)))
      .map(async (name) => {
        const path = join(folder, name);
        const bytes = readFileSync(path);
        writeFileSync(`${path}.br`, await brotli(bytes, { params }));
        writeFileSync(`${path}.gz`, await promisify(gzip)(bytes, { level: 9 }));
      }),
  );
}
