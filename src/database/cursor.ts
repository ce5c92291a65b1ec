import { fault } from '../errors.js';

/** The end of a page: the last item's place in the order, with its id to tell equal places apart. */
export interface Position {
  value: string | number;
  id: string;
}

/** `order` names what the list is ordered by, so that a cursor of another order is noticed. Clients must not read it. */
export function encodeCursor(order: string, { value, id }: Position): string {
  return Buffer.from(JSON.stringify([order, value, id])).toString('base64url');
}

const textual = /^[^\0\p{Cs}]*$/u;
const isStorable = (value: unknown): value is string => typeof value === 'string' && textual.test(value);

/** Throws BAD_USER_INPUT, for the argument `name`, if `encodeCursor` has not made it for this order, of values of this kind. */
export function decodeCursor(
  order: string,
  cursor: string,
  name: 'after' | 'before',
  kind: 'number' | 'string' = 'number',
): Position {
  const [madeFor, value, id, ...rest] = parse(cursor);
  const isOfKind = kind === 'string' ? isStorable(value) : Number.isSafeInteger(value);
  if (madeFor !== order || !isOfKind || !isStorable(id) || rest.length > 0) {
    throw fault('invalid_cursor', [name], 'Not a cursor of this list in this order.');
  }
  return { value: value as string | number, id };
}

function parse(cursor: string): unknown[] {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    return Array.isArray(parsed) ? parsed : [];
  } catch {
    return [];
  }
}

/** Orders texts as the databases do, by their UTF-8 bytes. */
export function compareTexts(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}
