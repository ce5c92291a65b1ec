import { AttachmentError } from '../errors.js';

/** How many items of a list are wanted, and after which. */
export interface PageRequest {
  first: number;
  after: string | null;
}

/** One page of a list, in order. */
export interface Page<T> {
  edges: { cursor: string; node: T }[];
  hasNextPage: boolean;
  hasPreviousPage: boolean;
}

export const maxPageSize = 1_000;

/** Throws BAD_USER_INPUT where `first` is not from 0 to 1,000. */
export function checkPageSize(first: number): void {
  if (first >= 0 && first <= maxPageSize) return;
  const msg = `Must be from 0 to ${maxPageSize}.`;
  throw new AttachmentError('BAD_USER_INPUT', {
    limit: maxPageSize,
    details: [{ loc: ['first'], msg, type: 'out_of_range' }],
  });
}

/** Cuts `found`, read one item past the page's end, to the page. */
export function toPage<T>(
  { first, after }: PageRequest,
  found: readonly T[],
  cursorOf: (item: T) => string,
): Page<T> {
  return {
    edges: found.slice(0, first).map((node) => ({ cursor: cursorOf(node), node })),
    hasNextPage: found.length > first,
    hasPreviousPage: after !== null,
  };
}
