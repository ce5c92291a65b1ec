import ts from 'typescript-api';
import { countLines, fault, forbidComments, forbidNodes, measureFunctions, type Rule } from './syntax.js';

const fileLimit = 250;
const functionLimit = 60;

/** Files that may write to the console; everything else logs. */
const consoleFiles = ['src/main.ts'];

/** Files that may skip tests: one says so, the other is a test of skipping. */
const skippingFiles = ['test/support/skip-without.ts', 'test/support/kinds-of-tests.fixture.ts'];

export const filesAreShort: Rule = (files) =>
  files
    .map((file) => ({ file, lines: countLines(file.text) }))
    .filter(({ lines }) => lines > fileLimit)
    .map(({ file, lines }) => fault(file, 0, `has ${lines} lines, ${fileLimit} are allowed`));

export const functionsAreShort: Rule = (files) =>
  files
    .flatMap(measureFunctions)
    .filter(({ lines }) => lines > functionLimit)
    .map(({ file, start, name, lines }) =>
      fault(file, start, `${name ?? 'a function'} has ${lines} lines, ${functionLimit} are allowed`),
    );

export const noAny = forbidNodes('says any', (node) => node.kind === ts.SyntaxKind.AnyKeyword);

/** Properties of decorated classes may be declared with `!`: the ORM and the GraphQL library fill them. */
export const noNonNullAssertions = forbidNodes('asserts with !', (node) => {
  if (ts.isNonNullExpression(node)) return true;
  if (ts.isVariableDeclaration(node)) return node.exclamationToken !== undefined;
  if (!ts.isPropertyDeclaration(node) || node.exclamationToken === undefined) return false;
  return !isDecorated(node) && !isDecorated(node.parent);
});

export const noDefaultExports = forbidNodes('exports a default', (node) => {
  if (ts.isExportAssignment(node)) return true;
  if (ts.isExportSpecifier(node)) return node.name.text === 'default';
  return node.kind === ts.SyntaxKind.DefaultKeyword;
});

export const noSuppressions = forbidComments(
  'silences a check',
  /@ts-\w|biome-ignore|(eslint|oxlint|tslint)-disable|prettier-ignore|(istanbul|c8|v8) ignore/,
);

export const noUnfinishedNotes = forbidComments('is not finished', /\b(TODO|FIXME|HACK|XXX)\b/);

const opensLate = 'opens with What, Where, Of, So or Whose';

/** A comment names its subject first. Each of these words puts a condition or a relation before it. */
export const commentsNameTheirSubject = forbidComments(
  opensLate,
  /^(\/\/|\/\*+)[\s*]*(What|Where|Of|So|Whose)\b/,
);

/** The same of titles of tests and suites. */
export const titlesNameTheirSubject = forbidNodes(opensLate, (node) => {
  if (!ts.isStringLiteralLike(node) && !ts.isTemplateExpression(node)) return false;
  const { parent } = node;
  if (!ts.isCallExpression(parent) || parent.arguments[0] !== node) return false;
  return suites.has(rootOf(parent.expression)) && /^.(what|where|of|so|whose)\b/i.test(node.getText());
});

export const noVagueNames: Rule = (files) => [
  ...forbidNodes(
    'names a class after no thing',
    (node) => ts.isClassLike(node) && /(Service|Manager|Helper|Util)s?$/.test(node.name?.text ?? ''),
  )(files),
  ...files
    .filter(({ path }) => /\/(index|utils?|helpers?|common|misc)\.ts$/.test(path))
    .map((file) => fault(file, 0, 'is named after no thing')),
];

export const noBarrels: Rule = (files) =>
  files
    .filter(({ tree }) => tree.statements.some(ts.isExportDeclaration))
    .filter(({ tree }) =>
      tree.statements.every((node) => ts.isImportDeclaration(node) || ts.isExportDeclaration(node)),
    )
    .map((file) => fault(file, 0, 'only passes on what others export'));

export const noConsole = forbidNodes(
  'writes to the console',
  (node, { path }) => isMemberOf(node, 'console') && !consoleFiles.includes(path),
);

export const noGuessableRandomness = forbidNodes(
  'takes guessable randomness; node:crypto has better',
  (node) => isMemberOf(node, 'Math') && /\brandom\b/.test(node.getText()),
);

/** `fault` and `Faults` take the code from the table of fault types. */
export const noHandBuiltFaults = forbidNodes(
  'builds details by hand; `fault` has the code',
  (node, { path }) => {
    if (path === 'src/errors.ts' || !ts.isNewExpression(node)) return false;
    const [, options] = node.arguments ?? [];
    if (node.expression.getText() !== 'AttachmentError' || !options) return false;
    return ts.isObjectLiteralExpression(options) && /\bdetails\b/.test(options.getText());
  },
);

/** Two ways to write that are used in one place: `insertRow` for every new row, the transitions of `upload-target.ts` for a target. */
export const rowsAreWrittenOneWay = forbidNodes('writes a row past its one way', (node, { path }) => {
  if (!path.startsWith('src/') || !ts.isCallExpression(node)) return false;
  if (!ts.isPropertyAccessExpression(node.expression)) return false;
  const [entity = ''] = node.arguments.map((argument) => argument.getText());
  const { text } = node.expression.name;
  if (/^(insert|into|save)$/.test(text)) return text === 'insert' || /Row$/.test(entity);
  if (path === 'src/intake/upload-target.ts' || !/^(update|upsert)$/.test(text)) return false;
  return entity === 'UploadTargetRow';
});

/** `import` reads all of TypeORM's files twice; src/database/typeorm.ts has what is not a type. */
export const noSlowTypeorm = forbidNodes('imports values of typeorm itself', (node) => {
  if (!ts.isImportDeclaration(node) || node.importClause?.isTypeOnly) return false;
  return ts.isStringLiteral(node.moduleSpecifier) && node.moduleSpecifier.text === 'typeorm';
});

const skips = new Set(['only', 'skip', 'todo', 'failing']);
const suites = new Set(['describe', 'it', 'test']);
const shortSkips = new Set(['fdescribe', 'fit', 'xdescribe', 'xit', 'xtest']);

export const noSkippedTests = forbidNodes('leaves tests out', (node, { path }) => {
  if (skippingFiles.includes(path)) return false;
  if (ts.isCallExpression(node))
    return ts.isIdentifier(node.expression) && shortSkips.has(node.expression.text);
  return ts.isPropertyAccessExpression(node) && skips.has(node.name.text) && suites.has(rootOf(node));
});

/** `path:line` of every place that names a folder of somebody's machine. */
export function findMachinePaths(texts: readonly { path: string; text: string }[]): string[] {
  const machinePath = /(?<![\w.:/~-])\/(?:home|Users|root|work)(?![\w.-])|\b[A-Z]:\\Users\b/;
  return texts.flatMap(({ path, text }) =>
    text
      .split('\n')
      .flatMap((line, index) =>
        machinePath.test(line) ? [`${path}:${index + 1} names a machine's path`] : [],
      ),
  );
}

function isDecorated(node: ts.Node): boolean {
  return ts.canHaveDecorators(node) && ts.getDecorators(node) !== undefined;
}

function isMemberOf(node: ts.Node, object: string): boolean {
  const isMember = ts.isPropertyAccessExpression(node) || ts.isElementAccessExpression(node);
  return isMember && ts.isIdentifier(node.expression) && node.expression.text === object;
}

/** The leftmost name of a chain such as `test.concurrent.only.each`. */
function rootOf(node: ts.Expression): string {
  if (ts.isPropertyAccessExpression(node) || ts.isCallExpression(node)) return rootOf(node.expression);
  if (ts.isTaggedTemplateExpression(node)) return rootOf(node.tag);
  return ts.isIdentifier(node) ? node.text : '';
}
