import { posix } from 'node:path';
import ts from 'typescript-api';
import type { SourceFile } from './source-files.js';
import { fault, nodesOf, type Rule } from './syntax.js';

/** The folders of src, lowest level first: a file imports its own folder and lower levels, never a neighbour. */
const levels: readonly (readonly string[])[] = [
  [
    'bounded-cache.ts',
    'client',
    'fault-types.ts',
    'free-memory.ts',
    'new-id.ts',
    'original-lines.ts',
    'tracing.ts',
  ],
  ['errors.ts'],
  ['config'],
  ['storage', 'scanner', 'database'],
  ['jobs', 'audit', 'limits', 'content-types'],
  ['auth', 'markdown'],
  ['model'],
  ['policies', 'quotas', 'receipts'],
  ['intake', 'links'],
  ['verdicts'],
  ['attachments'],
  ['sharing'],
  ['access', 'cleaning', 'webhooks', 'transfer', 'previews'],
  ['graphql'],
  ['http'],
  ['wiring'],
  ['app.ts'],
  ['command'],
  ['main.ts'],
  ['claimcheck.cts'],
];

/** Packages that only the entrances (and what is above them) may know. */
const transportPackages =
  /^(@apollo|@as-integrations|@fastify|busboy|fastify|graphql|helmet|prom-client|type-graphql|ws)($|[-/])/;
const entranceLevel = levels.findIndex((places) => places.includes('graphql'));

interface Import {
  file: SourceFile;
  position: number;
  /** The path of the imported file, or the name of the package. */
  target: string;
  isPackage: boolean;
  /** With its file: it is no import of types, and no call of `import()`. */
  isLoadedAtOnce: boolean;
}

export const importsPointDown: Rule = (files) => [
  ...files.filter(({ path }) => levelOf(path) < 0).map((file) => fault(file, 0, 'lies in no known level')),
  ...files
    .flatMap(importsOf)
    .filter((found) => !isAllowed(found))
    .map(({ file, position, target }) => fault(file, position, `must not import ${target}`)),
];

export const noImportCycles: Rule = (files) => {
  const targets = new Map(files.map((file) => [file.path, importsOf(file).map(({ target }) => target)]));
  const cycles: string[] = [];
  const finished = new Set<string>();
  const visit = (path: string, trail: string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) cycles.push(`${[...trail.slice(start), path].join(' -> ')} is a cycle`);
    if (start >= 0 || finished.has(path)) return;
    for (const target of targets.get(path) ?? []) visit(target, [...trail, path]);
    finished.add(path);
  };
  for (const path of targets.keys()) visit(path, []);
  return cycles;
};

/** Packages that a service does without until somebody sends webhooks, writes Markdown or has a terminal: 7 MiB at rest. */
const packagesOnDemand =
  /^(@aws-sdk\/.+|@hyzyla\/pdfium|cli-progress|graphile-worker|pg|rehype-.+|remark-.+|sharp|undici|unified)$/;

/** Files that a service loads at its start, with all that these import. */
const starts = ['src/main.ts', 'src/command/serve.ts'];

export const packagesAreLoadedOnDemand: Rule = (files) => {
  const imports = new Map(
    files.map((file) => [file.path, importsOf(file).filter(({ isLoadedAtOnce }) => isLoadedAtOnce)]),
  );
  const loaded = new Set<string>();
  const visit = (path: string): void => {
    if (loaded.has(path)) return;
    loaded.add(path);
    for (const { target } of imports.get(path) ?? []) visit(target);
  };
  for (const path of starts) visit(path);
  return [...loaded]
    .flatMap((path) => imports.get(path) ?? [])
    .filter(({ target, isPackage }) => isPackage && packagesOnDemand.test(target))
    .map(({ file, position, target }) => fault(file, position, `loads ${target} at the start`));
};

/** A file in no level is a fault of its own, told once and not again with each import. */
function isAllowed({ file, target, isPackage }: Import): boolean {
  const from = levelOf(file.path);
  if (from < 0) return true;
  if (isPackage) return from >= entranceLevel || !transportPackages.test(target);
  const to = levelOf(target);
  if (to < 0) return target.startsWith('src/');
  if (to === from) return folderOf(file.path) === folderOf(target);
  return to < from;
}

/** -1 for a path outside of src or in none of the levels. */
function levelOf(path: string): number {
  const [root, place = ''] = path.split('/');
  return root === 'src' ? levels.findIndex((places) => places.includes(place)) : -1;
}

/** `src/database` for all that lies below it, `src` for the files beside the folders. */
function folderOf(path: string): string {
  return path.split('/').slice(0, -1).slice(0, 2).join('/');
}

function importsOf(file: SourceFile): Import[] {
  return nodesOf(file).flatMap((node) => {
    const specifier = specifierOf(node);
    if (specifier === null) return [];
    const isPackage = !specifier.startsWith('.');
    const target = isPackage ? specifier : resolveImport(file.path, specifier);
    const isLoadedAtOnce =
      (ts.isImportDeclaration(node) && !node.importClause?.isTypeOnly) ||
      (ts.isExportDeclaration(node) && !node.isTypeOnly);
    return [{ file, position: node.getStart(file.tree), target, isPackage, isLoadedAtOnce }];
  });
}

function resolveImport(from: string, specifier: string): string {
  return posix.join(posix.dirname(from), specifier).replace(/\.js$/, '.ts');
}

/** The module that `node` imports, in whatever form: import and export declarations, import types, `import()` and `require()`. */
function specifierOf(node: ts.Node): string | null {
  const module = moduleOf(node);
  return module !== undefined && ts.isStringLiteralLike(module) ? module.text : null;
}

function moduleOf(node: ts.Node): ts.Node | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node.moduleSpecifier;
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) return node.argument.literal;
  if (ts.isExternalModuleReference(node)) return node.expression;
  if (ts.isCallExpression(node) && /^(import|require)$/.test(node.expression.getText()))
    return node.arguments[0];
  return undefined;
}
