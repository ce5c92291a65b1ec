import { types } from 'node:util';
import { cutText } from '../cut-text.js';

/** Characters of what is logged, for a client can have a part in its length. */
const maxMessage = 1_000;
const maxStack = 8_000;
const maxOther = 2_000;

/** Causes of causes beyond that are left out. */
const maxCauses = 5;

type LoggedError = {
  type: string;
  message: string;
  stack: string;
  code?: string;
  /** A statement, without its values. */
  query?: string;
  cause?: LoggedError;
};

/**
 * What of an error may be logged: what it is and where it came from, but not the values it was about. A failed statement
 * carries all of its parameters, be it the address of a webhook with a token in it.
 */
export function loggedError(error: unknown, causes = maxCauses): LoggedError {
  if (!types.isNativeError(error))
    return { type: typeof error, message: 'Something that is no error was thrown.', stack: '' };
  const { name, message, stack = '', cause } = error;
  const shortMessage = cutText(message, maxMessage);
  return {
    type: name,
    message: shortMessage,
    stack: cutText(
      stack.replace(message, () => shortMessage),
      maxStack,
    ),
    ...textOf(error, 'code'),
    ...textOf(error, 'query'),
    ...(cause === undefined || causes === 0 ? {} : { cause: loggedError(cause, causes - 1) }),
  };
}

function textOf<Name extends 'code' | 'query'>(error: object, name: Name): { [key in Name]?: string } {
  const value: unknown = Reflect.get(error, name);
  const text: { [key in Name]?: string } = {};
  if (typeof value === 'string') text[name] = cutText(value, maxOther);
  return text;
}
