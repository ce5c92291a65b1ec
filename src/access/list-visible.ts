import { maxPageSize, type Page, type PageRequest, type ReadPage } from '../database/page.js';
import { fault } from '../errors.js';

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
  const { size, isLast } = request;
  if (size === 0) return read(request);
  let rest = { ...request, size: Math.min(Math.max(size + 1, leastRead), maxPageSize) };
  let shown: Page<Item>['edges'] = [];
  const askedBefore = asked();
  for (let round = 0; round < maxRounds && asked() - askedBefore < maxAsked; round += 1) {
    const page = await read(rest);
    const visible = await show(page.edges.map(({ node }) => node));
    const kept = page.edges.filter(({ node }) => visible.has(node));
    shown = isLast ? [...kept, ...shown] : [...shown, ...kept];
    const hasMore = shown.length > size;
    if (hasMore || !page.hasMore)
      return { edges: isLast ? shown.slice(-size) : shown.slice(0, size), hasMore };
    rest = isLast
      ? { ...rest, before: page.edges[0]?.cursor ?? rest.before }
      : { ...rest, after: page.edges.at(-1)?.cursor ?? rest.after };
  }
  if (shown.length > 0) return { edges: shown, hasMore: true };
  const msg = 'Too much of this list is hidden from you: narrow it by a filter.';
  throw fault('too_much_hidden', ['filter'], msg, { message: msg });
}
