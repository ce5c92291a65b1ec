import { useCallback, useEffect, useRef, useState } from 'react';
import { type Api, RefusedError } from '../api';
import type { Place } from '../location';
import { useReach } from '../reach';
import { type AttachmentFilter, type AttachmentOrder, FilesDocument, type FilesQuery } from './graphql';

export type ListedFile = FilesQuery['attachments']['nodes'][number];

export const orders: Readonly<Record<string, AttachmentOrder>> = {
  newest: { field: 'CREATED_AT', direction: 'DESC' },
  oldest: { field: 'CREATED_AT', direction: 'ASC' },
  byName: { field: 'FILE_NAME', direction: 'ASC' },
  largest: { field: 'SIZE', direction: 'DESC' },
};

export const types: Readonly<Record<string, string[]>> = {
  images: ['image/*'],
  videos: ['video/*'],
  audio: ['audio/*'],
  pdf: ['application/pdf'],
  texts: ['text/*'],
};

export const statuses = ['APPROVED', 'PENDING', 'REJECTED', 'SCAN_FAILED'] as const;

/** The conditions that an address names. */
function filterOf({ q = '', status = '', type = '', record = '' }: Place): AttachmentFilter {
  const found = statuses.find((one) => one === status);
  const [, recordType, id] = /^([^/]+)\/(.+)$/.exec(record) ?? [];
  return {
    ...(q === '' ? {} : { fileNameContains: q }),
    ...(found ? { status: [found] } : {}),
    ...(types[type] ? { contentType: types[type] } : {}),
    ...(recordType && id ? { record: { type: recordType, id } } : {}),
  };
}

const pageSize = 50;

interface Listed {
  key: string;
  files: readonly ListedFile[];
  /** Null at the end. */
  next: string | null;
  isLoading: boolean;
  error: string | null;
}

export interface Files extends Omit<Listed, 'key' | 'next'> {
  hasMore: boolean;
  more(): void;
  /** Reads the list again from its beginning. */
  refresh(): void;
}

/** The files that an address asks for, page by page. */
export function useFiles(api: Api, place: Place): Files {
  const { q, status, type, record, order = 'newest' } = place;
  const { returns } = useReach();
  const [version, setVersion] = useState(0);
  const key = JSON.stringify([q, status, type, record, order, version + returns]);
  const nothing: Listed = { key, files: [], next: null, isLoading: true, error: null };
  const [listed, setListed] = useState<Listed>(nothing);
  const current = useRef(key);
  current.current = key;

  const load = async (before: readonly ListedFile[], after: string | null) => {
    const variables = { filter: filterOf(place), orderBy: orders[order] ?? null, first: pageSize, after };
    try {
      const { nodes, pageInfo } = (await api.ask(FilesDocument, variables)).attachments;
      if (current.current !== key) return;
      const known = new Set(before.map(({ id }) => id));
      const files = [...before, ...nodes.filter(({ id }) => !known.has(id))];
      setListed({
        key,
        files,
        next: pageInfo.hasNextPage ? (pageInfo.endCursor ?? null) : null,
        isLoading: false,
        error: null,
      });
    } catch (error) {
      if (current.current !== key) return;
      const message = error instanceof RefusedError ? error.message : String(error);
      setListed({ key, files: before, next: after, isLoading: false, error: message });
    }
  };
  const loading = useRef(load);
  loading.current = load;

  useEffect(() => {
    // The key stands for all that the list depends on.
    if (key) void loading.current([], null);
  }, [key]);

  const state =
    listed.key === key ? listed : { ...nothing, files: version + returns > 0 ? listed.files : [] };
  const { files, next, isLoading, error } = state;
  return {
    files,
    isLoading,
    error,
    hasMore: next !== null,
    more: () => {
      if (isLoading || next === null) return;
      setListed({ ...state, isLoading: true });
      void load(files, next);
    },
    refresh: useCallback(() => setVersion((last) => last + 1), []),
  };
}
