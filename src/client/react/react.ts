import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react';
import type { Attachment, Claimcheck } from '../claimcheck.js';
import type { RecordInput } from '../schema-types.js';
import { follow } from './follow.js';
import { type UploadItem, type UploadPlace, UploadQueue, type UseUploadOptions } from './upload-queue.js';

export interface Uploads {
  items: readonly UploadItem[];
  isUploading: boolean;
  /**
   * Takes files in; each begins as soon as there is a place. A page that has kept files over a reload gives them with the `key` of
   * each item, in order. `place` is another record and field than those of the options.
   */
  upload(files: Iterable<File | Blob>, keys?: readonly string[], place?: UploadPlace): void;
  /** Ends one that waits or is on its way. */
  abort(id: number): void;
  /** Begins one again that has failed or was aborted. Its earlier request makes no second attachment. */
  retry(id: number): void;
  /** Forgets one, which ends if it is not over. */
  remove(id: number): void;
  /** Forgets those that have ended. */
  clear(): void;
}

/**
 * Uploads files with a client, and shows how far they are. A file goes where the options said when it was chosen. All are aborted when
 * the component goes.
 */
export function useUpload(claimcheck: Claimcheck, options: UseUploadOptions = {}): Uploads {
  const [queue] = useState(() => new UploadQueue(claimcheck, options));
  useEffect(() => queue.configure(claimcheck, options));
  useEffect(() => queue.open(), [queue]);
  const items = useSyncExternalStore(queue.subscribe, queue.items, queue.items);
  const isUploading = items.some(({ state }) => state === 'waiting' || state === 'uploading');
  const { upload, abort, retry, remove, clear } = queue;
  return { items, isUploading, upload, abort, retry, remove, clear };
}

export interface UseAttachmentsOptions {
  record: RecordInput;
  /** The attachments of this field, in its order; all of the record's if left out, the newest first. */
  field?: string | undefined;
  /** Attachments of a record without a field, 1 to 1,000; 50 if left out. */
  first?: number | undefined;
}

export interface Attachments {
  attachments: readonly Attachment[];
  /** Until the first list has come. */
  isLoading: boolean;
  /** Set if the last attempt failed; usually a ClaimcheckError. */
  error: unknown;
  /** Reads the list again, and follows it again if an error has ended that. */
  refresh(): void;
}

interface State {
  /** These two tell whether the attachments are those asked for now: whom they are shown to, and the record and field. */
  claimcheck: Claimcheck;
  key: string;
  attachments: readonly Attachment[];
  isLoading: boolean;
  error: unknown;
}

type Asked = Pick<State, 'claimcheck' | 'key'>;

const isOf = (state: Asked, asked: Asked) => state.claimcheck === asked.claimcheck && state.key === asked.key;

const nothing = { attachments: [], isLoading: true, error: null };

/** The attachments of a record or of its field, kept up to date while the component is shown. */
export function useAttachments(
  claimcheck: Claimcheck,
  { record: { type, id }, field, first }: UseAttachmentsOptions,
): Attachments {
  const key = JSON.stringify([type, id, field, first]);
  const [state, setState] = useState<State>({ ...nothing, claimcheck, key });
  const refreshing = useRef(() => {});

  const read = useCallback(
    async (signal: AbortSignal): Promise<readonly Attachment[]> => {
      const record = { type, id };
      if (field === undefined) return (await claimcheck.list({ filter: { record }, first, signal })).nodes;
      return (await claimcheck.field(record, field, { signal })).links.map(({ attachment }) => attachment);
    },
    [claimcheck, type, id, field, first],
  );

  useEffect(() => {
    const stop = new AbortController();
    const { signal } = stop;
    const tellFault = (error: unknown) => {
      if (signal.aborted) return;
      const asked = { claimcheck, key };
      setState((last) => ({ ...(isOf(last, asked) ? last : nothing), ...asked, isLoading: false, error }));
    };
    const refresh = readInTurn(async () => {
      const attachments = await read(signal);
      if (!signal.aborted) setState({ claimcheck, key, attachments, isLoading: false, error: null });
    }, tellFault);
    refresh();
    const following = follow(claimcheck, { record: { type, id } }, { onChange: refresh, onFault: tellFault });
    refreshing.current = () => {
      refresh();
      following.again();
    };
    return () => {
      stop.abort();
      following.stop();
    };
  }, [claimcheck, read, type, id, key]);

  const { attachments, isLoading, error } = isOf(state, { claimcheck, key }) ? state : nothing;
  return { attachments, isLoading, error, refresh: useCallback(() => refreshing.current(), []) };
}

/** Runs one reading at a time. However often it is asked for meanwhile, one more follows. */
function readInTurn(read: () => Promise<void>, tellFault: (error: unknown) => void): () => void {
  let isRunning = false;
  let isWanted = false;
  const run = async (): Promise<void> => {
    isRunning = true;
    do {
      isWanted = false;
      await read().catch(tellFault);
    } while (isWanted);
    isRunning = false;
  };
  return () => {
    isWanted = true;
    if (!isRunning) void run();
  };
}

export type { UploadItem, UploadPlace, UseUploadOptions };
