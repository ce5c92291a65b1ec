import { useCallback, useEffect, useRef, useState } from 'react';
import type { RefusedError } from './api';
import { useReach } from './reach';
import { refusalFrom } from './use-answer';

interface Page<Item> {
  nodes: readonly Item[];
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
}

interface Listed<Item> {
  key: string;
  items: readonly Item[];
  /** Null at the end. */
  next: string | null;
  isLoading: boolean;
  error: RefusedError | null;
}

export interface Pages<Item> extends Omit<Listed<Item>, 'key' | 'next'> {
  hasMore: boolean;
  /** Reads the next page, or tries again one that failed. */
  more(): void;
  /** Reads the list again from its beginning. */
  refresh(): void;
}

/** A connection of the API, read page by page. It begins anew whenever `asked`, which says all that it depends on, changes, and
 * whenever the service has come back. What is shown stays meanwhile. */
export function usePages<Item extends { id: string }>(
  asked: string,
  read: (after: string | null) => Promise<Page<Item>>,
): Pages<Item> {
  const { returns } = useReach();
  const [version, setVersion] = useState(0);
  const key = `${version + returns} ${asked}`;
  const nothing: Listed<Item> = { key, items: [], next: null, isLoading: true, error: null };
  const [listed, setListed] = useState(nothing);
  const current = useRef(key);
  current.current = key;

  const load = async (before: readonly Item[], after: string | null) => {
    try {
      const { nodes, pageInfo } = await read(after);
      if (current.current !== key) return;
      const known = new Set(before.map(({ id }) => id));
      const items = [...before, ...nodes.filter(({ id }) => !known.has(id))];
      const next = pageInfo.hasNextPage ? pageInfo.endCursor : null;
      setListed({ key, items, next, isLoading: false, error: null });
    } catch (error) {
      if (current.current !== key) return;
      setListed({ key, items: before, next: after, isLoading: false, error: refusalFrom(error) });
    }
  };
  const loading = useRef(load);
  loading.current = load;
  useEffect(() => {
    if (key) void loading.current([], null);
  }, [key]);

  const isSame = listed.key.endsWith(` ${asked}`);
  const state = listed.key === key ? listed : { ...nothing, items: isSame ? listed.items : [] };
  return {
    items: state.items,
    isLoading: state.isLoading,
    error: state.error,
    hasMore: state.next !== null,
    more: () => {
      if (state.isLoading) return;
      setListed({ ...state, isLoading: true });
      void load(state.items, state.next);
    },
    refresh: useCallback(() => setVersion((last) => last + 1), []),
  };
}
