import ts from 'typescript-api';
import type { SourceFile } from './source-files.js';
import { fault, nodesOf, type Rule } from './syntax.js';
import { unscopedQueries } from './unscoped-queries.js';

/** Tables that belong to no organization. Every other one does, a new one too. */
const commonTables = new Set([
  'IntakeRow',
  'JobRow',
  'OrganizationRow',
  'RemovalRow',
  'ScrubRow',
  'SweepRow',
  'SweptKeyRow',
]);

/** Folders of the operator, who acts on the service as a whole, and of the tables themselves. */
const operators = /^src\/(command|database|transfer)\//;

/** Calls that read or change rows that are there. An insert cannot leave the organization out: its column takes no null. */
const queries =
  /^(find\w*|count\w*|exists\w*|sum|average|minimum|maximum|query|update|upsert|save|delete|remove|from|createQueryBuilder|\w+Join\w*)$/;

/** Without a column for the organization: what is asked for by its parent's key belongs where the parent does. */
const parentKeys: Readonly<Record<string, RegExp>> = {
  LinkRow: /fieldId|field_id|attachmentId|attachment_id/,
  PictureRow: /blobId|blob_id/,
  RejectionRow: /blobId|blob_id/,
  ReleaseRow: /blobId|releasedById/,
};

/** The same by SQL of our own. */
const inSql = /^(read(Rows|Joined|ByIds|StoredAmong)|changeRows)$/;

const condition = /organization_?id\b/i;

/**
 * Every query on an organization's rows says which organization's: in the call itself, or in a constant of the same function
 * that the call names. Those that cannot are listed, with the reason.
 */
export const queriesAreScoped: Rule = (files) => {
  const unscoped = files
    .filter(({ path }) => !operators.test(path))
    .flatMap((file) => nodesOf(file).flatMap((node) => findUnscoped(file, node)));
  const used = new Set(unscoped.map(({ place }) => place));
  const paths = new Set(files.map(({ path }) => path));
  return [
    ...unscoped
      .filter(({ place }) => !Object.hasOwn(unscopedQueries, place))
      .map(({ file, start, place }) => fault(file, start, `asks for rows of every organization (${place})`)),
    ...Object.keys(unscopedQueries)
      .filter((place) => paths.has(place.split(' ')[0] ?? '') && !used.has(place))
      .map((place) => `${place} is listed as unscoped and is not`),
  ];
};

interface Unscoped {
  file: SourceFile;
  start: number;
  /** The file and the function, such as `src/cleaning/clean-up.ts findExpired`. */
  place: string;
}

function findUnscoped(file: SourceFile, node: ts.Node): Unscoped[] {
  if (!ts.isCallExpression(node) || !asksForRows(node)) return [];
  const whole = wholeChain(node);
  const around = enclosingFunction(node);
  if (node.arguments.some((table) => parentKeys[table.getText(file.tree)]?.test(whole.getText(file.tree))))
    return [];
  if (condition.test(whole.getText(file.tree)) || (around && namesCondition(whole, around))) return [];
  return [{ file, start: node.getStart(file.tree), place: `${file.path} ${nameOf(around)}` }];
}

function asksForRows({ expression, arguments: given }: ts.CallExpression): boolean {
  if (ts.isIdentifier(expression)) return inSql.test(expression.text) && !given.some(isCommonTable);
  return (
    ts.isPropertyAccessExpression(expression) && queries.test(expression.name.text) && given.some(namesRows)
  );
}

/** By their entity, or in SQL of our own. */
function namesRows(node: ts.Node): boolean {
  return isOrganizationsTable(node) || (ts.isStringLiteralLike(node) && /\b(FROM|UPDATE)\b/.test(node.text));
}

function isCommonTable(node: ts.Node): boolean {
  return ts.isIdentifier(node) && commonTables.has(node.text);
}

function isOrganizationsTable(node: ts.Node): boolean {
  return ts.isIdentifier(node) && /^[A-Z]\w*Row$/.test(node.text) && !commonTables.has(node.text);
}

/** The whole of `a.b(…).c(…).d(…)`, of which `node` is a part at the left. */
function wholeChain(node: ts.Node): ts.Node {
  const { parent } = node;
  const goesOn =
    ts.isPropertyAccessExpression(parent) || (ts.isCallExpression(parent) && parent.expression === node);
  return goesOn ? wholeChain(parent) : node;
}

/** The nearest function with a name of its own; callbacks belong to the one around them. */
function enclosingFunction(node: ts.Node): ts.Node | undefined {
  const { parent } = node;
  if (!parent || ts.isSourceFile(parent)) return undefined;
  const isNamed = ts.isFunctionDeclaration(parent) || ts.isMethodDeclaration(parent);
  return isNamed ? parent : enclosingFunction(parent);
}

function nameOf(node: ts.Node | undefined): string {
  return node && (ts.isFunctionDeclaration(node) || ts.isMethodDeclaration(node))
    ? (node.name?.getText() ?? '')
    : '';
}

/** Whether a constant of the function that the query names holds the condition. */
function namesCondition(query: ts.Node, around: ts.Node): boolean {
  const named = new Set(identifiersIn(query));
  return declarationsIn(around).some(({ name, text }) => named.has(name) && condition.test(text));
}

function identifiersIn(node: ts.Node): string[] {
  if (ts.isIdentifier(node)) return [node.text];
  const found: string[] = [];
  ts.forEachChild(node, (child) => void found.push(...identifiersIn(child)));
  return found;
}

function declarationsIn(node: ts.Node): { name: string; text: string }[] {
  const found: { name: string; text: string }[] = [];
  const visit = (child: ts.Node): void => {
    if (ts.isVariableDeclaration(child) && ts.isIdentifier(child.name)) {
      found.push({ name: child.name.text, text: child.initializer?.getText() ?? '' });
    }
    ts.forEachChild(child, visit);
  };
  visit(node);
  return found;
}
