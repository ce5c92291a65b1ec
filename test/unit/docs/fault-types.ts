import ts from 'typescript-api';
import { errorTable } from '../../../src/errors.js';
import type { SourceFile } from '../../support/source-files.js';

const snakeCase = /^[a-z][a-z0-9]*(?:_[a-z0-9]+)*$/;

/**
 * The `type` of every fault in the sources: `certain` ones stand in an object with a `msg` or are handed to a function
 * that makes faults, and all texts in snake case, whatever they are for, are `possible`.
 */
export function findFaultTypes(sources: readonly SourceFile[]): {
  certain: Set<string>;
  possible: Set<string>;
} {
  const certain = new Set<string>();
  const possible = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteral(node)) {
      if (snakeCase.test(node.text)) possible.add(node.text);
      if (isRequestFault(node)) possible.add(node.text.toLowerCase());
    }
    if (ts.isPropertyAssignment(node) && ts.isIdentifier(node.name)) possible.add(node.name.text);
    for (const type of faultsIn(node)) certain.add(type);
    ts.forEachChild(node, visit);
  };
  for (const { tree } of sources) visit(tree);
  return { certain, possible };
}

function faultsIn(node: ts.Node): string[] {
  if (ts.isObjectLiteralExpression(node)) {
    const has = (name: string) => node.properties.find((property) => property.name?.getText() === name);
    const type = has('type');
    const text = has('msg') && type && ts.isPropertyAssignment(type) ? textOf(type.initializer) : null;
    return text === null ? [] : [text];
  }
  if (!ts.isCallExpression(node) && !ts.isNewExpression(node)) return [];
  const texts = (node.arguments ?? []).map(textOf);
  if (Object.hasOwn(errorTable, texts[0] ?? '')) return texts.slice(2, 3).flatMap((text) => text ?? []);
  return makersOfFaults.test(node.expression.getText()) ? texts.filter(isCompound) : [];
}

/** Functions and classes that make a fault of its type, wherever among their arguments that stands. */
const makersOfFaults = /^(?:\w*Fault|badBody|rateLimited|refusal|TokenRefusal)$/;

const isCompound = (text: string | null): text is string =>
  text?.includes('_') === true && snakeCase.test(text);

const textOf = (node: ts.Node) =>
  ts.isStringLiteral(node) && (snakeCase.test(node.text) || /^[A-Z_]+$/.test(node.text)) ? node.text : null;

/** Codes of graphql-js and Apollo, which become fault types in lower case. */
const isRequestFault = ({ text }: ts.StringLiteral) => /^[A-Z]+(?:_[A-Z]+)+$/.test(text);
