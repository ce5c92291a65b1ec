import { coerceInputValue, type GraphQLSchema, type OperationDefinitionNode, typeFromAST } from 'graphql';
import { cutText, Faults } from '../errors.js';

/** Characters of JSON: graphql-js itself tells the faults of fewer, each with the whole value that it is in. */
const fewCharacters = 10_000;

const maxFaults = 50;
const maxMessage = 1_000;

/** Characters of a long text that its fault tells. */
const maxShown = 100;

/** Thrown where more faults have been found than are told. */
const enough = new Error('There are more faults than are told.');

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
  variables: Readonly<Record<string, unknown>>,
  { hideSuggestions }: VariablesOptions,
): void {
  if (JSON.stringify(variables, shorten).length <= fewCharacters) return;
  const faults = new Faults();
  let count = 0;
  const add = (loc: (string | number)[], msg: string) => {
    count += 1;
    if (count > maxFaults) throw enough;
    faults.add('bad_user_input', ['variables', ...loc], cutText(msg, maxMessage));
  };
  try {
    for (const { variable, type: node } of operation.variableDefinitions ?? []) {
      const name = variable.name.value;
      const type = typeFromAST(schema, node as Parameters<typeof typeFromAST>[1]);
      if (!type || !Object.hasOwn(variables, name)) continue;
      coerceInputValue(
        cutTexts(variables[name]),
        type as Parameters<typeof coerceInputValue>[1],
        (path, _value, { message }) => add([name, ...path], message),
        hideSuggestions,
      );
    }
  } catch (error) {
    if (error !== enough) throw error;
    const msg = `The variables have more faults; the first ${maxFaults} are listed.`;
    faults.add('too_many_faults', ['variables'], msg, { limit: maxFaults });
  }
  faults.throwIfAny();
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

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
