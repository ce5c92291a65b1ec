import { checkPageSize, maxPageSize, type Page, type PageRequest } from '../database/page.js';
import { fault } from '../errors.js';

/** Reads one page of a list, what the viewer may not see included. */
export type ReadPage<Item> = (request: PageRequest) => Promise<Page<Item>>;

const leastRead = 100;
const maxRounds = 10;
/** Once a page has led to so many questions, no more rows are read for it. */
const maxAsked = 2_000;

/** Knows what may be shown. */
export interface Visibility<Item> {
  show(items: readonly Item[]): Promise<ReadonlySet<Item>>;
  /** Questions so far, of this page and others. */
  asked(): number;
}

/**
 * A full page of what `show` keeps: what is hidden leaves no gap, and is not what a cursor points at. The rows and questions
 * for one page are bounded: past the bound the page may be short, with a next one. If nothing is shown by then, this throws
 * BAD_USER_INPUT: the list is to be narrowed. What `show` throws fails the page as a whole.
 */
export async function listVisible<Item>(
  request: PageRequest,
  read: ReadPage<Item>,
  { show, asked }: Visibility<Item>,
): Promise<Page<Item>> {
  const { first } = request;
  checkPageSize(first);
  const hasPreviousPage = request.after !== null;
  const shown: Page<Item>['edges'] = [];
  let { after } = request;
  const askedBefore = asked();
  for (let round = 0; round < maxRounds && asked() - askedBefore < maxAsked; round += 1) {
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
  throw fault('too_much_hidden', ['filter'], msg, { message: msg });
}
