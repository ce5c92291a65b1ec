import {
  type ASTNode,
  type ASTVisitor,
  type FloatValueNode,
  GraphQLError,
  type IntValueNode,
  Kind,
  type ValidationContext,
} from 'graphql';
import { type AttachmentError, cutText, Faults, fault, type Loc } from '../errors.js';

/** More faults are not listed. */
const maxFaults = 50;
const maxShown = 60;

/** Whatever has up to 15 digits and no exponent is kept exactly. Also true of some texts. */
const mayBeInexact = /[\d.]{16}|\d[eE]/;
const numberToken = /-?\d[\d.eE+-]*/y;

/** A number that would be changed, and where in the JSON value it stands. */
export interface InexactNumber {
  path: (string | number)[];
  token: string;
}

/** An object or array that is open: of an object the bounds of the last key, and the key once it is asked for, of an array the index. */
interface Container {
  isObject: boolean;
  awaitsKey: boolean;
  key: [start: number, end: number];
  name: string | null;
  index: number;
}

/** Programs that know no shorter text of a double write so many digits. */
const digitsOfDouble = 17;

/** Few digits with a small power of ten always survive: most numbers need no closer look. */
const fewDigits = /^-?[\d.]{1,15}(?:[eE][+-]?\d{1,2})?$/;

/**
 * Whether a number as JSON writes it has the same value once it is a double: -0 is 0, 1.50 is 1.5, and 1e400 is nothing.
 * 0.10000000000000001 is a double's own text, although JSON writes it as 0.1.
 */
export function isExact(token: string): boolean {
  if (fewDigits.test(token)) return true;
  const double = Number(token);
  if (double === 0) return !/^-?[0.]*[1-9]/.test(token);
  if (!Number.isFinite(double)) return false;
  const given = normalize(token);
  return given === normalize(String(double)) || given === normalize(double.toPrecision(digitsOfDouble));
}

/** The sign, the digits without zeros around them, and the power of ten behind them; not for 0. */
function normalize(token: string): string {
  const [mantissa = '', exponent = '0'] = token.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.');
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  let end = digits.length;
  while (digits.charAt(end - 1) === '0') end -= 1;
  const power = Number(exponent) - fraction.length + digits.length - end;
  return `${mantissa.startsWith('-') ? '-' : ''}${digits.slice(0, end)}e${power}`;
}

/** The numbers in a valid JSON text, at or below the member that `below` leads to, that a double cannot hold; up to 50. */
export function findInexactNumbers(text: string, below: readonly string[] = []): InexactNumber[] {
  const found: InexactNumber[] = [];
  if (!mayBeInexact.test(text)) return found;
  const containers: Container[] = [];
  for (let at = 0; at < text.length && found.length < maxFaults; at += 1) {
    const character = text.charAt(at);
    const container = containers.at(-1);
    if (character === '"') {
      const end = endOfString(text, at);
      if (container?.awaitsKey) Object.assign(container, { awaitsKey: false, key: [at, end], name: null });
      at = end - 1;
    } else if (character === '{' || character === '[') {
      const isObject = character === '{';
      containers.push({ isObject, awaitsKey: isObject, key: [0, 0], name: null, index: 0 });
    } else if (character === '}' || character === ']') {
      containers.pop();
    } else if (character === ',' && container) {
      container.awaitsKey = container.isObject;
      container.index += 1;
    } else if (character === '-' || (character >= '0' && character <= '9')) {
      numberToken.lastIndex = at;
      const [token = character] = numberToken.exec(text) ?? [];
      if (isBelow(text, containers, below) && !isExact(token))
        found.push({ path: pathOf(text, containers), token });
      at += token.length - 1;
    }
  }
  return found;
}

function isBelow(text: string, containers: readonly Container[], below: readonly string[]): boolean {
  return below.every((name, level) => {
    const container = containers[level];
    return container?.isObject && stepOf(text, container) === name;
  });
}

function pathOf(text: string, containers: readonly Container[]): (string | number)[] {
  return containers.map((container) => stepOf(text, container));
}

function stepOf(text: string, container: Container): string | number {
  if (!container.isObject) return container.index;
  container.name ??= String(JSON.parse(text.slice(...container.key)));
  return container.name;
}

/** Behind the closing quote of the string that begins at `start`. */
function endOfString(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); quote !== -1; quote = text.indexOf('"', quote + 1)) {
    if (!isEscaped(text, quote)) return quote + 1;
  }
  return text.length;
}

const backslash = 0x5c;

/** Whether a backslash, not escaped itself, precedes. */
export function isEscaped(text: string, at: number): boolean {
  let start = at;
  while (text.charCodeAt(start - 1) === backslash) start -= 1;
  return (at - start) % 2 === 1;
}

/**
 * Throws BAD_USER_INPUT for numbers among the variables of a request that would be changed, naming each: an id or a value of
 * the client's must not become another one without a word. `text` is the request as valid JSON; `variables` leads to them.
 */
export function assertExactNumbers(text: string, variables: readonly string[] = ['variables']): void {
  const faults = new Faults();
  for (const { path, token } of findInexactNumbers(text, variables))
    faults.add('inexact_number', path.slice(variables.length), describe(token));
  faults.throwIfAny();
}

type Ancestor = ASTNode | readonly ASTNode[];

/** A rule of validation: the same for literals in a document, whose error points at each. */
export function exactLiterals(context: ValidationContext): ASTVisitor {
  const faults = new Faults();
  const nodes: ASTNode[] = [];
  const check = (
    node: IntValueNode | FloatValueNode,
    _key: unknown,
    parent: Ancestor | undefined,
    path: readonly (string | number)[],
    ancestors: readonly Ancestor[],
  ) => {
    // Types of their own know what they can hold. JSON has none within.
    if (context.getInputType() || nodes.length === maxFaults || isExact(node.value)) return;
    const containers = [...ancestors, ...(parent ? [parent] : [])];
    const loc = containers.flatMap((container, level) => stepsInto(container, path[level], path[level - 1]));
    faults.add('inexact_number', loc, describe(node.value));
    nodes.push(node);
  };
  const leave = () => {
    const originalError = faults.toError();
    if (originalError) context.reportError(new GraphQLError(originalError.message, { nodes, originalError }));
  };
  return { IntValue: check, FloatValue: check, Document: { leave } };
}

/** The step of a place that leads into a part of a document, if it is one. `key` is that of the part, `name` that of the container. */
function stepsInto(container: Ancestor, key?: string | number, name?: string | number): (string | number)[] {
  if (!('kind' in container)) return name === 'values' && key !== undefined ? [key] : [];
  if (container.kind === Kind.VARIABLE_DEFINITION) return [container.variable.name.value];
  return container.kind === Kind.ARGUMENT || container.kind === Kind.OBJECT_FIELD
    ? [container.name.value]
    : [];
}

const describe = (token: string) =>
  `The number ${cutText(token, maxShown)} does not survive as a double: send it as a text.`;

/** Objects and arrays within one another. */
export const maxDepth = 100;

/** Values in a JSON text: each is looked at several times before an operation begins. */
export const maxValues = 25_000;

const quote = 0x22;
const comma = 0x2c;
export const openers: ReadonlySet<number> = new Set([0x7b, 0x5b]);
export const closers: ReadonlySet<number> = new Set([0x7d, 0x5d]);

/** Every value but the outermost follows one of these. */
export const beginsValue = (character: number) => character === comma || openers.has(character);

/** Finds out, before it is parsed, which bound a text passes first, if any. */
export function findExcess(text: string): 'levels' | 'values' | null {
  let depth = 0;
  let values = 0;
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charCodeAt(at);
    if (character === quote) at = endOfString(text, at) - 1;
    else if (openers.has(character)) depth += 1;
    else if (closers.has(character)) depth -= 1;
    if (beginsValue(character)) values += 1;
    if (depth > maxDepth) return 'levels';
    if (values > maxValues) return 'values';
  }
  return null;
}

export function tooManyValues(loc: Loc): AttachmentError {
  const msg = `There may be at most ${maxValues} values in the JSON.`;
  return fault('too_many_values', loc, msg, { limit: maxValues });
}

export function tooDeep(loc: Loc): AttachmentError {
  const msg = `The JSON is nested deeper than ${maxDepth} levels.`;
  return fault('json_too_deep', loc, msg, { code: 'BAD_USER_INPUT', message: msg, limit: maxDepth });
}
