import ts from 'typescript-api';
import { errorTable } from '../../../src/errors.js';
import type { SourceFile } from '../../support/source-files.js';

const snakeCase = /^[a-z][a-z0-9]*(?:_[a-z0-9]+)*$/;

/**
 * The `type` of every fault in the sources: `certain` ones stand in an object with a `msg` or are handed to `Faults.add`, and
 * all texts in snake case, whatever they are for, are `possible`.
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
    const type = faultIn(node);
    if (type !== null) certain.add(type);
    ts.forEachChild(node, visit);
  };
  for (const { tree } of sources) visit(tree);
  return { certain, possible };
}

function faultIn(node: ts.Node): string | null {
  if (ts.isObjectLiteralExpression(node)) {
    const has = (name: string) => node.properties.find((property) => property.name?.getText() === name);
    const type = has('type');
    return has('msg') && type && ts.isPropertyAssignment(type) ? textOf(type.initializer) : null;
  }
  if (!ts.isCallExpression(node)) return null;
  const [code, , type] = node.arguments;
  const isFault = code !== undefined && Object.hasOwn(errorTable, textOf(code) ?? '');
  return isFault && type ? textOf(type) : null;
}

const textOf = (node: ts.Node) =>
  ts.isStringLiteral(node) && (snakeCase.test(node.text) || /^[A-Z_]+$/.test(node.text)) ? node.text : null;

/** Codes of graphql-js and Apollo, which become fault types in lower case. */
const isRequestFault = ({ text }: ts.StringLiteral) => /^[A-Z]+(?:_[A-Z]+)+$/.test(text);
