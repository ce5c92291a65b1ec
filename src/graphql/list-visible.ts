import { checkPageSize, maxPageSize, type Page, type PageRequest } from '../database/page.js';
import { AttachmentError } from '../errors.js';

/** Reads one page of a list, what the viewer may not see included. */
export type ReadPage<Item> = (request: PageRequest) => Promise<Page<Item>>;

const leastRead = 100;
const maxRounds = 10;

/**
 * A full page of what `show` keeps: what is hidden leaves no gap, and is not what a cursor points at. Throws BAD_USER_INPUT
 * where a thousand and more items in a row are hidden: the list is to be narrowed then.
 */
export async function listVisible<Item>(
  request: PageRequest,
  read: ReadPage<Item>,
  show: (items: readonly Item[]) => Promise<ReadonlySet<Item>>,
): Promise<Page<Item>> {
  const { first } = request;
  checkPageSize(first);
  const hasPreviousPage = request.after !== null;
  const shown: Page<Item>['edges'] = [];
  let { after } = request;
  for (let round = 0; round < maxRounds; round += 1) {
    const page = await read({ first: Math.min(Math.max(first + 1, leastRead), maxPageSize), after });
    const visible = await show(page.edges.map(({ node }) => node));
    shown.push(...page.edges.filter(({ node }) => visible.has(node)));
    const hasNextPage = shown.length > first;
    if (hasNextPage || !page.hasNextPage)
      return { edges: shown.slice(0, first), hasNextPage, hasPreviousPage };
    after = page.edges.at(-1)?.cursor ?? after;
  }
  if (shown.length > 0) return { edges: shown, hasNextPage: true, hasPreviousPage };
  const msg = 'Too much of this list is hidden from you: narrow it by a filter.';
  throw new AttachmentError('BAD_USER_INPUT', {
    message: msg,
    details: [{ loc: ['filter'], msg, type: 'too_much_hidden' }],
  });
}
