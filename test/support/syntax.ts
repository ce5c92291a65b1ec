import ts from 'typescript-api';
import type { SourceFile } from './source-files.js';

/** Looks at all files at once and names every fault as `path:line what is wrong`. */
export type Rule = (files: readonly SourceFile[]) => string[];

export function fault(file: SourceFile, position: number, message: string): string {
  return `${file.path}:${file.tree.getLineAndCharacterOfPosition(position).line + 1} ${message}`;
}

/** A rule that each node is looked at for by itself. */
export function forbidNodes(
  message: string,
  isForbidden: (node: ts.Node, file: SourceFile) => boolean,
): Rule {
  return (files) =>
    files.flatMap((file) =>
      nodesOf(file)
        .filter((node) => isForbidden(node, file))
        .map((node) => fault(file, node.getStart(file.tree), message)),
    );
}

/** A rule on what comments say; the same words in strings are free. */
export function forbidComments(message: string, words: RegExp): Rule {
  return (files) =>
    files.flatMap((file) =>
      commentsOf(file)
        .filter(({ pos, end }) => words.test(file.text.slice(pos, end)))
        .map(({ pos }) => fault(file, pos, message)),
    );
}

export function nodesOf(file: SourceFile): ts.Node[] {
  const nodes: ts.Node[] = [];
  const visit = (node: ts.Node): void => {
    nodes.push(node);
    ts.forEachChild(node, visit);
  };
  visit(file.tree);
  return nodes;
}

/** Lines of text; a newline at the end does not begin another one. */
export function countLines(text: string): number {
  return text.replace(/\n$/, '').split('\n').length;
}

/** A function, method or accessor; `name` is null where it has none and is assigned to none, as most callbacks. */
export interface MeasuredFunction {
  file: SourceFile;
  start: number;
  name: string | null;
  lines: number;
}

export function measureFunctions(file: SourceFile): MeasuredFunction[] {
  return nodesOf(file)
    .filter((node) => ts.isFunctionLike(node) && 'body' in node && node.body !== undefined)
    .map((node) => {
      const start = node.getStart(file.tree);
      return { file, start, name: functionName(node), lines: countLines(file.text.slice(start, node.end)) };
    });
}

function functionName(node: ts.Node): string | null {
  if (ts.isConstructorDeclaration(node)) return 'constructor';
  const named = ts.isArrowFunction(node) || ts.isFunctionExpression(node) ? node.parent : node;
  const name = ts.isFunctionLike(named) || isAssignment(named) ? named.name : undefined;
  return name?.getText() ?? null;
}

function isAssignment(
  node: ts.Node,
): node is ts.VariableDeclaration | ts.PropertyAssignment | ts.PropertyDeclaration {
  return ts.isVariableDeclaration(node) || ts.isPropertyAssignment(node) || ts.isPropertyDeclaration(node);
}

/** Comments hang on no node: they are found between the tokens. */
function commentsOf(file: SourceFile): ts.TextRange[] {
  const comments = new Map<number, ts.TextRange>();
  const visit = (node: ts.Node): void => {
    const around = [
      ...(ts.getLeadingCommentRanges(file.text, node.pos) ?? []),
      ...(ts.getTrailingCommentRanges(file.text, node.end) ?? []),
    ];
    for (const comment of around) comments.set(comment.pos, comment);
    for (const child of node.getChildren(file.tree)) if (!ts.isJSDoc(child)) visit(child);
  };
  visit(file.tree);
  return [...comments.values()];
}
