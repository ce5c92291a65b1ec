import { listVisible } from '../../../src/access/list-visible.js';
import { encodeCursor, type Page, type ReadPage, toPageRequest } from '../../../src/database/page.js';
import { AttachmentError } from '../../../src/errors.js';

const cursorOf = (value: number): string => encodeCursor('NUMBERS', { value, id: String(value) });

function numberAt(cursor: string): number {
  const [, value] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as [string, number];
  return value;
}

/** Numbers from 0 on, as many as are asked for. */
function numbers(total: number) {
  let read = 0;
  const readPage: ReadPage<number> = async ({ size, isLast, after, before }) => {
    const begin = after === null ? 0 : numberAt(after) + 1;
    const end = before === null ? total : numberAt(before);
    const length = Math.max(0, Math.min(size, end - begin));
    const from = isLast ? end - length : begin;
    const nodes = Array.from({ length }, (_, index) => from + index);
    read += nodes.length;
    const edges = nodes.map((node) => ({ cursor: cursorOf(node), node }));
    return { edges, hasMore: length < end - begin };
  };
  return { readPage, read: () => read };
}

/** Shows what `accepts` accepts, at the price of so many questions for each item. */
function seen(accepts: (item: number) => boolean, price = 1) {
  let asked = 0;
  return {
    asked: () => asked,
    show: async (items: readonly number[]) => {
      asked += price * items.length;
      return new Set(items.filter(accepts));
    },
  };
}

test.each([
  [{ first: 10 }, 1],
  [{ first: 50 }, 3],
  [{ first: 1_000 }, 40],
  [{ last: 50 }, 3],
])('%j of a list of which nothing is shown cost a bounded number of questions', async (page, price) => {
  const { readPage, read } = numbers(1_000_000);
  const hidden = seen(() => false, price);
  const end = await listVisible(toPageRequest(page), readPage, hidden).catch((error: unknown) => error);
  expect(end).toBeInstanceOf(AttachmentError);
  expect(end).toMatchObject({ code: 'BAD_USER_INPUT', details: [{ type: 'too_much_hidden' }] });
  // One more read of at most a thousand rows may follow once the bound is near.
  expect(hidden.asked()).toBeLessThan(2_000 + 1_001 * price);
  expect(read()).toBeLessThanOrEqual(10_000);
});

test('a page that the bound cuts off is short, says that there is more, and goes on where it ended', async () => {
  const { readPage } = numbers(10_000);
  const all = Array.from({ length: 25 }, (_, index) => index * 400);
  for (const isLast of [false, true]) {
    const shown: number[] = [];
    let cursor: string | null = null;
    let pages = 0;
    for (let more = true; more; pages += 1) {
      const visible = seen((item) => item % 400 === 0, 3);
      const request = toPageRequest(isLast ? { last: 10, before: cursor } : { first: 10, after: cursor });
      const page: Page<number> = await listVisible<number>(request, readPage, visible);
      const nodes = page.edges.map(({ node }) => node);
      if (isLast) shown.unshift(...nodes);
      else shown.push(...nodes);
      more = page.hasMore;
      cursor = page.edges.at(isLast ? 0 : -1)?.cursor ?? cursor;
    }
    expect(shown).toEqual(all);
    expect(pages).toBeGreaterThan(3);
  }
});

test('an undecided attachment fails the page as a whole', async () => {
  const { readPage } = numbers(1_000);
  const failing = {
    asked: () => 0,
    show: () => Promise.reject(new AttachmentError('AUTHORIZER_UNAVAILABLE')),
  };
  await expect(listVisible(toPageRequest({ first: 10 }), readPage, failing)).rejects.toMatchObject({
    code: 'AUTHORIZER_UNAVAILABLE',
  });
});
