import type { Attachment, Claimcheck } from '../claimcheck.js';
import { randomKey } from '../random-key.js';
import type { UploadOptions } from '../upload.js';

/** One file on its way, or at its end. */
export interface UploadItem {
  /** Unique within the hook. */
  id: number;
  /** The idempotency key: with the same one, however often it is sent, the file makes one attachment. */
  key: string;
  file: File | Blob;
  /** The record and field that it goes to. */
  place: UploadPlace;
  state: 'waiting' | 'uploading' | 'done' | 'failed' | 'aborted';
  /** Bytes. */
  sent: number;
  total: number;
  /** Set once it is done. */
  attachment: Attachment | null;
  /** Set once it has failed; usually a ClaimcheckError. */
  error: unknown;
}

export interface UseUploadOptions
  extends Pick<UploadOptions, 'record' | 'field' | 'recordType' | 'policy' | 'description' | 'metadata'> {
  /** Uploads at the same time; 3 if left out. */
  parallel?: number | undefined;
  onDone?: ((attachment: Attachment) => void) | undefined;
}

export type UploadPlace = Pick<UploadOptions, 'record' | 'field'>;

interface Entry {
  claimcheck: Claimcheck;
  item: UploadItem;
  stop: AbortController;
  /** As they were when it was chosen. It goes where the page showed it, also if the page shows another record meanwhile. */
  options: Omit<UseUploadOptions, 'parallel' | 'onDone'>;
}

const begin = { state: 'waiting', sent: 0, attachment: null, error: null } as const;

const isUnderWay = ({ item }: Pick<Entry, 'item'>) => item.state === 'waiting' || item.state === 'uploading';

/** Files that are uploaded, some at a time. Its methods are bound, and each change makes a new list of items. */
export class UploadQueue {
  #claimcheck: Claimcheck;
  #options: UseUploadOptions;
  #entries: Entry[] = [];
  #items: readonly UploadItem[] = [];
  #lastId = 0;
  #isOpen = false;
  readonly #listeners = new Set<() => void>();

  constructor(claimcheck: Claimcheck, options: UseUploadOptions) {
    this.#claimcheck = claimcheck;
    this.#options = options;
  }

  /** For the files that are chosen from then on; how many go at the same time, and who is told, for all. */
  configure(claimcheck: Claimcheck, options: UseUploadOptions): void {
    this.#claimcheck = claimcheck;
    this.#options = options;
    this.#fill();
  }

  /** Nothing goes before. The result aborts all, and nothing goes any more unless it is opened again. */
  open(): () => void {
    this.#isOpen = true;
    this.#fill();
    return () => {
      this.#isOpen = false;
      // StrictMode closes and opens it at once, also when a page goes on that has waited in Suspense.
      queueMicrotask(() => {
        if (this.#isOpen) return;
        for (const entry of this.#entries.filter(isUnderWay)) this.abort(entry.item.id);
      });
    };
  }

  readonly items = (): readonly UploadItem[] => this.#items;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly upload = (
    files: Iterable<File | Blob>,
    keys: readonly string[] = [],
    { record, field }: UploadPlace = this.#options,
  ): void => {
    const { parallel: _, onDone: __, ...usual } = this.#options;
    const options = { ...usual, record, field };
    const claimcheck = this.#claimcheck;
    for (const [index, file] of [...files].entries()) {
      this.#lastId += 1;
      const item = {
        ...begin,
        id: this.#lastId,
        key: keys[index] ?? randomKey(),
        file,
        place: { record, field },
        total: file.size,
      };
      this.#entries.push({ claimcheck, item, options, stop: new AbortController() });
    }
    this.#show();
    this.#fill();
  };

  readonly abort = (id: number): void => {
    const entry = this.#entries.find(({ item }) => item.id === id);
    if (entry?.item.state === 'waiting') this.#change(entry, { state: 'aborted' });
    entry?.stop.abort();
  };

  readonly retry = (id: number): void => {
    const entry = this.#entries.find(({ item }) => item.id === id);
    if (!entry || isUnderWay(entry) || entry.item.state === 'done') return;
    entry.stop = new AbortController();
    this.#change(entry, begin);
    this.#fill();
  };

  readonly remove = (id: number): void => {
    this.abort(id);
    this.#entries = this.#entries.filter(({ item }) => item.id !== id);
    this.#show();
  };

  readonly clear = (): void => {
    this.#entries = this.#entries.filter(isUnderWay);
    this.#show();
  };

  #fill(): void {
    if (!this.#isOpen) return;
    const { parallel = 3 } = this.#options;
    const running = this.#entries.filter(({ item }) => item.state === 'uploading').length;
    const waiting = this.#entries.filter(({ item }) => item.state === 'waiting');
    for (const entry of waiting.slice(0, Math.max(0, parallel - running)))
      void this.#send(entry).finally(() => this.#fill());
  }

  /** The item has the outcome. Rejects with what `onDone` throws, so that the page hears of it. */
  async #send(entry: Entry): Promise<void> {
    const { claimcheck, stop, item, options } = entry;
    this.#change(entry, { state: 'uploading' });
    let attachment: Attachment;
    try {
      const onProgress = (progress: { sent: number; total: number }) => this.#change(entry, progress);
      const own = { idempotencyKey: item.key, onProgress, signal: stop.signal };
      attachment = await claimcheck.upload(item.file, { ...options, ...own });
    } catch (error) {
      this.#change(entry, stop.signal.aborted ? { state: 'aborted' } : { state: 'failed', error });
      return;
    }
    this.#change(entry, { state: 'done', attachment });
    this.#options.onDone?.(attachment);
  }

  #change(entry: Entry, changes: Partial<UploadItem>): void {
    entry.item = { ...entry.item, ...changes };
    this.#show();
  }

  #show(): void {
    this.#items = this.#entries.map(({ item }) => item);
    for (const listener of this.#listeners) listener();
  }
}
