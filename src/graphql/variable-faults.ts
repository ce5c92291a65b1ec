import {
  coerceInputValue,
  GraphQLError,
  type GraphQLSchema,
  getVariableValues,
  isInputType,
  isNonNullType,
  type OperationDefinitionNode,
  typeFromAST,
} from 'graphql';
import { cutText, Faults, fault, type Loc } from '../errors.js';
import { maxMessage, maxVariableFaults } from './format-error.js';

/** Characters of JSON: graphql-js itself tells the faults of fewer, each with the whole value that it is in. */
const fewCharacters = 10_000;

/** Characters of a long text that its fault tells. */
const maxShown = 100;

/** Thrown where more faults have been found than are told. */
const enough = new Error('There are more faults than are told.');

export type Variables = Readonly<Record<string, unknown>>;

export interface VariablesOptions {
  /** Suggestions tell of the schema. */
  hideSuggestions: boolean;
}

/**
 * Throws BAD_USER_INPUT for long variables that are not of their types. graphql-js would write the value around a fault out
 * again for each fault; here no value is written out.
 */
export function checkVariables(
  schema: GraphQLSchema,
  operation: OperationDefinitionNode,
  variables: Variables,
  options: VariablesOptions,
): void {
  if (JSON.stringify(variables, shorten).length <= fewCharacters) return;
  const faults = new Faults();
  const short = Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, cutTexts(value)]));
  const isAll = eachFault(schema, operation, short, options, (loc, msg) =>
    faults.add('bad_user_input', loc, cutText(msg, maxMessage)),
  );
  if (!isAll) {
    const msg = `The variables have more faults; the first ${maxVariableFaults} are listed.`;
    faults.add('too_many_faults', ['variables'], msg, { limit: maxVariableFaults });
  }
  faults.throwIfAny();
}

/**
 * The errors of variables that are not of their types, as graphql-js tells them, each with the place of the value: the variable's
 * name, then members and indexes. graphql-js itself tells the place only in words.
 */
export function variableErrors(
  schema: GraphQLSchema,
  operation: OperationDefinitionNode,
  variables: Variables,
  options: VariablesOptions,
): readonly GraphQLError[] {
  const definitions = operation.variableDefinitions ?? [];
  const told = { ...options, maxErrors: maxVariableFaults };
  const { errors = [] } = getVariableValues(schema, definitions, variables, told);
  if (errors.length === 0) return errors;
  const places: Loc[] = [];
  eachFault(schema, operation, variables, options, (loc) => places.push(loc));
  return errors.map((error, index) => withPlace(error, places[index]));
}

/** The last of too many errors has no place. */
function withPlace(error: GraphQLError, loc: Loc | undefined): GraphQLError {
  if (!loc) return error;
  const message = cutText(error.message, maxMessage);
  const originalError = fault('bad_user_input', loc, message, { message });
  return new GraphQLError(message, { nodes: error.nodes ?? [], originalError });
}

/** Reports each fault in the order of graphql-js. Returns whether those are all: no more are looked for than are told. */
function eachFault(
  schema: GraphQLSchema,
  operation: OperationDefinitionNode,
  variables: Variables,
  { hideSuggestions }: VariablesOptions,
  report: (loc: Loc, msg: string) => void,
): boolean {
  let count = 0;
  const add = (loc: Loc, msg: string) => {
    if (count === maxVariableFaults) throw enough;
    count += 1;
    report(loc, msg);
  };
  try {
    for (const { variable, type: node, defaultValue } of operation.variableDefinitions ?? []) {
      const name = variable.name.value;
      const type = typeFromAST(schema, node as Parameters<typeof typeFromAST>[1]);
      if (!isInputType(type)) continue;
      if (Object.hasOwn(variables, name)) {
        const onError = (path: readonly (string | number)[], _value: unknown, { message }: GraphQLError) =>
          add([name, ...path], message);
        coerceInputValue(variables[name], type, onError, hideSuggestions);
      } else if (isNonNullType(type) && !defaultValue) {
        add([name], `Variable "$${name}" of required type "${type.toString()}" was not provided.`);
      }
    }
    return true;
  } catch (error) {
    if (error !== enough) throw error;
    return false;
  }
}

/**
 * The value with long texts cut. Only types of texts take a long one, and they do not look at it. The others would write it out,
 * or look for names that are like it.
 */
function cutTexts(value: unknown): unknown {
  if (typeof value === 'string') return value.length > fewCharacters ? cutText(value, maxShown) : value;
  if (Array.isArray(value)) return value.map(cutTexts);
  if (!isPlainObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, cutTexts(member)]));
}

/** A file part stands in the variables as an object of ours. No more of a long text is written out than shows that it is long. */
function shorten(_key: string, value: unknown): unknown {
  if (typeof value === 'string') return value.slice(0, fewCharacters + 1);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return isPlainObject(value) ? value : null;
}

function isPlainObject(value: unknown): value is Variables {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
